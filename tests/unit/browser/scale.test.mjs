import assert from "node:assert/strict";
import { test } from "node:test";

import { extentOf, scaleOf } from "../../../web_stub/assets/pure/scale.js";

/** @param {(number | null | undefined)[]} values @param {boolean} isLog */
const scale = (values, isLog) => scaleOf(extentOf([values]), isLog);

/** Values that have broken charts. */
const ODD = [
  [1e-4], [1e-3, 1e-3], [1e-2], [0], [-5], [5e-324], [1e308], [-1.7e308, 1.7e308], [5e-324, 1e308], [1e-310, 2e-310],
  [1, 1 + 1e-12], [0.95, 1.05], [123456789, 123456790], [1e-12, 1e12], [3], [0, 5e-324], [1e15, 1.1e15], [0.001, 0.0013],
];

test("every number has a place within the range, and the range has ticks, on both scales", () => {
  for (const values of ODD) {
    for (const isLog of [false, true]) {
      const { place, range: [low, high], ticks } = scale(values, isLog);
      assert.ok(Number.isFinite(low) && Number.isFinite(high) && low < high, `${values} ${isLog}`);
      for (const value of values.filter((one) => !isLog || one > 0)) {
        const at = place(value);
        assert.ok(at !== null && at > low && at < high, `${value} of ${values} ${isLog}: ${at} in ${low}..${high}`);
      }
      const shown = ticks();
      assert.ok(shown.length >= 2 && shown.length <= 14, `${values} ${isLog}: ${shown.map(({ text }) => text)}`);
      for (const { at, text } of shown) assert.ok(at >= low - 1e-9 && at <= high + 1e-9 && !/NaN|Inf/.test(text), text);
      assert.equal(new Set(shown.map(({ text }) => text)).size, shown.length, `${values} ${isLog}: ${shown.map(({ text }) => text)}`);
    }
  }
});

test("a larger value lies higher", () => {
  for (const isLog of [false, true]) {
    const { place } = scale([5e-324, 1e-300, 1, 1e300], isLog);
    const places = [1e-300, 1, 1e300].map((value) => Number(place(value)));
    assert.ok(places[0] <= places[1] && places[1] < places[2]);
  }
});

test("a log scale has no place for zero and below, and is a scale all the same", () => {
  const { place, range } = scale([-1, 0, 0.5, 2], true);
  assert.deepEqual([place(0), place(-1)], [null, null]);
  assert.ok(range[0] < Math.log10(0.5) && range[1] > Math.log10(2));
  assert.deepEqual(scale([-1, 0], true).range, [-0.06, 1.06]);
});

test("ticks have the texts of their values", () => {
  const texts = (/** @type {number[]} */ values, isLog = false) => scale(values, isLog).ticks().map(({ text }) => text);
  assert.deepEqual(texts([0, 1]), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  assert.deepEqual(texts([1e-4], true), ["5e-5", "1e-4", "2e-4"]);
  assert.deepEqual(texts([1e-3], true), ["0.0005", "0.001", "0.002"].map(String).map((text) => (text === "0.0005" ? "5e-4" : text)));
  assert.deepEqual(texts([1e-5, 10], true), ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1", "10"].filter((_, i) => i % 2 === 1));
  assert.ok(texts([1e308]).includes("1.00e308"));
});

test("without a number there is a scale, but no extent", () => {
  assert.equal(extentOf([[null, undefined, NaN], []]), null);
  assert.deepEqual(scale([null], false).ticks().length > 1, true);
});
