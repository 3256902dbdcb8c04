// A config as the fields of a form. The text of the config is the truth: a field shows the value that stands there, and
// what a person writes into it becomes the JSON of that one value. What kind of field a key has is said by the plugin's
// schema, else by the values that the key has in the config and in the presets.

/** @import { Node } from "./json_tree.js" */
/** @import { Schema } from "./config_schema.js" */
import { boundsText, problemOf, typesOf } from "./config_schema.js";
import { nodeAt, tree } from "./json_tree.js";

const MOST_FIELDS = 300;
const DEEPEST = 8; // groups in groups; what is deeper is JSON
/** @type {Record<string, Kind>} */
const OF_TYPE = { boolean: "boolean", integer: "integer", number: "number", string: "text", array: "list", object: "group" };
/** @type {Record<Kind, string>} */
const FIRST = { integer: "0", number: "0.0", text: '""', boolean: "false", list: "[]", group: "{}", json: "null", choice: "null" };

/** @typedef {"integer" | "number" | "boolean" | "choice" | "text" | "list" | "group" | "json"} Kind */
/**
 * @typedef {object} Field
 * @property {string[]} path of keys
 * @property {string} name
 * @property {Kind} kind
 * @property {Kind} items of a list: integer, number or text
 * @property {boolean} isNullable an empty field is null
 * @property {boolean} isRequired
 * @property {string} raw JSON, as it stands in the text
 * @property {string[]} choices JSON
 * @property {string[]} suggestions as the field shows them
 * @property {string} hint
 * @property {Schema} schema
 * @property {Group | null} group of a field of the kind group
 */
/** A key that the config could have, or must have. @typedef {{path: string[], name: string, raw: string, isRequired: boolean}} Missing */
/** @typedef {{fields: Field[], missing: Missing[]}} Group */
/** A text, and the object in it that stands at the place of the group; null where there is none. @typedef {[string, Node | null]} Source */

/**
 * @param {string} text valid JSON, an object
 * @param {string[]} presets configs of the presets of this kind of task, each valid JSON
 * @param {Schema | null} schema
 * @returns {Group | null} null where it would have too many fields
 */
export function formOf(text, presets, schema) {
  let count = 0;
  /**
   * @param {string[]} path
   * @param {Source} own
   * @param {Source[]} others
   * @param {Schema} rule
   * @returns {Group}
   */
  const groupOf = (path, own, others, rule) => {
    const { properties = {}, required = [] } = rule;
    const entries = own[1]?.entries ?? [];
    const there = new Set(entries.map((one) => one.key));
    const fields = entries.map(({ key, node }) => {
      count += 1;
      const seen = others.map(([words, box]) => /** @type {Source} */ ([words, nodeOf(box, key)])).filter(([, found]) => found);
      const inner = properties[key] ?? {};
      const field = fieldOf([...path, key], [own[0], node], seen, inner, required.includes(key));
      if (field.kind === "group" && count <= MOST_FIELDS) {
        field.group = groupOf(field.path, [own[0], node], seen.filter(([, found]) => found?.kind === "object"), inner);
      }
      return field;
    });
    /** @type {Map<string, Missing>} */
    const missing = new Map();
    for (const [key, inner] of Object.entries(properties)) {
      if (there.has(key)) continue;
      const seen = others.map(([words, box]) => rawOf(words, nodeOf(box, key))).find(Boolean);
      const raw = startOf(inner) ?? seen ?? FIRST[kindOfType(inner)];
      missing.set(key, { path: [...path, key], name: inner.title ?? key, raw, isRequired: required.includes(key) });
    }
    for (const [words, box] of others) {
      for (const { key, node } of box?.entries ?? []) {
        if (there.has(key) || missing.has(key)) continue;
        missing.set(key, { path: [...path, key], name: key, raw: rawOf(words, node), isRequired: required.includes(key) });
      }
    }
    return { fields, missing: [...missing.values()].sort((a, b) => Number(b.isRequired) - Number(a.isRequired)) };
  };
  const others = presets.map((preset) => /** @type {Source} */ ([preset, tree(preset)]));
  const whole = groupOf([], [text, tree(text)], others, schema ?? {});
  return count > MOST_FIELDS ? null : whole;
}

/** @param {Node | null} box @param {string} key */
const nodeOf = (box, key) => (box ? nodeAt(box, [key]) : null);

/** @param {string} text @param {Node | null} node */
const rawOf = (text, node) => (node ? text.slice(node.start, node.end) : "");

/** The kind that a schema's type makes; JSON where it names none or several. @param {Schema} schema @returns {Kind} */
function kindOfType(schema) {
  const types = typesOf(schema).filter((type) => type !== "null");
  return (types.length === 1 && OF_TYPE[types[0]]) || "json";
}

/** The value with which a key comes into a config, by its schema. @param {Schema} schema */
function startOf(schema) {
  const { default: given, enum: choices, minimum } = schema;
  const value = given !== undefined ? given : choices?.length ? choices[0] : minimum;
  if (value === undefined) return undefined;
  const raw = JSON.stringify(value);
  return kindOfType(schema) === "number" ? asFloat(raw) : raw;
}

/** Programs tell 1 from 1.0, so a field of floats writes no integers. @param {string} raw */
const asFloat = (raw) => (/^-?\d+$/.test(raw) ? `${raw}.0` : raw);

