// The condition of the table of runs as a person types it: the word at the caret, its completions, the place of a fault.

import { keyParts } from "./run_keys.js";

const WORD = /[\p{L}_][\p{L}\p{N}_.@]*(?:\[(?:"[^"]*"?|\d*)\]?[\p{L}\p{N}_.@]*)*$/u;
const WORDS = new Set(["and", "or", "not", "in", "is", "None", "True", "False"]);

/** Whether the end of the text stands in quotes. @param {string} text */
function isInQuotes(text) {
  let quote = "";
  for (let i = 0; i < text.length; i += 1) {
    if (quote && text[i] === "\\") i += 1;
    else if (quote) quote = text[i] === quote ? "" : quote;
    else if (text[i] === '"' || text[i] === "'") quote = text[i];
  }
  return quote !== "";
}

/**
 * The name that is being typed before the caret; null in quotes, and where there is none.
 * @param {string} text
 * @param {number} caret
 */
export function wordAt(text, caret) {
  const before = text.slice(0, caret);
  const found = WORD.exec(before);
  if (!found || WORDS.has(found[0]) || isInQuotes(before.slice(0, found.index))) return null;
  return { start: found.index, word: found[0] };
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
