import assert from "node:assert/strict";
import { test } from "node:test";

import { rowsInSight } from "../../../web_stub/assets/pure/rows.js";

const grid = { height: 800, row: 200, columns: 6, count: 10_000, margin: 400 };

test("at the top the first rows are there, and room for all others", () => {
  assert.deepEqual(rowsInSight({ ...grid, top: 300 }), { from: 0, to: 30, before: 0, after: (1667 - 5) * 200 });
});

test("in the middle rows above and below the window are there, whole ones", () => {
  const { from, to, before, after } = rowsInSight({ ...grid, top: -10_100 });
  assert.deepEqual([from, to], [48 * 6, 57 * 6]);
  assert.equal(before + (57 - 48) * 200 + after, 1667 * 200);
});

test("at the end the last row may be short", () => {
  const { to, after } = rowsInSight({ ...grid, top: -1667 * 200 + 700 });
  assert.deepEqual([to, after], [10_000, 0]);
});

test("a grid that is scrolled past, or not yet reached, has no rows there and keeps its height", () => {
  const past = rowsInSight({ ...grid, top: -1e6 });
  assert.deepEqual([past.from >= 9996, past.before + past.after <= 1667 * 200], [true, true]);
  const below = rowsInSight({ ...grid, top: 5000 });
  assert.deepEqual(below, { from: 0, to: 0, before: 0, after: 1667 * 200 });
});
