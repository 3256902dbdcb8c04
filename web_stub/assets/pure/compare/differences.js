// The cells of the table of differences.

/** @import { ConfigValues } from "../../types" */

/**
 * By run, the value at each key as text, null where a run has no such key; `isUsual`: no other value is more frequent.
 * @param {Pick<ConfigValues, "values" | "which">[]} different
 * @param {number} count of runs
 * @returns {{text: string | null, isUsual: boolean}[][]}
 */
export function differenceCells(different, count) {
  const columns = different.map(({ values, which }) => {
    const texts = values.map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
    /** @type {Map<number | null, number>} */
    const counts = new Map();
    for (const place of which) counts.set(place, (counts.get(place) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const isSpread = most * 2 <= count; // where no value has a majority, none is usual and none is marked
    return which.map((place) => ({ text: place === null ? null : texts[place], isUsual: isSpread || counts.get(place) === most }));
  });
  return Array.from({ length: count }, (_, run) => columns.map((column) => column[run]));
}
