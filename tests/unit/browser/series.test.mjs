import assert from "node:assert/strict";
import { test } from "node:test";

import * as series from "../../../web_stub/assets/pure/series.js";

/** @typedef {import("../../../web_stub/assets/types").ChartSeries} ChartSeries */

/** @param {Partial<ChartSeries>} [more] @returns {ChartSeries} */
const one = (more = {}) => ({
  id: 1, kind: "train", name: "loss", count: 2, in_window: 2, shown: 2, gaps: 0, last_seq: 20, x: [1, 2], y: [0.5, 0.4],
  low: null, high: null, smooth: null, numbers: 2, smooth_last: null, ...more,
});

/** @param {Partial<import("../../../web_stub/assets/types").NewPoints>} [more] */
const points = (more = {}) => ({ series: 1, seq: [21, 22], epoch: [2, 3], value: [0.3, null], time_us: [5e6, 6e6], ...more });

test("a query names the axis, how many points, and the window in the server's time", () => {
  assert.equal(series.pointsQuery({ axis: "epoch", window: null, smoothing: 0 }, 1500, 0), "x=epoch&max_points=1500&thin=mean");
  assert.equal(series.pointsQuery({ axis: "time", window: [1, 2.5], smoothing: 0.9 }, 10, 100, [7, 8]),
    "x=time&max_points=10&thin=mean&smoothing=0.9&series=7&series=8&from=101&to=102.5");
});

test("a task begins with its first point, and without points not yet", () => {
  assert.equal(series.firstX([one({ x: [7, 8] }), one({ x: [5] }), one({ x: [] })]), 5);
  assert.equal(series.firstX([]), null);
  assert.equal(series.firstX([one({ x: [] })]), null);
});

test("points that go on from the end of a curve continue it", () => {
  const known = new Map([[1, one()]]);
  assert.ok(series.continues([points()], known, "epoch"));
  assert.ok(series.continues([points()], new Map([[1, one({ x: [], y: [] })]]), "epoch"));
});

test("an unknown series, an epoch that comes again and one that is none are reasons to load anew", () => {
  const known = new Map([[1, one()]]);
  assert.ok(!series.continues([points({ series: 2 })], known, "epoch"));
  assert.ok(!series.continues([points({ epoch: [1, 3] })], known, "epoch"));
  assert.ok(!series.continues([points({ epoch: [2, null] })], known, "epoch"));
  assert.ok(series.continues([points({ epoch: [1, null] })], known, "step"), "steps only go on");
});

test("new points stand at the end of the curve, on each axis", () => {
  for (const [axis, x] of /** @type {const} */ ([["epoch", [1, 2, 2, 3]], ["step", [1, 2, 3, 4]], ["time", [1, 2, 1, 2]]])) {
    const curve = one();
    series.extend(curve, points(), { axis, hasWindow: false, offset: 4, smoothing: 0 });
    assert.deepEqual(curve.x, x, axis);
    assert.deepEqual(curve.y, [0.5, 0.4, 0.3, null]);
    assert.deepEqual([curve.count, curve.in_window, curve.shown, curve.gaps, curve.last_seq], [4, 4, 4, 1, 22]);
  }
});

test("the smoothed curve goes on as the server would have smoothed it", () => {
  for (const weight of [0.3, 0.9]) {
    const values = [0.5, 0.4, 0.3, null, 2, 1];
    const smooth = values.map((value, i) => {
      const numbers = values.slice(0, i + 1).filter((one) => one !== null).reverse();
      const sum = (/** @type {(number | null)[]} */ ys) => ys.reduce((all, y, k) => Number(all) + weight ** k * Number(y), 0);
      return value === null ? null : Number(sum(numbers)) / Number(sum(numbers.map(() => 1)));
    });
    const curve = one({ low: [0.5, 0.4], high: [0.5, 0.4], smooth: smooth.slice(0, 2), smooth_last: smooth[1] });
    const part = { series: 1, seq: [21, 22, 23, 24], epoch: [3, 4, 5, 6], value: values.slice(2), time_us: [1, 2, 3, 4] };
    series.extend(curve, part, { axis: "epoch", hasWindow: false, offset: 0, smoothing: weight });
    assert.deepEqual(curve.smooth?.map((y) => y?.toFixed(12)), smooth.map((y) => y?.toFixed(12)));
    assert.deepEqual([curve.low, curve.high, curve.numbers], [values, values, 5]);
  }
});

test("a curve with every point is smoothed at hand, any other by the server", () => {
  const whole = one({ y: [4, null, 8], x: [1, 2, 3], count: 3, shown: 3, in_window: 3 });
  assert.ok(series.smoothHere(whole, 0.5));
  assert.deepEqual(whole.smooth?.map((y) => y?.toFixed(12)), ["4.000000000000", undefined, (10 / 1.5).toFixed(12)]);
  assert.ok(series.smoothHere(whole, 0));
  assert.equal(whole.smooth, null);
  for (const part of [one({ count: 9 }), one({ low: [1, 2], high: [1, 2] })]) assert.ok(!series.smoothHere(part, 0.5));
});

test("points that a curve has already are not added twice", () => {
  const curve = one({ last_seq: 21 });
  series.extend(curve, points(), { axis: "step", hasWindow: false, offset: 0, smoothing: 0 });
  assert.equal(curve.count, 3);
  series.extend(curve, points(), { axis: "step", hasWindow: false, offset: 0, smoothing: 0 });
  assert.equal(curve.count, 3);
});

test("a window stays as it is: new points are only counted", () => {
  const curve = one();
  series.extend(curve, points(), { axis: "epoch", hasWindow: true, offset: 0, smoothing: 0 });
  assert.deepEqual([curve.x, curve.count, curve.in_window, curve.last_seq], [[1, 2], 4, 2, 22]);
});

test("each metric has a chart: train before val before others, and compared tasks behind", () => {
  const own = [one({ kind: "test" }), one({ kind: "val" }), one(), one({ name: "lr" }), one({ name: "empty", x: [], y: [] })];
  const charts = series.byMetric(own, [
    { card: { id: 8 }, series: [one({ kind: "val" }), one({ name: "iou" })] },
    { card: { id: 9 }, series: [one()] },
  ]);
  assert.deepEqual([...charts.keys()], ["loss", "lr", "iou"]);
  assert.deepEqual(charts.get("loss")?.map((curve) => curve.label ?? curve.kind), ["train", "val", "test", "#8 val", "#9 train"]);
  assert.deepEqual(charts.get("loss")?.map((curve) => curve.tone), [undefined, undefined, undefined, "c1", "c2"]);
});

test("the whole run reaches from the first point of any curve to the last", () => {
  assert.deepEqual(series.span([one({ x: [2, 9] }), one({ x: [1, 4] })]), [1, 9]);
});

test("times are counted from the start of the task", () => {
  const curve = one({ x: [105, 110] });
  assert.deepEqual(series.shifted([curve], 100)[0].x, [5, 10]);
  assert.deepEqual(curve.x, [105, 110], "the answer itself is not changed");
});
