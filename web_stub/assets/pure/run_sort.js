// The order of the table of runs: columns one after another, each up or down, as a click on a head changes them.

import { splitKeys } from "./run_keys.js";

/** @typedef {{key: string, isDown: boolean}} SortKey */

/** @param {string} text as an address has it @returns {SortKey[]} */
export const sortOf = (text) => splitKeys(text).map((part) =>
  (part.startsWith("-") ? { key: part.slice(1).trim(), isDown: true } : { key: part, isDown: false }));

/** @param {SortKey[]} sort */
export const sortText = (sort) => sort.map(({ key, isDown }) => `${isDown ? "-" : ""}${key}`).join(",");

/**
 * The order after a click on a head: up, then down, then not at all. A click that adds keeps the other columns.
 * @param {SortKey[]} sort
 * @param {string} key
 * @param {boolean} isAdding
 * @returns {SortKey[]}
 */
export function clicked(sort, key, isAdding) {
  const known = sort.find((one) => one.key === key);
  const next = !known ? { key, isDown: false } : known.isDown ? null : { key, isDown: true };
  if (!isAdding) return next ? [next] : [];
  if (!known) return [...sort, { key, isDown: false }];
  return sort.flatMap((one) => (one.key !== key ? [one] : next ? [next] : []));
}

/**
 * Where a column stands in the order.
 * @param {SortKey[]} sort
 * @param {string} key
 * @returns {{aria: "ascending" | "descending" | null, mark: string}} `mark` has the place where there are several
 */
export function sortMark(sort, key) {
  const place = sort.findIndex((one) => one.key === key);
  if (place < 0) return { aria: null, mark: "" };
  const { isDown } = sort[place];
  return { aria: isDown ? "descending" : "ascending", mark: `${isDown ? "↓" : "↑"}${sort.length > 1 ? place + 1 : ""}` };
}
