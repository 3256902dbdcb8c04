// The condition of the table of runs as a person types it: the word at the caret, its completions, the place of a fault.

import { keyParts } from "./run_keys.js";

const QUOTED = String.raw`"(?:\\[^]|[^"\\])*"?`; // perhaps still open
const NAME = String.raw`[\p{L}_](?:[\p{L}\p{N}_.@]|\[(?:${QUOTED}|\d*)\]?)*`;
/**
 * A piece of a condition: a text, a name with its parts, a number, or any other sign. What may be missing stands last, so no
 * piece is ever given up and read in another way: the time grows with the length and no faster.
 */
const PIECE = new RegExp(`${QUOTED}|${QUOTED.replaceAll('"', "'")}|(?<name>${NAME})|\\p{N}[\\p{L}\\p{N}_.]*|[^]`, "uy");
const WORDS = new Set(["and", "or", "not", "in", "is", "None", "True", "False"]);

/**
 * The name that is being typed before the caret; null in quotes, and where there is none.
 * @param {string} text
 * @param {number} caret
 */
export function wordAt(text, caret) {
  const before = text.slice(0, caret);
  let [start, word] = [0, ""];
  PIECE.lastIndex = 0;
  for (let found = PIECE.exec(before); found; found = PIECE.exec(before)) {
    [start, word] = [found.index, found.groups?.name ?? ""];
  }
  return word && !WORDS.has(word) ? { start, word } : null;
}

/**
 * Names of columns for a word: first those that begin with it, then those with a part that does, then those that have it.
 * @param {string[]} keys
 * @param {string} word
 * @param {number} [most]
 */
export function completions(keys, word, most = 10) {
  const low = word.toLowerCase();
  const rank = (/** @type {string} */ key) => {
    const name = key.toLowerCase();
    if (name.startsWith(low)) return 0;
    if (keyParts(key).steps.some((step) => String(step).toLowerCase().startsWith(low))) return 1;
    return name.includes(low) ? 2 : 3;
  };
  return keys.map((key) => ({ key, rank: rank(key) })).filter((one) => one.rank < 3 && one.key !== word)
    .sort((one, other) => one.rank - other.rank).slice(0, most).map(({ key }) => key);
}

/**
 * The text with a name in place of the word at the caret, and the caret behind it.
 * @param {string} text
 * @param {number} caret
 * @param {string} key
 */
export function completed(text, caret, key) {
  const start = wordAt(text, caret)?.start ?? caret;
  return { text: `${text.slice(0, start)}${key}${text.slice(caret)}`, caret: start + key.length };
}

/**
 * A sentence of the server about a parameter: its place in the text, from 0, in units of JavaScript; null where it names none.
 * @param {string} sentence such as `where, character 11: a single "=" compares nothing: write ==`
 * @param {string} text of the parameter
 */
export function faultOf(sentence, text) {
  const found = /^(\w+)(?:, character (\d+))?: ([^]*)$/.exec(sentence);
  if (!found) return { parameter: "", place: null, said: sentence };
  const [, parameter, number, said] = found;
  const place = number ? [...text].slice(0, Number(number) - 1).join("").length : null;
  return { parameter, place, said };
}

/** Both conditions. @param {string} one may be empty @param {string} other may be empty */
export const both = (one, other) => (one.trim() && other.trim() ? `(${one}) and (${other})` : one.trim() || other.trim());
