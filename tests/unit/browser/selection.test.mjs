import assert from "node:assert/strict";
import { test } from "node:test";

import { Selection, tagChanges, tagsOf, wayBack } from "../../../web_stub/assets/pure/selection.js";

const SHOWN = [9, 8, 7, 6, 5];

/** @param {Selection} selection */
const ids = (selection) => [...selection.ids].sort();

test("rows are selected one by one, and a range goes from the one before, in either direction", () => {
  const selection = new Selection();
  selection.set(6, true, SHOWN);
  selection.set(8, true, SHOWN, true);
  assert.deepEqual(ids(selection), [6, 7, 8]);
  selection.set(7, false, SHOWN);
  selection.set(5, false, SHOWN, true);
  assert.deepEqual(ids(selection), [8]);
  assert.equal(selection.size, 1);
});

test("a range from a row that is not on this page any more is the row alone", () => {
  const selection = new Selection();
  selection.set(5, true, SHOWN);
  selection.set(8, true, [9, 8], true);
  assert.deepEqual(ids(selection), [5, 8]);
  selection.replace([3]);
  selection.set(6, true, SHOWN, true);
  assert.deepEqual(ids(selection), [3, 6]);
});

test("a removal is taken back with the results that went with it, a thousand things in a request", () => {
  const none = { error: null, stayed: [], models: [], projects: [] };
  const outcomes = [{ ...none, id: 1, models: [4, 5], projects: [6] }, { ...none, id: 2 }, { ...none, id: 3, error: "no" }];
  assert.deepEqual(wayBack("task", outcomes), [
    { noun: "model", ids: [4, 5] }, { noun: "project", ids: [6] }, { noun: "task", ids: [1, 2] },
  ]);
  const many = Array.from({ length: 1001 }, (_, id) => ({ ...none, id }));
  assert.deepEqual(wayBack("model", many).map(({ noun, ids }) => [noun, ids.length]), [["model", 1000], ["model", 1]]);
  assert.deepEqual(wayBack("task", []), []);
});

test("tags are written with commas between them", () => {
  assert.deepEqual(tagsOf(" base line, Ёлка,,base line "), ["base line", "Ёлка"]);
  assert.deepEqual(tagsOf(" , "), []);
  assert.deepEqual(tagChanges(["a", "b"], ["b", "c"]), { tag: ["c"], untag: ["a"] });
});
