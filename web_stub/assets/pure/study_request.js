// The form of a new study: its rows as a space, its fields as a request, and the keys that a config offers.

/**
 * A row of the form; texts are as they were written.
 * @typedef {object} SpaceRow
 * @property {string} key
 * @property {"choices" | "range"} kind
 * @property {string} values of choices, with commas between them
 * @property {string} low
 * @property {string} high
 * @property {string} step
 * @property {boolean} log
 */

/**
 * What a row says of its key, as after `--set key=` of `agent tune`; the server reads it as the command does.
 * @param {SpaceRow} row
 */
export function rowText({ kind, values, low, high, step, log }) {
  if (kind === "choices") return values.trim();
  return `${low.trim()}..${high.trim()}${log ? ":log" : ""}${step.trim() ? `:step=${step.trim()}` : ""}`;
}

/** @param {SpaceRow} row */
const isEmpty = ({ key, values, low, high, step }) => ![key, values, low, high, step].some((text) => text.trim());

/**
 * The space of the rows; an empty row is left out.
 * @param {SpaceRow[]} rows
 * @returns {Record<string, string>}
 * @throws {Error} for a row without a key, or with one that an earlier row has
 */
export function spaceOf(rows) {
  /** @type {Record<string, string>} */
  const space = {};
  rows.forEach((row, i) => {
    if (isEmpty(row)) return;
    const key = row.key.trim();
    if (!key) throw new Error(`Row ${i + 1} of what varies has no key.`);
    if (Object.hasOwn(space, key)) throw new Error(`The key ${key} stands in two rows.`);
    if (row.kind === "choices" && !row.values.trim()) throw new Error(`The key ${key} has no values.`);
    space[key] = rowText(row);
  });
  return space;
}

/**
 * The search as the API takes it. What is empty is left out: the server has the defaults.
 * @param {Record<"name" | "metric" | "direction" | "trials" | "jobs" | "sampler" | "pruner" | "seed", string>} fields
 * @returns {Record<string, string | number>}
 */
export function searchOf({ metric, direction, ...rest }) {
  /** @type {Record<string, string | number>} */
  const search = metric.trim() ? { metric: metric.trim(), direction } : {};
  for (const [name, text] of Object.entries(rest)) {
    if (text.trim()) search[name] = ["trials", "jobs", "seed"].includes(name) ? Number(text) : text.trim();
  }
  return search;
}

/**
 * The keys of a config, with dots between those that lie in each other.
 * @param {unknown} config
 * @param {string} [above]
 * @returns {string[]}
 */
export function keysOf(config, above = "") {
  if (typeof config !== "object" || config === null || Array.isArray(config)) return above ? [above] : [];
  return Object.entries(config).flatMap(([key, value]) => keysOf(value, above ? `${above}.${key}` : key));
}
