import assert from "node:assert/strict";
import { test } from "node:test";

import * as plot from "../../../web_stub/assets/pure/compare/plot.js";

const LOOK = { window: /** @type {[number, number]} */ ([0, 1000]), log: false, clip: false };
const BOX = { left: 0, top: 0, width: 100, height: 100 };
/** A hundred values from 1 and one that is far out. */
const OUTLIER = { x: Array.from({ length: 101 }, (_, i) => i), y: Array.from({ length: 101 }, (_, i) => (i === 50 ? 1e6 : 1 + i / 100)) };

test("the part of a line within a window has both of its edges", () => {
  assert.deepEqual(plot.spanWithin([1, 2, 3, 4], [2, 3]), [1, 3]);
  assert.deepEqual(plot.spanWithin([1, 2, 2, 4], [2, 2]), [1, 3]);
  assert.deepEqual(plot.spanWithin([1, 2], [5, 9]), [2, 2]);
  assert.deepEqual(plot.spanWithin([], [5, 9]), [0, 0]);
});

test("clipping leaves an outlier outside the picture and says so", () => {
  const whole = plot.verticalOf([OUTLIER], LOOK);
  assert.ok(whole.scale.range[1] > 1e6);
  assert.deepEqual(whole.hidden, { beyond: 0, log: 0 });
  const clipped = plot.verticalOf([OUTLIER], { ...LOOK, clip: true });
  assert.ok(clipped.scale.range[1] < 3);
  assert.deepEqual(clipped.hidden, { beyond: 1, log: 0 });
});

test("the percentiles are those of what the window shows", () => {
  const { scale, hidden } = plot.verticalOf([OUTLIER], { ...LOOK, clip: true, window: [0, 40] });
  assert.ok(scale.range[0] < 1.01 && scale.range[1] < 1.5);
  assert.equal(hidden.beyond, 0, "the outlier is outside the window");
  const few = { x: [1, 2, 3], y: [1, 100, 1e9] };
  assert.equal(plot.verticalOf([few], { ...LOOK, clip: true }).hidden.beyond, 0, "of a few values none is an outlier");
});

test("limits by hand are exact, and one alone leaves the other to the values", () => {
  const line = { x: [1, 2, 3], y: [0, 5, 10] };
  assert.deepEqual(plot.verticalOf([line], { ...LOOK, limits: [2, 8] }).scale.range, [2, 8]);
  assert.equal(plot.verticalOf([line], { ...LOOK, limits: [2, 8] }).hidden.beyond, 2);
  assert.deepEqual(plot.verticalOf([line], { ...LOOK, limits: [null, 20] }).scale.range, [0, 20]);
  assert.deepEqual(plot.verticalOf([line], { ...LOOK, log: true, limits: [-1, 100] }).scale.range, [Math.log10(5), 2]);
  const turned = plot.verticalOf([line], { ...LOOK, limits: [8, 2] }).scale.range;
  assert.ok(turned[0] < turned[1], "limits the wrong way round limit nothing");
});

test("values without a place on a log scale are counted apart", () => {
  const { hidden } = plot.verticalOf([{ x: [1, 2, 3, 4], y: [0, -1, null, 10] }], { ...LOOK, log: true });
  assert.deepEqual(hidden, { beyond: 0, log: 2 });
});

test("a line has gaps where it has no value, and a value alone is a dot", () => {
  const { scale } = plot.verticalOf([{ x: [0], y: [0, 10] }], { ...LOOK, limits: [0, 10] });
  const pixels = plot.pixelsOf(BOX, [0, 10], { ...scale, range: [0, 10] });
  assert.equal(plot.linePath([0, 5, 6, 10], [0, 10, null, 5], pixels), "M0 100L50 0M100 50h.01");
  assert.equal(plot.linePath([], [], pixels), "");
  assert.equal(plot.areaPath([0, 10], [0, 0], [10, 5], pixels, 100), "M0 0L100 50L100 100L0 100Z");
});

test("the point next to x is found, and none beyond the ends", () => {
  const line = { x: [1, 2, 10], y: [5, null, 7] };
  assert.deepEqual(plot.pointNear(line, 7), { index: 2, x: 10, value: 7 });
  assert.deepEqual(plot.pointNear(line, 1.2), { index: 0, x: 1, value: 5 });
  assert.equal(plot.pointNear(line, 2.1), null, "there the line has a gap");
  assert.equal(plot.pointNear(line, 11), null);
  assert.deepEqual(plot.pointNear(line, 10.5, 1), { index: 2, x: 10, value: 7 });
  assert.equal(plot.pointNear({ x: [], y: [] }, 1), null);
});

test("every number has pixels that a path can hold", () => {
  for (const y of [[5e-324, 1e308], [-1e308, 1e308], [3, 3]]) {
    const { scale } = plot.verticalOf([{ x: [0, 1], y }], LOOK);
    assert.match(plot.linePath([0, 1], y, plot.pixelsOf(BOX, [0, 1], scale)), /^M[\d. ]+L[\d. ]+$/);
  }
});
