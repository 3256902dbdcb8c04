// What a person writes into a field of a config's form, as JSON.

/** @import { Field, Kind } from "./config_form.js" */
import { problem } from "./config_form.js";
import { mistake } from "./json_text.js";
import { isNumber, tree } from "./json_tree.js";

/**
 * JSON of the value, or what is wrong, as the end of a sentence.
 * @typedef {{raw: string, error: ""} | {raw: null, error: string}} Reading
 */

/**
 * @param {Field} field
 * @param {string} written
 * @returns {Reading}
 */
export function read(field, written) {
  const reading = valueOf(field, written);
  if (reading.raw === null) return reading;
  const error = problem({ schema: field.schema, raw: reading.raw });
  return error ? wrong(error) : reading;
}

/** @param {string} error @returns {Reading} */
const wrong = (error) => ({ raw: null, error });
/** @param {string} raw @returns {Reading} */
const right = (raw) => ({ raw, error: "" });

/** @param {Field} field @param {string} written @returns {Reading} */
function valueOf({ kind, items, isNullable }, written) {
  if (isNullable && written.trim() === "") return right("null");
  if (kind === "json") return json(written);
  if (kind === "list") return list(items, written);
  return scalar(kind, written);
}

/** @param {Kind} kind @param {string} written @returns {Reading} */
function scalar(kind, written) {
  if (kind === "text") return right(JSON.stringify(written));
  if (kind !== "integer" && kind !== "number") return right(written);
  const text = written.trim();
  if (kind === "integer") return /^-?(0|[1-9]\d*)$/.test(text) ? right(text) : wrong("must be a whole number, such as 12");
  if (isNumber(text)) return right(/^-?\d+$/.test(text) ? `${text}.0` : text);
  return wrong(text.includes(",") ? "must be a number with a point: 0.5" : "must be a number, such as 0.5 or 1e-4");
}

/** @param {Kind} items @param {string} written @returns {Reading} */
function list(items, written) {
  if (written.trim() === "") return right("[]");
  const readings = written.split(",").map((part) => (part.trim() ? scalar(items, part.trim()) : wrong("is missing")));
  const first = readings.find((one) => one.error);
  return first ? wrong(`has an item that ${first.error}`) : right(`[${readings.map((one) => one.raw).join(", ")}]`);
}

/** @param {string} written @returns {Reading} */
function json(written) {
  const text = written.trim();
  if (!text) return wrong("must be JSON; null is the value for none");
  const found = mistake(`{"": ${text}}`);
  if (found) return wrong(`must be JSON: ${found.sentence}`);
  return tree(`{"": ${text}}`).entries.length === 1 ? right(text) : wrong("must be one value");
}
