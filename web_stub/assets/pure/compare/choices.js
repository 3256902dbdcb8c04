// The columns that a person chooses from: for groups, axes and colours.

/** @import { RunComparison } from "../../types" */

/** @typedef {{key: string, title: string}} Choice */

const FIELDS = ["name", "status", "plugin", "project", "model", "engine", "agent", "type"];
const MEASURED = ["duration", "started", "lines", "checkpoints"];
const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/;
// Words of Python stand in brackets, as the server reads columns by its grammar.
const WORDS = new Set(("False None True and as assert async await break class continue def del elif else except finally for from global"
  + " if import in is lambda nonlocal not or pass raise return try while with yield").split(" "));

/** A step of a column, as the server spells it. @param {string} name */
const step = (name) => (PLAIN.test(name) && !WORDS.has(name) ? `.${name}` : `[${JSON.stringify(name)}]`);

/** @param {string} kind @param {string} name @param {"last" | "min" | "max"} at */
export const metricKey = (kind, name, at) => `metrics${step(kind)}${step(name)}${at === "last" ? "" : `@${at}`}`;

/**
 * Config values that differ, then metrics, then fields of the tasks.
 * @param {Pick<RunComparison, "different" | "metrics">} comparison
 * @param {{metrics: boolean}} which
 * @returns {{title: string, items: Choice[]}[]} groups that have items
 */
export function choicesOf({ different, metrics }, which) {
  const measured = metrics.flatMap(({ kind, name }) => /** @type {const} */ (["last", "min", "max"]).map((at) =>
    ({ key: metricKey(kind, name, at), title: `${kind} ${name}${at === "last" ? "" : ` ${at}`}` })));
  const fields = [...FIELDS, ...(which.metrics ? MEASURED : [])].map((key) => ({ key, title: key }));
  return [
    { title: "Config values that differ", items: different.map(({ key, title }) => ({ key, title })) },
    { title: "Metrics", items: which.metrics ? measured : [] },
    { title: "Of the run", items: fields },
  ].filter(({ items }) => items.length);
}
