import assert from "node:assert/strict";
import { test } from "node:test";

import { between, coverage, idsOf, withIds } from "../../../web_stub/assets/pure/run_selection.js";

test("ids are read once each, and nothing else is", () => {
  assert.deepEqual(idsOf("5,1,5,x,-2,1e3,,9"), [5, 1, 9]);
  assert.deepEqual(idsOf(""), []);
});

test("rows are added and removed, those of other pages stay", () => {
  assert.deepEqual(withIds([300, 2], [2, 1], true), [300, 2, 1]);
  assert.deepEqual(withIds([300, 2, 1], [1, 2], false), [300]);
});

test("a range goes from row to row as the page has them, either way", () => {
  assert.deepEqual(between([9, 7, 8, 1], 7, 1), [7, 8, 1]);
  assert.deepEqual(between([9, 7, 8, 1], 1, 7), [7, 8, 1]);
  assert.deepEqual(between([9, 7, 8, 1], 55, 7), [7], "from a row of another page");
  assert.deepEqual(between([9, 7, 8, 1], null, 8), [8]);
});

test("all, some or none of the page is selected", () => {
  assert.equal(coverage([1, 2], [2, 1, 9]), "all");
  assert.equal(coverage([1, 2], [2, 9]), "some");
  assert.equal(coverage([1, 2], [9]), "none");
  assert.equal(coverage([], [9]), "none");
});
