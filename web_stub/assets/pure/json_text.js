// Strict JSON with the place of the first mistake and its remedy: the messages of browsers differ from each
// other, and none mentions a key that comes twice.

const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_$][\w$]*/y;
const ESCAPES = '"\\/bfnrt';
const INSTEAD = new Map([["True", "true"], ["False", "false"], ["None", "null"]]);
const DEEPEST = 200;

/**
 * A mistake and its place: `at` is an index of the text; line and column are counted from 1.
 * @typedef {{sentence: string, at: number, line: number, column: number}} Found
 */

class Mistake extends Error {
  /**
   * @param {string} sentence
   * @param {number} at
   */
  constructor(sentence, at) {
    super(sentence);
    this.at = at;
  }
}

/**
 * The first mistake of a text; null when the text is a JSON object.
 * @param {string} text
 * @returns {Found | null}
 */
export function mistake(text) {
  try {
    check(text);
    return null;
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    const before = text.slice(0, error.at).split("\n");
    return { sentence: error.message, at: error.at, line: before.length, column: before[before.length - 1].length + 1 };
  }
}

/**
 * @param {string} text
 * @throws {Mistake}
 */
function check(text) {
  let at = 0;
  /** @type {(sentence: string, where?: number) => never} */
  const fail = (sentence, where = at) => { throw new Mistake(sentence, where); };
  const space = () => {
    while (" \t\n\r".includes(text[at] ?? "x")) at += 1;
    const isComment = text.startsWith("//", at) || text.startsWith("/*", at) || text[at] === "#";
    if (isComment) fail("JSON knows no comments; remove this one");
  };
  const match = (/** @type {RegExp} */ pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const string = (/** @type {string} */ what) => {
    if (text[at] === "'" || text[at] === "“") fail(`${what} stands in straight double quotes: "`);
    const word = match(WORD);
    if (text[at] !== '"') fail(word ? `${what} needs double quotes: "${word}"` : `${what} is expected here`);
    const start = at;
    for (at += 1; text[at] !== '"'; at += 1) {
      if (at >= text.length || text[at] === "\n") fail("this text has no closing quote", start);
      if (text[at] < " ") fail("a tab or control character inside a text is written as \\t or \\u0000");
      if (text[at] !== "\\") continue;
      at += 1;
      const isKnown = ESCAPES.includes(text[at] ?? "x");
      if (text[at] === "u" && /^[0-9a-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) at += 4;
      else if (!isKnown) fail("this backslash begins no escape JSON knows; write \\\\ for a backslash", at - 1);
    }
    at += 1;
    return String(JSON.parse(text.slice(start, at)));
  };
  /** Whether the object or list ends here; else a further entry follows. @param {string} end @param {number} opened */
  const isClosed = (end, opened) => {
    space();
    if (text[at] === end) { at += 1; return true; }
    if (text[at] === undefined) fail(`this ${text[opened]} is never closed; a ${end} is missing`, opened);
    if (text[at] !== ",") fail(`a comma or ${end} is missing before this`);
    const comma = at;
    at += 1;
    space();
    if (text[at] === end) fail("this comma is one too many: the last entry has none after it", comma);
    return false;
  };
  /** @param {number} depth */
  const object = (depth) => {
    const opened = at;
    const keys = new Set();
    at += 1;
    space();
    if (text[at] === "}") { at += 1; return; }
    do {
      const start = at;
      if (text[at] === undefined) fail("this { is never closed; a } is missing", opened);
      const key = string("a key");
      if (keys.has(key)) fail(`the key "${key}" comes twice in this object`, start);
      keys.add(key);
      space();
      if (text[at] !== ":") fail(`a colon is missing after the key "${key}"`);
      at += 1;
      value(depth);
    } while (!isClosed("}", opened));
  };
  /** @param {number} depth */
  const list = (depth) => {
    const opened = at;
    at += 1;
    space();
    if (text[at] === "]") { at += 1; return; }
    do value(depth); while (!isClosed("]", opened));
  };
  /** @param {string} digits */
  const number = (digits) => {
    const next = text[at + digits.length] ?? "";
    if (/[\d.]/.test(next)) {
      fail("this is no JSON number; digits stand on both sides of the point and none begins with 0");
    }
    if (!Number.isFinite(Number(digits))) fail("this number is too large");
    at += digits.length;
  };
  const word = () => {
    const found = match(WORD);
    if (!found) fail(text[at] === "," ? "a value is missing before this comma" : "a value is expected here");
    if (!["true", "false", "null"].includes(found)) fail(notAWord(found));
    at += found.length;
  };
  /** @param {number} depth */
  const value = (depth) => {
    space();
    if (depth > DEEPEST) fail("this is nested too deeply");
    const char = text[at];
    if (char === undefined) fail("a value is missing at the end");
    const digits = match(NUMBER);
    if (char === "{") object(depth + 1);
    else if (char === "[") list(depth + 1);
    else if (char === '"' || char === "'" || char === "“") string("a text");
    else if (digits) number(digits);
    else word();
  };
  space();
  if (text[at] === undefined) fail("the config is empty; {} is the smallest one");
  if (text[at] !== "{") fail("the config must be a JSON object; it begins with {");
  value(0);
  space();
  if (at < text.length) fail("there is something after the closing }");
}

/** The sentence about a word that JSON does not know. @param {string} word */
function notAWord(word) {
  const instead = INSTEAD.get(word);
  if (instead) return `${word} is written ${instead} in JSON`;
  if (["NaN", "Infinity", "inf", "nan"].includes(word)) return `JSON has no ${word}; write null or a number`;
  return `a text needs double quotes: "${word}"`;
}

const WIDTH = 76;

/**
 * Valid JSON, indented anew without touching a single number or text; short flat parts stay on one line.
 * @param {string} text
 */
export function pretty(text) {
  const pieces = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let at = 0;
  /**
   * @param {number} indent
   * @returns {{text: string, isBox: boolean}} isBox: an object or a list
   */
  const value = (indent) => {
    const opening = pieces[at];
    at += 1;
    if (opening !== "{" && opening !== "[") return { text: opening, isBox: false };
    const closing = opening === "{" ? "}" : "]";
    const entries = [];
    let isNested = false;
    while (pieces[at] !== closing) {
      if (pieces[at] === ",") at += 1;
      const key = opening === "{" ? `${pieces[at]}: ` : "";
      if (key) at += 2;
      const inner = value(indent + 2);
      isNested ||= inner.isBox;
      entries.push(key + inner.text);
    }
    at += 1;
    const flat = `${opening}${entries.join(", ")}${closing}`;
    const isShort = indent > 0 && !isNested && flat.length + indent <= WIDTH;
    if (!entries.length || isShort) return { text: flat, isBox: true };
    const pad = " ".repeat(indent + 2);
    return { text: `${opening}\n${pad}${entries.join(`,\n${pad}`)}\n${" ".repeat(indent)}${closing}`, isBox: true };
  };
  return value(0).text;
}
