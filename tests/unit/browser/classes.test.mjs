import assert from "node:assert/strict";
import { test } from "node:test";

import { asList, classColor, classesOf, tagText } from "../../../web_stub/assets/pure/classes.js";

test("a class keeps its own colour, and a bad one is replaced by the same one every time", () => {
  assert.equal(classColor("apple", "#D0021B"), "#D0021B");
  for (const bad of [undefined, null, "", "red", "#12345", "#1234567", 7, "#GGGGGG"]) {
    assert.equal(classColor("apple", bad), classColor("apple"));
  }
  assert.match(classColor("apple"), /^#[0-9a-f]{6}$/);
});

test("classes without a colour are told apart", () => {
  const titles = ["apple", "pear", "plum", "coin", "leaf", "", "яблоко", "🍎"];
  assert.equal(new Set(titles.map((title) => classColor(title))).size, titles.length);
});

test("classes of a meta are found by title, and what is no class is passed over", () => {
  const classes = classesOf({ classes: [{ title: "apple", shape: "bitmap", color: "#D0021B" }, null, 7, { title: 7 }, {}] });
  assert.deepEqual([...classes.values()], [{ title: "apple", color: "#D0021B", shape: "bitmap" }]);
  for (const meta of [null, {}, { classes: "many" }]) assert.equal(classesOf(meta).size, 0);
});

test("a tag is its name, with its value where it has one", () => {
  assert.equal(tagText("train"), "train");
  assert.equal(tagText({ name: "light", value: "dim" }), "light: dim");
  assert.equal(tagText({ name: "light", value: 0 }), "light: 0");
  assert.equal(tagText({ name: "light", value: null }), "light");
  for (const none of [null, undefined, {}]) assert.equal(tagText(none), "");
});

test("what is no list is an empty one", () => {
  assert.deepEqual([[1], "ab", null, { length: 1 }].map(asList), [[1], [], [], []]);
});
