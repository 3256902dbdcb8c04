// What a plugin's schema of its configs says of one value. The server has the last word: agent/formats/config_schema.py.

/**
 * The keywords that a form knows; the server refuses plugins with others.
 * @typedef {object} Schema
 * @property {string | string[]} [type]
 * @property {unknown[]} [enum]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {number} [exclusiveMinimum]
 * @property {number} [exclusiveMaximum]
 * @property {number} [minLength]
 * @property {number} [maxLength]
 * @property {Schema} [items]
 * @property {number} [minItems]
 * @property {number} [maxItems]
 * @property {Record<string, Schema>} [properties]
 * @property {string[]} [required]
 * @property {string} [title]
 * @property {string} [description]
 * @property {unknown} [default]
 * @property {unknown[]} [examples]
 */

/** @type {Record<string, [string, (value: any) => boolean]>} */
const TYPES = {
  null: ["null", (value) => value === null],
  boolean: ["true or false", (value) => typeof value === "boolean"],
  integer: ["a whole number", Number.isInteger],
  number: ["a number", (value) => typeof value === "number"],
  string: ["text", (value) => typeof value === "string"],
  array: ["a list", Array.isArray],
  object: ["an object", (value) => typeof value === "object" && value !== null && !Array.isArray(value)],
};
/** @type {[keyof Schema, string, (value: number, bound: number) => boolean][]} */
const BOUNDS = [
  ["minimum", "at least", (value, bound) => value >= bound],
  ["exclusiveMinimum", "more than", (value, bound) => value > bound],
  ["maximum", "at most", (value, bound) => value <= bound],
  ["exclusiveMaximum", "less than", (value, bound) => value < bound],
];
/** @type {[keyof Schema, keyof Schema, string][]} */
const LENGTHS = [["minLength", "maxLength", "character"], ["minItems", "maxItems", "item"]];

/** The types that a schema allows; none: any. @param {Schema} schema @returns {string[]} */
export const typesOf = ({ type }) => (type === undefined ? [] : [type].flat());

/**
 * What is wrong with a value, as the end of a sentence; empty: nothing. The values of an object's keys are not looked at.
 * @param {Schema} schema
 * @param {any} value
 * @returns {string}
 */
export function problemOf(schema, value) {
  const types = typesOf(schema);
  if (types.length && !types.some((type) => TYPES[type]?.[1](value))) {
    return `must be ${types.map((type) => TYPES[type]?.[0] ?? type).join(" or ")}`;
  }
  if (schema.enum && !schema.enum.some((one) => JSON.stringify(one) === JSON.stringify(value))) {
    return `must be one of ${schema.enum.map((one) => JSON.stringify(one)).join(", ")}`;
  }
  if (typeof value === "number") return boundProblem(schema, value);
  if (typeof value === "string") return lengthProblem(schema, [...value].length, LENGTHS[0]);
  if (!Array.isArray(value)) return "";
  const { items } = schema;
  const wrong = items ? value.map((item) => problemOf(items, item)).find(Boolean) : "";
  return wrong ? `each item ${wrong}` : lengthProblem(schema, value.length, LENGTHS[1]);
}

/** @param {Schema} schema @param {number} value */
function boundProblem(schema, value) {
  for (const [keyword, words, holds] of BOUNDS) {
    const bound = schema[keyword];
    if (typeof bound === "number" && !holds(value, bound)) return `must be ${words} ${bound}`;
  }
  return "";
}

/** @param {Schema} schema @param {number} length @param {[keyof Schema, keyof Schema, string]} keywords */
function lengthProblem(schema, length, [least, most, noun]) {
  const [min, max] = [schema[least], schema[most]];
  if (typeof min === "number" && length < min) return `must have at least ${min} ${noun}${min === 1 ? "" : "s"}`;
  if (typeof max === "number" && length > max) return `must have at most ${max} ${noun}${max === 1 ? "" : "s"}`;
  return "";
}

/** The bounds of a number in words: `at least 1, at most 9`. @param {Schema} schema */
export const boundsText = (schema) => BOUNDS.filter(([keyword]) => typeof schema[keyword] === "number")
  .map(([keyword, words]) => `${words} ${schema[keyword]}`).join(", ");
