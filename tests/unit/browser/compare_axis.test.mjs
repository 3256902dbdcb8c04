import assert from "node:assert/strict";
import { test } from "node:test";

import * as axis from "../../../web_stub/assets/pure/compare/axis.js";
import { cellText } from "../../../web_stub/assets/pure/compare/cells.js";

/** @typedef {import("../../../web_stub/assets/types").RunColumn} RunColumn */

/** @param {RunColumn["kind"]} kind @returns {RunColumn} */
const column = (kind) => ({ key: "config.a", title: "a", kind });

test("positive numbers over decades are on a log axis, others on a linear one", () => {
  const log = axis.axisOf(column("number"), [0.1, 0.01, 0.001, null]);
  assert.equal(log.type, "log");
  const [low, middle, high] = [0.001, 0.01, 0.1].map((cell) => Number(log.place(cell)));
  assert.ok(Math.abs(middle - (low + high) / 2) < 1e-9);
  assert.deepEqual([log.place(null), log.place(0), log.place("a")], [null, null, null]);
  assert.equal(axis.axisOf(column("number"), [0.1, 5]).type, "linear");
  assert.equal(axis.axisOf(column("number"), [0, 1000]).type, "linear");
  assert.equal(axis.axisOf(column("number"), [-1, 1000]).type, "linear");
});

test("texts stand side by side in order, and numbers among them are values, too", () => {
  const found = axis.axisOf(column("mixed"), ["sgd", 0.1, "adam", "sgd", null]);
  assert.equal(found.type, "values");
  assert.deepEqual(found.ticks.map(({ text }) => text), ["0.1", "adam", "sgd"]);
  assert.deepEqual([found.place("sgd"), found.place("lion"), found.place(null)], [2.5 / 3, null, null]);
  assert.equal(found.between(0.4, 1), "adam, sgd");
});

test("references are values by id, times and durations are numbers", () => {
  const project = axis.axisOf(column("reference"), [{ id: 2, name: "coins" }, { id: 1, name: "fruit" }]);
  assert.deepEqual(project.ticks.map(({ text }) => text).sort(), ["coins", "fruit"]);
  assert.notEqual(project.place({ id: 2, name: "renamed" }), null);
  assert.equal(axis.axisOf(column("time"), ["2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z"]).type, "linear");
  assert.equal(cellText(75, "duration"), "1m 15s");
  assert.equal(cellText(3 * 2 ** 29, "size"), "1.5 GiB");
});

test("every place is within the axis, whatever the numbers; one number has a place", () => {
  for (const cells of [[5], [0], [1e308, -1e308], [5e-324, 1e308], [3, 3]]) {
    const found = axis.axisOf(column("number"), cells);
    for (const cell of cells) {
      const at = found.place(cell);
      assert.ok(at !== null && at >= 0 && at <= 1, `${cell} of ${cells}`);
    }
  }
  assert.equal(axis.axisOf(column("text"), []).place("a"), null);
});

test("brushes go through an address, and what is none is passed over", () => {
  /** @type {import("../../../web_stub/assets/pure/compare/axis.js").Brushes} */
  const brushes = new Map([["config.lr", [0.25, 0.5]], ['config["a:b,c"]', [0, 1]]]);
  assert.deepEqual(axis.brushesOf(axis.brushesText(brushes)), brushes);
  assert.equal(axis.brushesOf("a:1:0,b,c:x:1,%E0%A4%A:0:1").size, 0);
});

test("a line is within brushes by its places; without a value it is outside, without the axis it is not asked", () => {
  /** @type {import("../../../web_stub/assets/pure/compare/axis.js").Brushes} */
  const brushes = new Map([["a", [0.2, 0.4]]]);
  assert.equal(axis.isWithin(new Map([["a", 0.3]]), brushes), true);
  assert.equal(axis.isWithin(new Map([["a", 0.5]]), brushes), false);
  assert.equal(axis.isWithin(new Map([["a", null]]), brushes), false);
  assert.equal(axis.isWithin(new Map([["b", 0.5]]), brushes), true);
});

test("keys move a brush within the axis", () => {
  assert.equal(axis.brushAfter([0.2, 0.4], "Escape", false), null);
  assert.equal(axis.brushAfter([0.2, 0.4], "a", false), undefined);
  const near = (/** @type {unknown} */ found, /** @type {number[]} */ wanted) =>
    wanted.forEach((value, i) => assert.ok(Math.abs(/** @type {number[]} */ (found)[i] - value) < 1e-9, `${found}`));
  near(axis.brushAfter(undefined, "ArrowDown", false), [0, 0.9]);
  near(axis.brushAfter([0.2, 0.4], "ArrowUp", false), [0.3, 0.5]);
  near(axis.brushAfter([0.65, 0.95], "ArrowUp", false), [0.7, 1]);
  near(axis.brushAfter([0.2, 0.4], "ArrowUp", true), [0.2, 0.5]);
  near(axis.brushAfter([0.2, 0.4], "ArrowDown", true), [0.2, 0.3]);
});

test("the metric to explain is a score of val, else a loss to be low", () => {
  const of = (/** @type {string[]} */ ...metrics) =>
    axis.likelyTarget(metrics.map((metric) => ({ kind: metric.split(" ")[0], name: metric.split(" ")[1] })));
  assert.deepEqual(of("train loss", "val loss", "val mean_iou"), { kind: "val", name: "mean_iou", at: "max" });
  assert.deepEqual(of("train acc", "val loss"), { kind: "val", name: "loss", at: "min" });
  assert.deepEqual(of("train loss"), { kind: "train", name: "loss", at: "min" });
  assert.equal(of(), null);
});
