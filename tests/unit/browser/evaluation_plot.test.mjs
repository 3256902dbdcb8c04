import assert from "node:assert/strict";
import { test } from "node:test";

import * as plot from "../../../web_stub/assets/pure/evaluation/plot.js";
import { newestOnly } from "../../../web_stub/assets/pure/newest.js";

const PLACE = { left: 10, top: 5, width: 100, height: 50 };

test("a path goes from the lower left, and breaks where a value is missing", () => {
  assert.equal(plot.pathOf([0, 0.5, 1], [0, 1, 0.5], PLACE), "M10 55L60 5L110 30");
  assert.equal(plot.pathOf([0, 0.5, 0.75, 1], [0, null, 0, 0], PLACE), "M10 55M85 55L110 55");
  assert.equal(plot.pathOf([], [], PLACE), "");
});

test("the closest point is found, and none where there is none", () => {
  assert.equal(plot.closest([0, 0.5, 1], [1, 0.5, 0], { x: 0.6, y: 0.5 }), 1);
  assert.equal(plot.closest([0, null, 1], [1, 0.5, null], { x: 0.9, y: 0 }), 0);
  assert.equal(plot.closest([], [], { x: 0, y: 0 }), null);
  assert.equal(plot.nearest([0, 0.1, 0.2], 0.14), 1);
});

test("confidences beyond 0 and 1 are stretched into the plot", () => {
  assert.deepEqual(plot.stretched([-1, 0, 3]), [0, 0.25, 1]);
  assert.deepEqual(plot.stretched([1, 1]), [0, 0]);
});

test("a row of a matrix is parted by its own sum", () => {
  assert.deepEqual(plot.rowShares([[1, 3], [0, 0]]), [[0.25, 0.75], [0, 0]]);
});

test("a count fits into a cell", () => {
  const counts = [0, 999, 1000, 12_345, 1_234_567, 98_765_432, 5e9];
  assert.deepEqual(counts.map(plot.shortCount), ["0", "999", "1.0k", "12k", "1.2M", "99M", "5.0G"]);
});

test("of questions that wait only the newest is asked, one at a time", async () => {
  /** @type {number[]} */
  const asked = [];
  /** @type {(() => void)[]} */
  const answer = [];
  const ask = newestOnly(async (/** @type {number} */ what) => {
    asked.push(what);
    await new Promise((resolve) => answer.push(() => resolve(undefined)));
  });
  const first = ask(1);
  ask(2);
  const last = ask(3);
  answer[0]();
  await new Promise(setImmediate);
  assert.deepEqual(asked, [1, 3]);
  answer[1]();
  await Promise.all([first, last]);
  const failing = newestOnly(async () => { throw new Error("away"); });
  await assert.rejects(failing(), /away/);
  await assert.rejects(failing(), /away/);
});

test("the slider covers every confidence that was found", () => {
  assert.deepEqual(plot.spanOf([0, 0.5, 1]), ["0", "1"]);
  assert.deepEqual(plot.spanOf([-2.345, 7, 12.341]), ["-2.35", "12.35"]);
  assert.deepEqual(plot.spanOf([]), ["0", "1"]);
});
