// Places in the text of an editor.

const ABOVE = 4; // lines kept in sight above a mistake

/** @param {string} text */
export const lineCount = (text) => text.split("\n").length;

/**
 * The text that Enter inserts: a new line with the indentation of the old line, deeper after an opening bracket.
 * @param {string} text
 * @param {number} at
 */
export function newLine(text, at) {
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
  const indentation = /^\s*/.exec(line)?.[0] ?? "";
  return `\n${indentation}${/[[{]\s*$/.test(line) ? "  " : ""}`;
}

/**
 * How far to scroll, in the unit of `height`, so that a line is in sight.
 * @param {number} line counted from 1
 * @param {string} text
 * @param {number} height of the whole text
 */
export const scrollTo = (line, text, height) => Math.max(0, ((line - ABOVE) * height) / lineCount(text));
