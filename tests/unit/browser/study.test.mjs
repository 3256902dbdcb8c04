import assert from "node:assert/strict";
import { test } from "node:test";

import { countsText, historyOf, parallelOf, placing, sharesOf, stateOf, valueText } from "../../../web_stub/assets/pure/study.js";

/**
 * @param {number} number
 * @param {number | null} value
 * @param {import("../../../web_stub/assets/types").TrialState} [state]
 * @param {Record<string, unknown>} [params]
 * @returns {import("../../../web_stub/assets/types").Trial}
 */
const trial = (number, value, state = "complete", params = {}) => ({
  number, value, state, params, step: 0, sentence: "", task_id: number + 1, task_status: "finished", started_at: null,
  finished_at: null, is_task_deleted: false,
});

/** @param {Partial<import("../../../web_stub/assets/types").Study>} changes @returns {any} */
const study = (changes) => ({ state: "running", is_interrupted: false, trials_wanted: 30, space: {}, best: null, metric: "val.iou",
  counts: { running: 1, complete: 9, pruned: 2, failed: 1 }, ...changes });

test("the best value so far changes with better complete trials only", () => {
  const trials = [trial(0, 0.5), trial(1, null, "failed"), trial(2, 0.9, "pruned"), trial(3, 0.4), trial(4, 0.7)];

  const up = historyOf(trials, "maximize");
  assert.deepEqual(up.points.map(({ number }) => number), [0, 2, 3, 4]);
  assert.deepEqual(up.best, [{ number: 0, value: 0.5 }, { number: 4, value: 0.7 }]);
  assert.deepEqual(historyOf(trials, "minimize").best, [{ number: 0, value: 0.5 }, { number: 3, value: 0.4 }]);
});

test("values are placed between their ends, by logarithm where the range is", () => {
  assert.deepEqual([1, 2, 3].map(placing([1, 3])), [0, 0.5, 1]);
  assert.deepEqual([1e-4, 1e-3, 1e-2].map(placing([1e-4, 1e-2], true)), [0, 0.5, 1]);
  assert.equal(placing([7, 7])(7), 0.5);
});

test("a complete trial is a line over the axes, and the best one is drawn last", () => {
  const space = { lr: { low: 1e-4, high: 1e-2, is_integer: false, log: true, step: null }, opt: { choices: ["sgd", ["a"], null] } };
  const best = trial(0, 0.9, "complete", { lr: 1e-2, opt: ["a"] });
  const other = trial(1, 0.1, "complete", { lr: 1e-3, opt: null });

  const { axes, lines } = parallelOf(study({ space, best, trials: [best, other, trial(2, 0.5, "pruned")] }));

  assert.deepEqual(axes.map(({ title, ends }) => [title, ...ends]), [
    ["lr", "0.000100", "0.0100"], ["opt", "sgd", "null"], ["val.iou", "0.1000", "0.9000"],
  ]);
  assert.deepEqual(lines.map(({ number, places }) => [number, ...places]), [[1, 0.5, 1, 0], [0, 1, 0.5, 1]]);
});

test("a study says how it stands", () => {
  assert.equal(countsText(study({})), "12 of 30 have ended, 2 pruned, 1 failed");
  assert.equal(stateOf(study({})), "running");
  assert.equal(stateOf(study({ is_interrupted: true })), "interrupted");
  assert.deepEqual(sharesOf({ a: 0.2, b: 0.8 }), [["b", 0.8], ["a", 0.2]]);
  assert.deepEqual(sharesOf(null), []);
  assert.deepEqual([0.5, "x", [1], null, true, undefined].map(valueText), ["0.5000", "x", "[1]", "null", "true", "null"]);
});
