import assert from "node:assert/strict";
import { test } from "node:test";

import { clicked, sortMark, sortOf, sortText } from "../../../web_stub/assets/pure/run_sort.js";

test("an order and its text lead to each other", () => {
  const text = '-metrics.val.iou@max,config["a,b"],-id';
  assert.deepEqual(sortOf(text).map(({ isDown }) => isDown), [true, false, true]);
  assert.equal(sortText(sortOf(text)), text);
  assert.deepEqual(sortOf(""), []);
});

test("clicks on one head sort up, down and not at all", () => {
  const up = clicked(sortOf("name"), "id", false);
  assert.equal(sortText(up), "id");
  const down = clicked(up, "id", false);
  assert.equal(sortText(down), "-id");
  assert.equal(sortText(clicked(down, "id", false)), "");
});

test("a click with Shift keeps the other columns and their places", () => {
  const two = clicked(sortOf("name"), "id", true);
  assert.equal(sortText(two), "name,id");
  assert.equal(sortText(clicked(two, "name", true)), "-name,id");
  assert.equal(sortText(clicked(sortOf("-name,id"), "name", true)), "id");
  assert.equal(sortText(clicked(two, "name", false)), "-name", "without Shift it is alone");
});

test("a head is marked by direction, and by place where there are several", () => {
  assert.deepEqual(sortMark(sortOf("name"), "name"), { aria: "ascending", mark: "↑" });
  assert.deepEqual(sortMark(sortOf("name,-id"), "id"), { aria: "descending", mark: "↓2" });
  assert.deepEqual(sortMark(sortOf("name"), "id"), { aria: null, mark: "" });
});
