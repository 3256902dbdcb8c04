import assert from "node:assert/strict";
import { test } from "node:test";

import * as curves from "../../../web_stub/assets/pure/curves.js";

/** @param {Partial<import("../../../web_stub/assets/pure/curves.js").Curve>} [more] */
const curve = (more = {}) => ({
  id: 1, kind: "train", name: "loss", count: 3, in_window: 3, shown: 3, gaps: 0, last_seq: 9, x: [1, 2, 3], y: [3, 2, 1],
  low: null, high: null, smooth: null, numbers: 3, smooth_last: null, ...more,
});

test("the same x twice is moved apart, the order stays, and nothing is moved that need not be", () => {
  const xs = curves.distinct([1, 2, 2, 2, 3, 2]);
  for (let i = 1; i < xs.length; i += 1) assert.ok(xs[i] > xs[i - 1]);
  assert.ok(xs[2] - 2 < 1e-8);
  assert.deepEqual([...curves.distinct([1, 5, 6])], [1, 5, 6]);
});

test("distinct times stay distinct however large they are", () => {
  const now = 1.8e9;
  const xs = curves.distinct([now, now, now]);
  assert.ok(xs[0] < xs[1] && xs[1] < xs[2]);
});

test("values that no line reaches are found, whatever other curves have between them", () => {
  const none = undefined;
  assert.deepEqual(curves.isolated([1, 2, null, 3, null, 4, 5]), [3]);
  assert.deepEqual(curves.isolated([7]), [0]);
  assert.deepEqual(curves.isolated([none, 7, none, null, none, 1, none, 2, none, null, 3, none]), [1, 10]);
  assert.deepEqual(curves.isolated([null, none, null]), []);
  assert.deepEqual(curves.isolated([]), []);
});

test("values that a scale has no place for are counted", () => {
  const above = (/** @type {number} */ value) => (value > 0 ? value : null);
  assert.equal(curves.hiddenBy([curve({ y: [1, 0, -2, null, 3] }), curve()], above), 2);
});

test("beside a value stands the range it is the mean of, and the smoothed value", () => {
  assert.equal(curves.besideValue({ value: 0.149, low: 0.1, high: 5, smooth: 0.15 }), "0.1000 to 5 · smoothed 0.1500");
  assert.equal(curves.besideValue({ value: 1, low: 1, high: 1, smooth: null }), "");
  assert.equal(curves.besideValue({ value: null }), "");
});

test("under the cursor stands the last value before it, and a gap where there is one", () => {
  const ys = [1, undefined, undefined, null, undefined];
  assert.equal(curves.valueAt(ys, 2), 1);
  assert.equal(curves.valueAt(ys, 4), null);
  assert.equal(curves.valueAt([undefined, 2], 0), undefined);
});

test("a place is told in the axis's own words", () => {
  assert.equal(curves.placeText("epoch", 1.5), "epoch 1.500");
  assert.equal(curves.placeText("step", 12345), "step 12,345");
  assert.equal(curves.placeText("time", 61), "1m 01s");
});

test("a window around one point has a width", () => {
  assert.deepEqual(curves.widened([3, 3]), [2.5, 3.5]);
  assert.deepEqual(curves.widened([1, 2]), [1, 2]);
});

test("keys halve and double the window, move it, and show the whole run; minus undoes plus", () => {
  assert.deepEqual(curves.windowAfter("+", 0, 8), [2, 6]);
  assert.deepEqual(curves.windowAfter("-", 2, 6), [0, 8]);
  assert.deepEqual(curves.windowAfter("ArrowLeft", 4, 8), [3, 7]);
  assert.deepEqual(curves.windowAfter("ArrowRight", 4, 8), [5, 9]);
  assert.deepEqual(curves.windowAfter("Escape", 4, 8), [null, null]);
  assert.equal(curves.windowAfter("a", 4, 8), undefined);
});

test("the foot says of how many points a curve is drawn, and what is not drawn", () => {
  const thinned = curve({ kind: "val", label: "#3 val", in_window: 8000, shown: 1500, gaps: 2 });
  assert.deepEqual(curves.notes([curve(), thinned], 1), [
    { isPart: false, text: "train: all 3 points" },
    { isPart: true, text: "#3 val: 1,500 of 8,000 points" },
    { isPart: false, text: "2 not a number" },
    { isPart: true, text: "1 not above zero, hidden by the log scale" },
  ]);
  assert.equal(curves.notes([curve()], 0).length, 1);
  const means = curve({ in_window: 8000, shown: 1500, low: [1], high: [2] });
  assert.deepEqual(curves.notes([means], 0), [{ isPart: true, text: "train: mean and range of 8,000 points" }]);
});

test("the chart is told to those who do not see it", () => {
  assert.match(curves.spoken("loss", [curve()]), /^loss: train 3 points, last 1\. Plus and minus zoom/);
});

test("curves of other kinds share a tone, and compared ones bring their own", () => {
  assert.deepEqual([curve(), curve({ kind: "val" }), curve({ kind: "test" }), curve({ tone: "c2" })].map(curves.toneOf),
    ["train", "val", "other", "c2"]);
});
