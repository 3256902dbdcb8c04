import assert from "node:assert/strict";
import { test } from "node:test";

import { ListState, NOTHING_CHOSEN, sum } from "../../../web_stub/assets/pure/list_state.js";

/** @typedef {{id: number, name: string}} Item */
/** @typedef {import("../../../web_stub/assets/pure/list_state.js").Answer<Item> & {best?: number[]}} Answer */

/** @param {number} id @returns {Item} */
const item = (id, name = `item ${id}`) => ({ id, name });

/** @param {Partial<import("../../../web_stub/assets/pure/list_state.js").Chosen>} [chosen] */
function list(chosen = {}) {
  /** @type {ListState<Item, Answer>} */
  const state = new ListState([
    { key: "all", title: "All", query: {}, count: sum },
    { key: "own", title: "Own", query: { origin: "own", status: ["a", "b"] }, count: ({ own }) => own },
  ], 100);
  state.chosen = { ...NOTHING_CHOSEN, ...chosen };
  state.answer = { items: [item(9), item(8)], total: 1014, counts: { own: 14, made: 1000 } };
  return state;
}

test("the question has everything that was chosen", () => {
  assert.equal(list().query, "limit=100");
  assert.equal(list({ show: "own", text: " two words ", sort: "-name", page: "3" }).query,
    "limit=100&offset=200&text=two+words&sort=-name&origin=own&status=a&status=b");
});

test("an unknown group is the first, and an unknown page, too", () => {
  for (const page of ["0", "-4", "x", ""]) assert.equal(list({ page, show: "no such group" }).query, "limit=100");
});

test("groups have the numbers of all rows, not of those that are here", () => {
  assert.deepEqual(list({ show: "own" }).counts.map(({ key, count, isChosen }) => [key, count, isChosen]),
    [["all", 1014, false], ["own", 14, true]]);
});

test("the text says which rows of how many are here", () => {
  assert.equal(list().rangeText("task"), "1–2 of 1,014 tasks");
  assert.equal(list({ page: "11" }).rangeText("task"), "1,001–1,002 of 1,014 tasks");
  assert.equal(list().pages, 11);
  const state = list();
  state.answer = { items: [item(1)], total: 1 };
  assert.equal(state.rangeText("task"), "1 task");
});

test("a list is whole until words or a group narrow it", () => {
  assert.deepEqual([list(), list({ text: "x" }), list({ show: "own" }), list({ sort: "name", text: " " })]
    .map((one) => one.isWhole), [true, false, false, true]);
});

test("a message changes rows, their order and what is said of all of them", () => {
  const state = list();
  const fresh = state.change([item(8, "changed"), item(10)], [10, 9, 8], { total: 1015, best: [10] });

  assert.deepEqual(fresh, [10]);
  assert.deepEqual(state.items, [item(10), item(9), item(8, "changed")]);
  assert.deepEqual([state.answer?.total, state.answer?.best, state.answer?.counts?.own], [1015, [10], 14]);
  assert.deepEqual(state.change([], [9], {}), []);
  assert.deepEqual(state.items, [item(9)]);
});

test("a row that is replaced keeps its place, and one that is not here stays away", () => {
  const state = list();
  state.replace(item(8, "changed"));
  state.replace(item(7));
  assert.deepEqual(state.items, [item(9), item(8, "changed")]);
});
