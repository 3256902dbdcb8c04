// Cells of the table of runs as a person reads them.

/** @import { Ref, Summary } from "../types" */
import * as show from "./format.js";

/**
 * A cell in words: `text`, the whole of it as `title` where the text may be cut or rounded, and where it leads.
 * @typedef {{text: string, title: string, href?: string}} Cell
 */

export const NONE = "–";
const LONG = 24; // characters, from which on a column may cut a text
const EXACT = 9; // characters of a number of a config that is shown as it was given

/** Pages of references, by column. @type {Record<string, string>} */
const PLACES = { plugin: "plugins", project: "projects", model: "models", best_checkpoint: "models" };

/** Kinds of columns whose cells stand right. @param {string} kind */
export const isRight = (kind) => ["number", "duration", "size"].includes(kind);

/** Columns that have numbers: those which groups have means of. @param {string} kind */
export const isNumeric = isRight;

/**
 * @param {{key: string, kind: string}} column
 * @param {any} value of the cell
 * @param {number} [now] in ms, by the server's clock
 * @returns {Cell}
 */
export function cell({ key, kind }, value, now) {
  if (value === null || value === undefined) return { text: NONE, title: "" };
  switch (kind) {
    case "time": return { text: show.ago(value, now), title: show.dateTime(value) };
    case "duration": return { text: show.duration(1000 * value), title: "" };
    case "size": return { text: show.bytes(value), title: `${show.count(value)} bytes` };
    case "reference": {
      const { id, name } = /** @type {Ref} */ (value);
      return { text: name, title: name.length > LONG ? name : "", href: `/${PLACES[key] ?? "models"}/${id}` };
    }
  }
  if (typeof value === "number") return number(value, key.startsWith("config") ? EXACT : 0);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { text, title: text.length > LONG ? text : "" };
}

/** @param {number} value @param {number} exact characters up to which the number stands as it is @returns {Cell} */
function number(value, exact) {
  const whole = String(value);
  const text = whole.length <= exact ? whole : show.number(value);
  return { text, title: text.replaceAll(",", "") === whole ? "" : whole };
}

/**
 * The numbers of a group: mean and deviation, and the least and the greatest as title.
 * @param {string} kind
 * @param {Summary} summary
 * @returns {Cell}
 */
export function summaryCell(kind, { count, mean, std, min, max }) {
  if (count === 0 || min === null || max === null) return { text: NONE, title: "" };
  const said = (/** @type {number} */ value) =>
    (kind === "duration" ? show.duration(1000 * value) : kind === "size" ? show.bytes(value) : show.number(value));
  const title = `${said(min)} … ${said(max)}, of ${show.counted(count, "number")}`;
  if (mean === null) return { text: `${said(min)} … ${said(max)}`, title };
  return { text: std === null ? said(mean) : `${said(mean)} ± ${said(std)}`, title };
}
