// Which rows of a long grid have to be there: those in sight, and some around them.

/**
 * `from` and `to` count items, `to` is not among them; `before` and `after` are the heights of the rows left out.
 * @typedef {{from: number, to: number, before: number, after: number}} Rows
 */

/**
 * Heights are in pixels.
 * @param {object} grid
 * @param {number} grid.top where its first row begins, from the top of the window; negative when it is scrolled past
 * @param {number} grid.height of the window
 * @param {number} grid.row height of a row with the gap below it
 * @param {number} grid.columns
 * @param {number} grid.count of all items
 * @param {number} grid.margin that is there above and below the window
 * @returns {Rows}
 */
export function rowsInSight({ top, height, row, columns, count, margin }) {
  const rows = Math.ceil(count / columns);
  const at = (/** @type {number} */ y) => Math.max(0, Math.min(rows, y / row));
  const first = Math.floor(at(-top - margin));
  const last = Math.max(first, Math.ceil(at(height + margin - top)));
  return { from: first * columns, to: Math.min(count, last * columns), before: first * row, after: (rows - last) * row };
}
