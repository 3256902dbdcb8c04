// The state of a page in its address: what a person has chosen, by name. A value that is the default is not written.

/** @typedef {Record<string, string>} Values */

/**
 * The values that an address names; of the names in `defaults` only.
 * @template {Values} T
 * @param {string} query of the address
 * @param {T} defaults
 * @returns {T}
 */
export function valuesOf(query, defaults) {
  const named = new URLSearchParams(query);
  const pairs = Object.entries(defaults).map(([name, value]) => [name, named.get(name) ?? value]);
  return /** @type {T} */ (Object.fromEntries(pairs));
}

/**
 * The address with these values; what else it names stays.
 * @param {string} address
 * @param {Values} values
 * @param {Values} defaults
 */
export function addressWith(address, values, defaults) {
  const url = new URL(address);
  for (const [name, value] of Object.entries(values)) {
    if (value === defaults[name]) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.href.replaceAll("%2C", ",");
}
