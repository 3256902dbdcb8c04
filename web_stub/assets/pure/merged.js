// A list kept up to date by the items of it that have changed.

/**
 * The known items with the changed items in their places; new items come last. Of more than `most` items those stay
 * that were changed last.
 * @template T
 * @param {T[]} known
 * @param {T[]} changed
 * @param {(item: T) => unknown} key
 * @param {number} [most]
 * @returns {T[]}
 */
export function merged(known, changed, key, most = Infinity) {
  const items = new Map(known.map((item) => [key(item), item]));
  for (const item of changed) {
    if (items.size >= most) items.delete(key(item)); // those that changed last stand last then
    items.set(key(item), item);
  }
  return [...items.values()].slice(-most);
}
