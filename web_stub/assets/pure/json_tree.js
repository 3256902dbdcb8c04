// A JSON text as a tree whose nodes know where they stand, so that one value is changed and no other character is: numbers
// keep their spelling, keys their order, lines their indentation.

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * A value and its place: the text from `start` to `end` is its own.
 * @typedef {object} Node
 * @property {"object" | "list" | "text" | "number" | "boolean" | "null"} kind
 * @property {number} start
 * @property {number} end
 * @property {Entry[]} entries of an object or a list
 */
/**
 * @typedef {object} Entry
 * @property {string} key of an object's entry; empty in a list
 * @property {number} at where the entry begins
 * @property {Node} node
 */

/**
 * @param {string} text valid JSON, without keys that come twice
 * @returns {Node}
 */
export function tree(text) {
  let at = 0;
  const space = () => { while (" \t\n\r".includes(text[at] ?? "x")) at += 1; };
  const string = () => {
    const start = at;
    for (at += 1; text[at] !== '"'; at += 1) if (text[at] === "\\") at += 1;
    at += 1;
    return text.slice(start, at);
  };
  /** @returns {Node} */
  const box = () => {
    const start = at;
    const isObject = text[at] === "{";
    const closing = isObject ? "}" : "]";
    /** @type {Entry[]} */
    const entries = [];
    at += 1;
    space();
    while (text[at] !== closing) {
      if (text[at] === ",") { at += 1; space(); }
      const begins = at;
      const key = isObject ? String(JSON.parse(string())) : "";
      if (isObject) { space(); at += 1; }
      entries.push({ key, at: begins, node: value() });
      space();
    }
    at += 1;
    return { kind: isObject ? "object" : "list", start, end: at, entries };
  };
  /** @returns {Node} */
  const value = () => {
    space();
    const start = at;
    const char = text[at] ?? "";
    if (char === "{" || char === "[") return box();
    if (char === '"') string();
    else while (at < text.length && !" \t\n\r,]}".includes(text[at])) at += 1;
    const kind = char === '"' ? "text" : char === "n" ? "null" : "tf".includes(char) ? "boolean" : "number";
    return { kind, start, end: at, entries: [] };
  };
  return value();
}

/**
 * The value at a path of keys; null where there is none.
 * @param {Node} root
 * @param {string[]} path
 * @returns {Node | null}
 */
export function nodeAt(root, path) {
  /** @type {Node | null} */
  let node = root;
  for (const key of path) node = (node?.kind === "object" && node.entries.find((one) => one.key === key)?.node) || null;
  return node;
}

/**
 * The text with another value in this place.
 * @param {string} text
 * @param {string[]} path
 * @param {string} value JSON
 */
export function replaced(text, path, value) {
  const node = nodeAt(tree(text), path);
  return node ? text.slice(0, node.start) + value + text.slice(node.end) : added(text, path, value);
}

/**
 * The text with a key more, at the end of its object; objects on the way that are missing are made. Unchanged where
 * something other than an object is on the way.
 * @param {string} text
 * @param {string[]} path
 * @param {string} value JSON
 */
export function added(text, path, value) {
  const root = tree(text);
  let depth = 0;
  while (depth < path.length - 1 && nodeAt(root, path.slice(0, depth + 1))) depth += 1;
  const box = nodeAt(root, path.slice(0, depth));
  if (box?.kind !== "object" || box.entries.some((one) => one.key === path[depth])) return text;
  const inner = path.slice(depth + 1).reduceRight((made, key) => `{${JSON.stringify(key)}: ${made}}`, value);
  const entry = `${JSON.stringify(path[depth])}: ${inner}`;
  const last = box.entries.at(-1);
  if (!last) {
    const filled = depth === 0 ? `{\n  ${entry}\n}` : `{${entry}}`;
    return text.slice(0, box.start) + filled + text.slice(box.end);
  }
  const before = text.slice(box.start + 1, box.entries[0].at); // a line's end and an indentation, or nothing
  const gap = before.includes("\n") ? before.slice(before.lastIndexOf("\n")) : " ";
  return `${text.slice(0, last.node.end)},${gap}${entry}${text.slice(last.node.end)}`;
}

/**
 * The text without this key.
 * @param {string} text
 * @param {string[]} path
 */
export function removed(text, path) {
  const box = nodeAt(tree(text), path.slice(0, -1));
  const i = box?.kind === "object" ? box.entries.findIndex((one) => one.key === path.at(-1)) : -1;
  if (!box || i < 0) return text;
  const [entry, next, previous] = [box.entries[i], box.entries[i + 1], box.entries[i - 1]];
  if (next) return text.slice(0, entry.at) + text.slice(next.at);
  if (previous) return text.slice(0, previous.node.end) + text.slice(entry.node.end);
  return `${text.slice(0, box.start)}{}${text.slice(box.end)}`;
}

/** Whether a text is a JSON number that every reader takes. @param {string} text */
export const isNumber = (text) => NUMBER.test(text) && Number.isFinite(Number(text));
