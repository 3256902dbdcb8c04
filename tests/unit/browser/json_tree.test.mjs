import assert from "node:assert/strict";
import { test } from "node:test";

import { mistake } from "../../../web_stub/assets/pure/json_text.js";
import { added, isNumber, nodeAt, removed, replaced, tree } from "../../../web_stub/assets/pure/json_tree.js";
import { chance, randomConfig } from "./random_config.mjs";

const TEXT = `{
  "lr": 1e-4, "decay": 0.10,
  "size": {"width": 64,   "height": 12345678901234567890},
  "ä\\"": "a, }{ \\" b",
  "none": null
}
`;

test("one value is changed and no other character is", () => {
  assert.equal(replaced(TEXT, ["lr"], "2e-5"), TEXT.replace("1e-4", "2e-5"));
  assert.equal(replaced(TEXT, ["size", "width"], "32"), TEXT.replace("64", "32"));
  assert.equal(replaced(TEXT, ['ä"'], '"x"'), TEXT.replace('"a, }{ \\" b"', '"x"'));
  assert.equal(replaced(TEXT, ["none"], "1"), TEXT.replace("null", "1"));
});

test("a key is added behind the last one, with its indentation", () => {
  assert.equal(added(TEXT, ["seed"], "0"), TEXT.replace("null\n", 'null,\n  "seed": 0\n'));
  assert.equal(added(TEXT, ["size", "depth"], "3"), TEXT.replace("890}", '890, "depth": 3}'));
  assert.equal(added(TEXT, ["a", "b", "c"], "1"), TEXT.replace("null\n", 'null,\n  "a": {"b": {"c": 1}}\n'));
  assert.equal(added("{}", ["a"], "1"), '{\n  "a": 1\n}');
  assert.equal(added('{"a": { }}', ["a", "b"], "1"), '{"a": {"b": 1}}');
  assert.equal(added(TEXT, ["lr", "x"], "1"), TEXT, "a number has no keys");
});

test("a key is taken out with its comma", () => {
  assert.equal(removed(TEXT, ["lr"]), TEXT.replace('"lr": 1e-4, ', ""));
  assert.equal(removed(TEXT, ["none"]), TEXT.replace(',\n  "none": null', ""));
  assert.equal(removed('{"a": 1}', ["a"]), "{}");
  assert.equal(removed(TEXT, ["size", "nothing"]), TEXT);
});

test("numbers are those of JSON that are finite", () => {
  const texts = ["0", "-1", "1e-4", "0.10", "12345678901234567890", "01", ".5", "1.", "+1", "1e999", "NaN", "", "1,5"];
  assert.deepEqual(texts.filter(isNumber), texts.slice(0, 5));
});

test("any config: nodes are found where they are; a change of one value changes that value only", () => {
  const random = chance(7);
  for (let round = 0; round < 300; round += 1) {
    const text = randomConfig(random);
    assert.equal(mistake(text), null, text);
    const paths = pathsOf(tree(text));
    const value = JSON.parse(text);
    for (const path of paths) {
      const node = nodeAt(tree(text), path);
      assert.ok(node);
      const own = path.reduce((inner, key) => inner[key], value);
      assert.deepEqual(JSON.parse(text.slice(node.start, node.end)), own);
      assert.equal(replaced(text, path, text.slice(node.start, node.end)), text);
      const changed = replaced(text, path, '"new"');
      assert.equal(replaced(changed, path, text.slice(node.start, node.end)), text, "and back");
      const without = removed(text, path);
      assert.equal(mistake(without), null, without);
      assert.equal(nodeAt(tree(without), path), null);
      assert.deepEqual(pathsOf(tree(without)), paths.filter((one) => !path.every((key, i) => one[i] === key)));
    }
    const more = added(text, ["a new key"], "1e-4");
    assert.equal(mistake(more), null, more);
    assert.deepEqual(JSON.parse(removed(more, ["a new key"])), value);
  }
});

/** @param {import("../../../web_stub/assets/pure/json_tree.js").Node} node @param {string[]} path @returns {string[][]} */
function pathsOf(node, path = []) {
  if (node.kind !== "object") return [];
  return node.entries.flatMap((one) => [[...path, one.key], ...pathsOf(one.node, [...path, one.key])]);
}
