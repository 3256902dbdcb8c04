// Strict JSON with the place of the first mistake and what to do about it: browsers' own messages differ
// from each other, and none mentions a key that comes twice.

const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_$][\w$]*/y;
const ESCAPES = '"\\/bfnrt';
const INSTEAD = new Map([["True", "true"], ["False", "false"], ["None", "null"]]);
const DEEPEST = 200;

class Mistake extends Error {
  constructor(sentence, at) {
    super(sentence);
    this.at = at;
  }
}

/** null when the text is a JSON object; else {sentence, at, line, column}, counted from 1. */
export function mistake(text) {
  try {
    check(text);
    return null;
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    const before = text.slice(0, error.at).split("\n");
    return { sentence: error.message, at: error.at, line: before.length, column: before.at(-1).length + 1 };
  }
}

function check(text) {
  let at = 0;
  const fail = (sentence, where = at) => { throw new Mistake(sentence, where); };
  const space = () => {
    while (" \t\n\r".includes(text[at] ?? "x")) at += 1;
    if (text.startsWith("//", at) || text.startsWith("/*", at) || text[at] === "#") fail("JSON knows no comments; remove this one");
  };
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const string = (what) => {
    if (text[at] === "'" || text[at] === "“") fail(`${what} stands in straight double quotes: "`);
    if (text[at] !== '"') fail(match(WORD) ? `${what} needs double quotes: "${match(WORD)}"` : `${what} is expected here`);
    const start = at;
    for (at += 1; text[at] !== '"'; at += 1) {
      if (at >= text.length || text[at] === "\n") fail("this text has no closing quote", start);
      if (text[at] < " ") fail("a tab or control character inside a text is written as \\t or \\u0000");
      if (text[at] !== "\\") continue;
      at += 1;
      if (text[at] === "u" && /^[0-9a-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) at += 4;
      else if (!ESCAPES.includes(text[at] ?? "x")) fail("this backslash begins no escape JSON knows; write \\\\ for a backslash", at - 1);
    }
    at += 1;
    return JSON.parse(text.slice(start, at));
  };
  const close = (end, opened) => {
    space();
    if (text[at] === end) { at += 1; return true; }
    if (text[at] === undefined) fail(`this ${opened.char} is never closed; a ${end} is missing`, opened.at);
    if (text[at] !== ",") fail(`a comma or ${end} is missing before this`);
    const comma = at;
    at += 1;
    space();
    if (text[at] === end) fail("this comma is one too many: the last entry has none after it", comma);
    return false;
  };
  const object = (depth) => {
    const opened = { at, char: "{" };
    const keys = new Set();
    at += 1;
    space();
    if (text[at] === "}") { at += 1; return; }
    do {
      const start = at;
      if (text[at] === undefined) fail("this { is never closed; a } is missing", opened.at);
      const key = string("a key");
      if (keys.has(key)) fail(`the key "${key}" comes twice in this object`, start);
      keys.add(key);
      space();
      if (text[at] !== ":") fail(`a colon is missing after the key "${key}"`);
      at += 1;
      value(depth);
    } while (!close("}", opened));
  };
  const list = (depth) => {
    const opened = { at, char: "[" };
    at += 1;
    space();
    if (text[at] === "]") { at += 1; return; }
    do value(depth); while (!close("]", opened));
  };
  const value = (depth) => {
    space();
    if (depth > DEEPEST) fail("this is nested too deeply");
    const char = text[at];
    if (char === undefined) fail("a value is missing at the end");
    if (char === "{") return object(depth + 1);
    if (char === "[") return list(depth + 1);
    if (char === '"' || char === "'" || char === "“") return string("a text");
    const number = match(NUMBER);
    if (number) {
      if (/\d/.test(text[at + number.length] ?? "") || text[at + number.length] === ".") fail("this is no JSON number; digits stand on both sides of the point and none begins with 0");
      if (!Number.isFinite(Number(number))) fail("this number is too large");
      at += number.length;
      return undefined;
    }
    const word = match(WORD);
    if (["true", "false", "null"].includes(word)) { at += word.length; return undefined; }
    const instead = INSTEAD.get(word);
    if (instead) fail(`${word} is written ${instead} in JSON`);
    if (["NaN", "Infinity", "inf", "nan"].includes(word)) fail(`JSON has no ${word}; write null or a number`);
    return fail(word ? `a text needs double quotes: "${word}"` : char === "," ? "a value is missing before this comma" : "a value is expected here");
  };
  space();
  if (text[at] === undefined) fail("the config is empty; {} is the smallest one");
  if (text[at] !== "{") fail("the config must be a JSON object; it begins with {");
  value(0);
  space();
  if (at < text.length) fail("there is something after the closing }");
}

const WIDTH = 76;

/** Valid JSON, indented anew without touching a single number or text; what is short and flat stays on one line. */
export function pretty(text) {
  const pieces = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
  let at = 0;
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
    if (!entries.length || (indent > 0 && !isNested && flat.length + indent <= WIDTH)) return { text: flat, isBox: true };
    const pad = " ".repeat(indent + 2);
    return { text: `${opening}\n${pad}${entries.join(`,\n${pad}`)}\n${" ".repeat(indent)}${closing}`, isBox: true };
  };
  return value(0).text;
}
