import assert from "node:assert/strict";
import { test } from "node:test";

import { choiceText, formOf, problem, shown } from "../../../web_stub/assets/pure/config_form.js";
import { read } from "../../../web_stub/assets/pure/config_input.js";
import { mistake } from "../../../web_stub/assets/pure/json_text.js";
import { replaced } from "../../../web_stub/assets/pure/json_tree.js";
import { chance, randomConfig } from "./random_config.mjs";

/** @import { Field, Group } from "../../../web_stub/assets/pure/config_form.js" */

/** @param {string} text @param {string[]} [presets] @param {any} [schema] */
function form(text, presets = [], schema = null) {
  const group = formOf(text, presets, schema);
  assert.ok(group);
  return group;
}

/** @param {Group} group @returns {Field[]} */
const all = (group) => group.fields.flatMap((field) => [field, ...(field.group ? all(field.group) : [])]);

/** @param {string} text @param {string[]} [presets] @param {any} [schema] */
const kinds = (text, presets, schema) =>
  Object.fromEntries(all(form(text, presets, schema)).map((field) => [field.path.join("."), field.kind]));

/** @param {string} value @param {string[]} [presets] @param {any} [schema] of the value */
const field = (value, presets = [], schema = {}) =>
  form(`{"a": ${value}}`, presets.map((one) => `{"a": ${one}}`), { properties: { a: schema } }).fields[0];

test("a value makes the kind of its field", () => {
  const text = `{"n": 1, "f": 1e-4, "b": true, "t": "x", "l": [0, 1], "w": ["a"], "g": {"n": 2}, "none": null,
    "mixed": [1, "a"], "empty": [], "comma": ["a,b"], "lines": "a\\nb", "deep": [[1]]}`;
  assert.deepEqual(kinds(text), {
    n: "integer", f: "number", b: "boolean", t: "text", l: "list", w: "list", g: "group", "g.n": "integer", none: "json",
    mixed: "json", empty: "json", comma: "json", lines: "json", deep: "json",
  });
});

test("presets say what a value alone does not", () => {
  assert.equal(field("1", ["0.5"]).kind, "number", "a float is possible");
  assert.equal(field("null", ["0.5"]).kind, "number");
  assert.equal(field("null", ["0.5"]).isNullable, true);
  assert.equal(field("[]", ["[1]"]).items, "integer");
  assert.equal(field('"__all__"', ['["apple"]']).kind, "json", "a text here, a list there");
  assert.equal(field("null", ["true"]).kind, "choice");
  assert.equal(field("null", ['{"x": 1}']).kind, "json", "no group, since there is no object");
});

test("values that several presets have become suggestions; one value alone is none", () => {
  assert.deepEqual(field('"adam"', ['"sgd"', '"adam"']).suggestions, ["sgd", "adam"]);
  assert.deepEqual(field("8", ["16", "1e2"]).suggestions, ["16", "1e2", "8"]);
  assert.deepEqual(field("[0]", ["[0, 1]"]).suggestions, ["0, 1", "0"]);
  assert.deepEqual(field('"adam"', ['"adam"']).suggestions, []);
  assert.deepEqual(field("1", [], { examples: [2] }).suggestions, ["2", "1"]);
});

test("keys that a preset or the schema has and the config lacks are offered with a value", () => {
  const schema = { properties: { seed: { type: "integer", default: 7 }, rate: { type: "number", minimum: 1, title: "Rate" } } };
  const group = form('{"a": {"x": 1}}', ['{"lr": 0.10, "a": {"x": 1, "y": [1,  2]}}'], schema);
  assert.deepEqual(group.missing.map(({ name, raw }) => [name, raw]), [["seed", "7"], ["Rate", "1.0"], ["lr", "0.10"]]);
  assert.deepEqual(group.fields[0].group?.missing, [{ path: ["a", "y"], name: "y", raw: "[1,  2]", isRequired: false }]);
});

test("a key that the schema requires comes first among those that are missing", () => {
  const schema = { required: ["lr", "mode"], properties: { seed: { type: "integer" }, mode: { enum: ["a", "b"] } } };
  const { missing, fields } = form('{"epochs": 1}', ['{"lr": 0.1}'], schema);
  assert.deepEqual(missing.map(({ name, raw, isRequired }) => [name, raw, isRequired]), [
    ["mode", '"a"', true], ["lr", "0.1", true], ["seed", "0", false],
  ]);
  assert.equal(fields[0].isRequired, false);
});

