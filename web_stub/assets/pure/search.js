// Words searched for: whether a text has them, and where.

/**
 * Whether the text contains every word, in any order and case. No words are in every text.
 * @param {string} text
 * @param {string} words parted by spaces
 */
export function hasWords(text, words) {
  const low = text.toLowerCase();
  return words.trim().toLowerCase().split(/\s+/).every((word) => low.includes(word));
}

/**
 * The text in pieces, in order: those that are `wanted` (in any case), and those between them.
 * @param {string} text
 * @param {string} wanted
 * @returns {{text: string, isHit: boolean}[]}
 */
export function marked(text, wanted) {
  if (!wanted) return [{ text, isHit: false }];
  // Not by toLowerCase: some letters change their length with it, and every later place would be wrong.
  const pattern = new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
  const pieces = [];
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    pieces.push({ text: text.slice(from, found.index), isHit: false }, { text: found[0], isHit: true });
    from = found.index + found[0].length;
  }
  pieces.push({ text: text.slice(from), isHit: false });
  return pieces.filter((piece) => piece.text !== "");
}
