// Which columns the table of runs shows: a choice for those who made none, changes of the choice, and the list to choose from.

/** @import { RunColumns } from "../types" */
import { isNumeric } from "./run_cells.js";
import { heading, keyParts, variants } from "./run_keys.js";
import { hasWords } from "./search.js";

const MOST_CONFIG = 5; // values of the config, and
const MOST_METRICS = 4; // metrics that are shown where nobody has chosen
const SMALLER_IS_BETTER = /loss|err|rmse|mse|mae|perplexity/i;
const SIMPLE = ["number", "text", "bool"];
/** Columns of numbers in a table of groups: the server sums no more. */
export const MOST_SUMMED = 20;

/**
 * The columns of a table for which nobody has chosen any: what the tasks are, by what their configs differ, how well they did.
 * @param {RunColumns} known
 */
export function defaultColumns({ config, metrics }) {
  const isSimple = (/** @type {Record<string, number>} */ kinds) => Object.keys(kinds).some((kind) => SIMPLE.includes(kind));
  const differing = config.filter((one) => one.differs && isSimple(one.kinds)).slice(0, MOST_CONFIG);
  const validated = metrics.filter(({ kind }) => kind === "val");
  const measured = (validated.length ? validated : metrics).slice(0, MOST_METRICS);
  const best = measured.map(({ key, name }) => `${key}@${SMALLER_IS_BETTER.test(name) ? "min" : "max"}`);
  return ["name", "status", ...differing.map(({ key }) => key), ...best, "duration", "created"];
}

/** One place to the left (-1) or right (1). @param {string[]} columns @param {string} key @param {number} by */
export function moved(columns, key, by) {
  const from = columns.indexOf(key);
  const to = from + by;
  if (from < 0 || to < 0 || to >= columns.length) return columns;
  return columns.with(from, columns[to]).with(to, key);
}

/** @typedef {{key: string, title: string, under: string, values: [title: string, key: string][]}} Choice */

/**
 * All columns that there are, in groups, of those that have the words; a metric has several values to choose.
 * @param {RunColumns} known
 * @param {string} words
 * @returns {{title: string, choices: Choice[], of: number}[]} `of` counts all of the group
 */
export function choices(known, words) {
  const tasks = (/** @type {number} */ count) => `${count} ${count === 1 ? "task" : "tasks"}`;
  const wanted = (/** @type {Choice} */ one) => hasWords(`${one.key} ${one.title}`, words);
  const fields = known.fields.filter(({ key }) => key !== "id").map(({ key, title }) =>
    ({ key, title, under: "", values: /** @type {[string, string][]} */ ([["", key]]) }));
  const config = known.config.map(({ key, title, tasks: count, differs }) =>
    ({ key, title, under: `${tasks(count)}${differs ? ", differing" : ""}`, values: /** @type {[string, string][]} */ ([["", key]]) }));
  const metrics = known.metrics.map(({ key, kind, name, tasks: count }) =>
    ({ key, title: `${kind} ${name}`, under: tasks(count), values: /** @type {[string, string][]} */ (variants(key)) }));
  return [
    { title: "Task", choices: fields.filter(wanted), of: fields.length },
    { title: "Config", choices: config.filter(wanted), of: known.config_count },
    { title: "Metrics", choices: metrics.filter(wanted), of: known.metrics_count },
  ];
}

/** A text that names a column which no list may have, as `metrics.val.loss@10`. @param {string} text */
export function isKey(text) {
  const { root, steps, at } = keyParts(text.trim());
  return (root === "config" && steps.length > 0 && at === "") || (root === "metrics" && steps.length === 2);
}

/** Names of all columns that a condition may have. @param {RunColumns} known */
export const everyKey = ({ fields, config, metrics }) => [
  ...fields.map(({ key }) => key), ...config.map(({ key }) => key),
  ...metrics.flatMap(({ key }) => variants(key).map(([, one]) => one)),
];

/**
 * Of these columns, those that have numbers.
 * @param {RunColumns} known
 * @param {string[]} columns
 */
export function numericColumns({ fields, config }, columns) {
  const kinds = new Map(fields.map(({ key, kind }) => [key, kind]));
  const numbers = new Set(config.filter((one) => one.kinds.number).map(({ key }) => key));
  const hasNumbers = (/** @type {string} */ key) => {
    const { root, at } = keyParts(key);
    if (root === "metrics") return at === "" || /^[a-z]/.test(at); // groups have no values at an epoch
    return numbers.has(key) || (isNumeric(kinds.get(key) ?? "") && key !== "id");
  };
  return columns.filter(hasNumbers);
}

/** Columns by whose values runs are often put together. @param {RunColumns} known @param {number} [most] of each kind */
export function groupable({ fields, config }, most = 100) {
  const plain = fields.filter(({ kind, key }) => ["text", "status", "reference"].includes(kind) && key !== "name");
  const values = config.filter((one) => Object.keys(one.kinds).some((kind) => SIMPLE.includes(kind)));
  const differing = [...values.filter((one) => one.differs), ...values.filter((one) => !one.differs)];
  return [...plain.map(({ key }) => key), ...differing.slice(0, most).map(({ key }) => key)];
}

/** A key in words for a label. @param {string} key */
export function spoken(key) {
  const { over, name } = heading(key);
  const [kind, value] = over.split(" · ");
  return [kind, name, value].filter(Boolean).join(" ");
}