test("the schema says what is right", () => {
  const number = field("5", [], { type: "number", exclusiveMinimum: 0, maximum: 4, description: "How fast" });
  assert.equal(number.hint, "How fast. More than 0, at most 4");
  assert.equal(problem(number), "must be at most 4");
  assert.deepEqual(read(number, "0"), { raw: null, error: "must be more than 0" });
  assert.deepEqual(read(number, "3"), { raw: "3.0", error: "" });
  const word = field('"c"', [], { enum: ["a", "b", 1.5, null] });
  assert.deepEqual([word.kind, word.choices], ["choice", ['"c"', '"a"', '"b"', "1.5", "null"]]);
  assert.deepEqual(word.choices.map(choiceText), ["c", "a", "b", "1.5", "null"]);
  assert.equal(problem(word), 'must be one of "a", "b", 1.5, null');
  const text = field("3", [], { type: "string" });
  assert.deepEqual([text.kind, shown(text), problem(text)], ["text", "3", "must be text"]);
  const list = field("[1]", [], { type: "array", items: { type: "integer", minimum: 0 }, minItems: 1 });
  assert.equal(read(list, "").error, "must have at least 1 item");
  assert.equal(read(list, "1, -1").error, "each item must be at least 0");
});

test("integers stay integers, floats stay floats, and every spelling stays", () => {
  const [integer, float] = [field("1"), field("0.5")];
  for (const text of ["12345678901234567890", "-3", "0"]) assert.equal(read(integer, text).raw, text);
  for (const text of ["1e-4", "0.10", "-2.5E+3"]) assert.equal(read(float, text).raw, text);
  assert.equal(read(float, " 1 ").raw, "1.0");
  for (const text of ["1.5", "01", "", "x", "1e3"]) assert.match(read(integer, text).error, /whole number/);
  for (const text of ["0,5", "", "x", "1e999", "NaN"]) assert.match(read(float, text).error, /number/);
});

test("texts, lists, null and JSON are read as they are written", () => {
  assert.equal(read(field('"a"'), ' "ä" ').raw, '" \\"ä\\" "');
  assert.equal(read(field('["a"]'), "b,  c d").raw, '["b", "c d"]');
  assert.equal(read(field("[0]"), "0, 1").raw, "[0, 1]");
  assert.equal(read(field("[0]"), "0, x").error, "has an item that must be a whole number, such as 12");
  assert.equal(read(field("[0]"), "0,,1").error, "has an item that is missing");
  assert.equal(read(field("[0]"), "").raw, "[]");
  assert.equal(read(field("null", ["1"]), "").raw, "null");
  assert.equal(read(field("null"), '{"x": 1e-4}').raw, '{"x": 1e-4}');
  for (const text of ["", "1, 2", '1, "b": 2', "1}", "[1", "True", "1 // one"]) assert.notEqual(read(field("null"), text).error, "");
});

test("any config: what a field shows is read as the same value, and the text stays as it is", () => {
  const random = chance(11);
  for (let round = 0; round < 400; round += 1) {
    const text = randomConfig(random);
    const fields = all(form(text, [randomConfig(random), randomConfig(random)]));
    for (const one of fields) {
      if (one.kind === "group") continue;
      const reading = read(one, shown(one));
      if (reading.raw === null) assert.equal(reading.error, "", `${one.kind} ${one.raw}`);
      const value = one.kind === "text" && one.isNullable && one.raw === '""' ? null : JSON.parse(one.raw);
      assert.deepEqual(JSON.parse(String(reading.raw)), value, `${one.kind} ${one.raw}`);
      const changed = replaced(text, one.path, String(reading.raw));
      assert.equal(mistake(changed), null);
      if (one.kind === "integer" || one.kind === "json") assert.equal(changed, text);
    }
  }
});

test("a config of very many keys has no form", () => {
  const keys = Array.from({ length: 301 }, (_, i) => `"${i}": 1`).join(", ");
  assert.equal(formOf(`{${keys}}`, [], null), null);
  assert.equal(formOf("{}", [], null)?.fields.length, 0);
});

test("what is nested very deeply is JSON", () => {
  const text = `${'{"a": '.repeat(30)}1${"}".repeat(30)}`;
  assert.equal(all(form(text)).at(-1)?.kind, "json");
});
