// Runs that a person has selected: ids in the order of selection, on any page.

/** @param {string} text as an address has it */
export function idsOf(text) {
  const ids = text.split(",").filter((id) => /^\d{1,15}$/.test(id)).map(Number);
  return [...new Set(ids)];
}

/** With these ids, or without them. @param {number[]} selected @param {number[]} ids @param {boolean} isOn */
export function withIds(selected, ids, isOn) {
  if (isOn) return [...new Set([...selected, ...ids])];
  const gone = new Set(ids);
  return selected.filter((id) => !gone.has(id));
}

/**
 * The ids from one row to another, both included, in the order of the page; the second alone where the first is not there.
 * @param {number[]} page
 * @param {number | null} from
 * @param {number} to
 */
export function between(page, from, to) {
  const [one, other] = [from === null ? -1 : page.indexOf(from), page.indexOf(to)];
  if (one < 0 || other < 0) return [to];
  return page.slice(Math.min(one, other), Math.max(one, other) + 1);
}

/** How many rows of the page are selected. @param {number[]} page @param {number[]} selected @returns {"all" | "some" | "none"} */
export function coverage(page, selected) {
  const known = new Set(selected);
  const count = page.filter((id) => known.has(id)).length;
  return count === 0 ? "none" : count === page.length ? "all" : "some";
}
