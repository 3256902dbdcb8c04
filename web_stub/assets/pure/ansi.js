// The colours that programs print for terminals (ECMA-48, "select graphic rendition"), as classes of the style sheet.
// Other sequences of terminals, which move a cursor or set a title, are left as the text they are.

import { marked } from "./search.js";

/** @typedef {{text: string, style: string}} Styled the style holds names of classes, with blanks between */

const SEQUENCE = /\x1b\[([\d;:]*)m/g; // eslint-disable-line no-control-regex
/** Control sequences, commands that end with BEL or ST (titles, links), other escapes, and an escape by itself. */
// eslint-disable-next-line no-control-regex
const ANY = /\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]+[0-~]|[0-Z\\-~])?/g;
const MOST = 500; // pieces of a line
const MOST_PARTS = 8; // of a parameter
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const LEVELS = [0, 95, 135, 175, 215, 255]; // of the colour cube in 256 colours
/** As common terminals show them, to find the name nearest to a colour. */
const COLORS = [[0, 0, 0], [205, 0, 0], [0, 205, 0], [205, 205, 0], [0, 0, 238], [205, 0, 205], [0, 205, 205], [229, 229, 229]];

/** What a sequence can set. @typedef {{color: string, back: string, bold: boolean, faint: boolean, italic: boolean, under: boolean}} Pen */
/** @type {Pen} */
const PLAIN = { color: "", back: "", bold: false, faint: false, italic: false, under: false };

/**
 * The text without its colour sequences, in pieces of one style each. After MOST pieces the rest is one plain piece.
 * @param {string} text
 * @returns {Styled[]}
 */
export function styled(text) {
  if (!text.includes("\x1b[")) return [{ text, style: "" }];
  /** @type {Styled[]} */
  const pieces = [];
  let pen = PLAIN;
  let from = 0;
  const add = (/** @type {string} */ part, /** @type {string} */ style) => {
    const last = pieces.at(-1);
    if (last && last.style === style) last.text += part;
    else if (part) pieces.push({ text: part, style });
  };
  for (const found of text.matchAll(SEQUENCE)) {
    add(text.slice(from, found.index), classesOf(pen));
    if (pieces.length >= MOST) {
      add(plain(text.slice(found.index)), "");
      return pieces;
    }
    pen = after(pen, found[1].split(";"));
    from = found.index + found[0].length;
  }
  add(text.slice(from), classesOf(pen));
  return pieces;
}

/** The text without its colour sequences. @param {string} text */
export const plain = (text) => text.replace(SEQUENCE, "");

/** The text without any sequence of terminals, for places that show no colours. @param {string} text */
export const bare = (text) => (text.includes("\x1b") ? text.replace(ANY, "") : text);

/** @param {Pen} pen */
function classesOf({ color, back, bold, faint, italic, under }) {
  const flags = [bold && "a-bold", faint && "a-faint", italic && "a-italic", under && "a-under"];
  return [color && `a-${color}`, back && `a-on-${back}`, ...flags].filter(Boolean).join(" ");
}

/**
 * The pen after one sequence. A parameter may have parts with colons between, as ISO 8613-6 has it: `38:2::R:G:B`.
 * @param {Pen} pen @param {string[]} parameters
 * @returns {Pen}
 */
function after(pen, parameters) {
  let now = pen;
  for (let i = 0; i < parameters.length; i += 1) {
    const parts = parameters[i].split(":", MOST_PARTS).map(Number);
    const [n] = parts;
    if (n === 38 || n === 48 || n === 58) {
      const isWhole = parts.length > 1; // else the parts are the next parameters
      const [name, used] = extended(isWhole ? parts.slice(1) : parameters.slice(i + 1, i + 5).map(Number), isWhole);
      if (n !== 58) now = { ...now, [n === 38 ? "color" : "back"]: name }; // 58 is the colour of underlines
      if (!isWhole) i += used;
    } else if (parts.length === 1) now = changed(now, n);
    else if (n === 4) now = changed(now, parts[1] ? 4 : 24); // kinds of underlines
  }
  return now;
}

/** @param {Pen} pen @param {number} n @returns {Pen} */
function changed(pen, n) {
  if (n >= 30 && n <= 37) return { ...pen, color: NAMES[n - 30] };
  if (n >= 90 && n <= 97) return { ...pen, color: NAMES[n - 90] };
  if (n >= 40 && n <= 47) return { ...pen, back: NAMES[n - 40] };
  if (n >= 100 && n <= 107) return { ...pen, back: NAMES[n - 100] };
  switch (n) {
    case 0: return PLAIN;
    case 1: return { ...pen, bold: true };
    case 2: return { ...pen, faint: true };
    case 3: return { ...pen, italic: true };
    case 4: return { ...pen, under: true };
    case 22: return { ...pen, bold: false, faint: false };
    case 23: return { ...pen, italic: false };
    case 24: return { ...pen, under: false };
    case 39: return { ...pen, color: "" };
    case 49: return { ...pen, back: "" };
    default: return pen;
  }
}

/**
 * A colour of 256, or of three parts: the name nearest to it, and how many numbers it took.
 * @param {number[]} numbers behind 38, 48 or 58
 * @param {boolean} isWhole whether these are all: then there may be the number of a colour space before the three
 * @returns {[name: string, used: number]}
 */
function extended([kind, ...rest], isWhole) {
  if (kind === 2) return [nearest(isWhole && rest.length > 3 ? rest.slice(1, 4) : rest.slice(0, 3)), 4];
  if (kind !== 5) return ["", 1];
  const n = rest[0] ?? 0;
  if (n < 16) return [NAMES[n % 8] ?? "", 2];
  if (n > 231) return [nearest(Array(3).fill(8 + 10 * (n - 232))), 2];
  const cube = n - 16;
  return [nearest([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => LEVELS[level])), 2];
}

/** @param {number[]} rgb */
function nearest(rgb) {
  const far = COLORS.map((one) => one.reduce((sum, part, i) => sum + (part - (rgb[i] || 0)) ** 2, 0));
  return NAMES[far.indexOf(Math.min(...far))];
}

/**
 * The pieces of a line: of one style each, and wholly within or outside of what is searched for. After MOST pieces the
 * rest is one plain piece: a line of a hundred thousand elements would hold the page for seconds.
 * @param {string} text
 * @param {string} wanted as for `marked`; found across colours
 * @returns {(Styled & {isHit: boolean})[]}
 */
export function pieces(text, wanted) {
  const styles = styled(text);
  const whole = styles.map((one) => one.text).join("");
  const out = [];
  let [i, styleEnd] = [0, styles[0]?.text.length ?? 0]; // the style at hand, and where in the whole text it ends
  let [from, hitEnd] = [0, 0];
  for (const { text: hit, isHit } of marked(whole, wanted)) {
    hitEnd += hit.length;
    while (from < hitEnd) {
      if (out.length >= MOST) return [...out, { text: whole.slice(from), style: "", isHit: false }];
      const to = Math.min(hitEnd, styleEnd);
      out.push({ text: whole.slice(from, to), style: styles[i].style, isHit });
      from = to;
      if (from === styleEnd) styleEnd += styles[i += 1]?.text.length ?? 0;
    }
  }
  return out;
}
