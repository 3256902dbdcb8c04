// The colours that programs print for terminals (ECMA-48, "select graphic rendition"), as classes of the style sheet.
// Other sequences of terminals, which move a cursor or set a title, are left as the text they are.

import { marked } from "./search.js";

/** @typedef {{text: string, style: string}} Styled the style holds names of classes, with blanks between */

const SEQUENCE = /\x1b\[([\d;:]*)m/g; // eslint-disable-line no-control-regex
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const LEVELS = [0, 95, 135, 175, 215, 255]; // of the colour cube in 256 colours
/** As common terminals show them, to find the name nearest to a colour. */
const COLORS = [[0, 0, 0], [205, 0, 0], [0, 205, 0], [205, 205, 0], [0, 0, 238], [205, 0, 205], [0, 205, 205], [229, 229, 229]];

/** What a sequence can set. @typedef {{color: string, back: string, bold: boolean, faint: boolean, italic: boolean, under: boolean}} Pen */
/** @type {Pen} */
const PLAIN = { color: "", back: "", bold: false, faint: false, italic: false, under: false };

/**
 * The text without its colour sequences, in pieces of one style each.
 * @param {string} text
 * @returns {Styled[]}
 */
export function styled(text) {
  if (!text.includes("\x1b[")) return [{ text, style: "" }];
  /** @type {Styled[]} */
  const pieces = [];
  let pen = PLAIN;
  let from = 0;
  for (const found of text.matchAll(SEQUENCE)) {
    pieces.push({ text: text.slice(from, found.index), style: classesOf(pen) });
    pen = after(pen, found[1].split(/[;:]/).map(Number));
    from = found.index + found[0].length;
  }
  pieces.push({ text: text.slice(from), style: classesOf(pen) });
  return pieces.filter((piece) => piece.text !== "");
}

/** The text without its colour sequences. @param {string} text */
export const plain = (text) => text.replace(SEQUENCE, "");

/** @param {Pen} pen */
function classesOf({ color, back, bold, faint, italic, under }) {
  const flags = [bold && "a-bold", faint && "a-faint", italic && "a-italic", under && "a-under"];
  return [color && `a-${color}`, back && `a-on-${back}`, ...flags].filter(Boolean).join(" ");
}

/** The pen after the numbers of one sequence. @param {Pen} pen @param {number[]} numbers @returns {Pen} */
function after(pen, numbers) {
  let now = pen;
  for (let i = 0; i < numbers.length; i += 1) {
    const n = numbers[i];
    if (n === 38 || n === 48) {
      const [name, used] = extended(numbers.slice(i + 1));
      now = { ...now, [n === 38 ? "color" : "back"]: name };
      i += used;
    } else now = changed(now, n);
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
 * @param {number[]} numbers behind 38 or 48
 * @returns {[name: string, used: number]}
 */
function extended([kind, ...rest]) {
  if (kind === 2) return [nearest(rest.slice(0, 3)), 4];
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
 * The pieces of a line: of one style each, and wholly within or outside of what is searched for.
 * @param {string} text
 * @param {string} wanted as for `marked`; found across colours
 * @returns {(Styled & {isHit: boolean})[]}
 */
export function pieces(text, wanted) {
  const styles = styled(text);
  const hits = marked(plain(text), wanted);
  const out = [];
  let [i, used] = [0, 0]; // the style at hand, and how much of its text is out
  for (const hit of hits) {
    for (let rest = hit.text; rest;) {
      const { text: whole, style } = styles[i];
      const part = rest.slice(0, whole.length - used);
      out.push({ text: part, style, isHit: hit.isHit });
      rest = rest.slice(part.length);
      used += part.length;
      if (used === whole.length) [i, used] = [i + 1, 0];
    }
  }
  return out;
}