/**
 * @param {string[]} path
 * @param {Source} own
 * @param {Source[]} others
 * @param {Schema} schema
 * @param {boolean} isRequired
 * @returns {Field}
 */
function fieldOf(path, own, others, schema, isRequired) {
  const raw = rawOf(...own);
  const seen = [own, ...others];
  const types = typesOf(schema);
  const kinds = new Set(types.length ? types.map((type) => OF_TYPE[type] ?? "json") : seen.map(([text, node]) => kindOf(text, node)));
  if (kinds.has("number")) kinds.delete("integer");
  const isNullable = types.length ? types.includes("null") : seen.some(([, node]) => node?.kind === "null");
  if (isNullable) kinds.delete("json");
  /** @type {Kind} */
  let kind = kinds.size === 1 ? [...kinds][0] : "json";
  const items = kind === "list" ? itemsOf(seen, schema) : "json";
  /** @type {string[]} */
  let choices = [];
  if (schema.enum) {
    kind = "choice";
    choices = schema.enum.map((one) => JSON.stringify(one));
  } else if (kind === "boolean" && isNullable) {
    kind = "choice";
    choices = ["true", "false", "null"];
  } else if (!canShow(kind, items, own[1], raw) || (kind === "group" && path.length > DEEPEST)) kind = "json";
  if (kind === "choice" && !choices.some((one) => isEqual(one, raw))) choices.unshift(raw);
  /** @type {Field} */
  const field = {
    path, name: schema.title ?? path[path.length - 1], kind, items, isNullable: isNullable && kind !== "choice" && kind !== "json",
    isRequired, raw, choices, suggestions: [], hint: hintOf(schema), schema, group: null,
  };
  if (["integer", "number", "text", "list", "json"].includes(kind)) {
    const values = [...others.map(([text, node]) => rawOf(text, node)), ...(schema.examples ?? []).map((one) => JSON.stringify(one))];
    const texts = [...new Set([...values, raw])].filter((one) => !one.includes("\n")).map((one) => shown({ ...field, raw: one }));
    const unique = [...new Set(texts)].filter(Boolean);
    if (unique.length > 1) field.suggestions = unique;
  }
  return field;
}

/** @param {string} text @param {Node | null} node @returns {Kind} */
function kindOf(text, node) {
  switch (node?.kind) {
    case "number": return /^-?\d+$/.test(rawOf(text, node)) ? "integer" : "number";
    case "object": return "group";
    case "text": case "boolean": case "list": return node.kind;
    default: return "json";
  }
}

/** The kind of all items of all these lists; JSON where they differ. @param {Source[]} seen @param {Schema} schema @returns {Kind} */
function itemsOf(seen, schema) {
  if (schema.items && typesOf(schema.items).length) return kindOfType(schema.items);
  const kinds = new Set(seen.flatMap(([text, node]) => (node?.entries ?? []).map((one) => kindOf(text, one.node))));
  if (kinds.has("number")) kinds.delete("integer");
  return kinds.size === 1 ? [...kinds][0] : "json";
}

/**
 * Whether a field of this kind shows this value, so that what it reads is what it has shown.
 * @param {Kind} kind
 * @param {Kind} items
 * @param {Node | null} node
 * @param {string} raw
 */
function canShow(kind, items, node, raw) {
  if (kind === "group") return node?.kind === "object";
  if (kind === "boolean") return node?.kind === "boolean";
  if (kind === "text") return node?.kind !== "text" || isLine(JSON.parse(raw));
  if (kind !== "list") return true;
  if (items !== "integer" && items !== "number" && items !== "text") return false;
  if (node?.kind !== "list") return true;
  const isWord = (/** @type {unknown} */ item) => typeof item === "string" && item !== "" && item.trim() === item
    && !item.includes(",") && isLine(item);
  return node.entries.every((one) => one.node.kind === (items === "text" ? "text" : "number"))
    && (items !== "text" || JSON.parse(raw).every(isWord));
}

/** Whether a text fits into a field of one line as it is. @param {string} text */
const isLine = (text) => !/[\p{Cc}\u2028\u2029\ud800-\udfff]/u.test(text);

/** @param {Schema} schema */
function hintOf(schema) {
  const { description = "" } = schema;
  const bounds = boundsText(schema);
  return [description, bounds && `${bounds[0].toUpperCase()}${bounds.slice(1)}`].filter(Boolean).join(". ");
}

/** Whether two JSON texts are the same value. @param {string} a @param {string} b */
export const isEqual = (a, b) => a === b || JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));

/** What the field shows of its value. @param {Pick<Field, "kind" | "items" | "raw">} field @returns {string} */
export function shown({ kind, items, raw }) {
  if (kind !== "json" && kind !== "choice" && raw === "null") return "";
  if (kind === "text" && raw.startsWith('"')) return String(JSON.parse(raw));
  if (kind !== "list" || !raw.startsWith("[")) return raw;
  const { entries } = tree(raw);
  return entries.map(({ node }) => shown({ kind: items, items, raw: rawOf(raw, node) })).join(", ");
}

/** A choice in words: a text without its quotes. @param {string} raw */
export const choiceText = (raw) => (raw.startsWith('"') ? String(JSON.parse(raw)) || "(empty)" : raw);

/** What is wrong with the value that a field has; empty: nothing. @param {Pick<Field, "schema" | "raw">} field */
export const problem = ({ schema, raw }) => problemOf(schema, JSON.parse(raw));
