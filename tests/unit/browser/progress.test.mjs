import assert from "node:assert/strict";
import { test } from "node:test";

import {
  barCount, barLabel, barNumbers, barTone, checkpointText, noBarText, steps, troubleText,
} from "../../../web_stub/assets/pure/progress.js";

/** @param {Partial<import("../../../web_stub/assets/types").Progress>} [more] */
const bar = (more = {}) => ({ subtask: "Model training: ", current: 70, total: 6000, current_label: null, total_label: null, ...more });

/**
 * @param {import("../../../web_stub/assets/types").TaskStatus} status
 * @param {string} step
 */
const states = (status, step) => steps({ type: "train", status, step }).map(({ state }) => state);

test("a bar is named without its colon, and counted in its own words where it has some", () => {
  assert.equal(barLabel(bar()), "Model training");
  assert.equal(barLabel(bar({ subtask: " : " })), "");
  assert.equal(barCount(bar()), "70 / 6,000");
  assert.equal(barNumbers(bar()), "70 / 6,000");
  assert.equal(barNumbers(bar({ current_label: "1 MB", total_label: "2 MB" })), "1 MB / 2 MB");
  assert.equal(barLabel(bar({ subtask: "\x1b[32mValidation\x1b[0m:" })), "Validation");
});

test("a full bar is done whatever became of the task, another one goes as the task does", () => {
  assert.equal(barTone(bar({ current: 6000 }), "error"), "finished");
  assert.equal(barTone(bar(), "error"), "error");
  assert.equal(barTone(bar(), "consumed"), "started");
  assert.equal(barTone(bar({ current: 0, total: 0 }), "started"), "started");
});

test("a task without a bar waits or prepares, and one that is over does neither", () => {
  /** @type {Pick<import("../../../web_stub/assets/types").TaskCard, "status" | "step" | "waits_for">} */
  const task = { status: "queued", step: "NOTHING", waits_for: null };
  assert.equal(noBarText(task), "Waiting for an agent");
  assert.equal(noBarText({ ...task, waits_for: "No engine answers." }), "Waits: No engine answers.");
  assert.equal(noBarText({ ...task, status: "consumed" }), "Preparing");
  assert.equal(noBarText({ ...task, status: "started", step: "MAIN" }), "");
  assert.equal(noBarText({ ...task, status: "stopped" }), "");
});

test("steps of a running task are done, now, or still to come", () => {
  assert.deepEqual(states("queued", "NOTHING"), ["", "", ""]);
  assert.deepEqual(states("started", "NOTHING"), ["now", "", ""]);
  assert.deepEqual(states("started", "DOWNLOAD"), ["done", "now", ""]);
  assert.deepEqual(states("started", "MAIN"), ["done", "done", "now"]);
  assert.deepEqual(states("finished", "UPLOAD"), ["done", "done", "done"]);
});

test("the step that a failed or stopped task was in has failed", () => {
  assert.deepEqual(states("error", "DOWNLOAD"), ["done", "failed", ""]);
  assert.deepEqual(states("stopped", "NOTHING"), ["failed", "", ""]);
});

test("the main step is named for what the task does", () => {
  const title = (/** @type {"train" | "inference" | "deploy"} */ type) =>
    steps({ type, status: "started", step: "MAIN" })[1].title;
  assert.deepEqual([title("train"), title("inference"), title("deploy")], ["Train", "Apply", "Answer requests"]);
});

test("a deployed model answers until it is stopped, which is no failure", () => {
  const state = (/** @type {"deployed" | "stopped" | "error"} */ status) =>
    steps({ type: "deploy", status, step: "DOWNLOAD" })[1].state;
  assert.deepEqual([state("deployed"), state("stopped"), state("error")], ["now", "", "failed"]);
});

test("a failure is told by its message, its reason, or the lack of both, and the exit code once", () => {
  assert.equal(troubleText({ message: "It broke.", reason: "x", exit_code: null }), "It broke.");
  assert.equal(troubleText({ message: "It broke.", reason: "x", exit_code: 3 }), "It broke. (exit code 3)");
  assert.equal(troubleText({ message: "It ended with exit code 3.", reason: "x", exit_code: 3 }), "It ended with exit code 3.");
  assert.equal(troubleText({ message: null, reason: "plugin_exit", exit_code: 0 }), "plugin_exit");
  assert.equal(troubleText({ message: null, reason: null, exit_code: null }), "No reason was recorded.");
});

const words = (/** @type {Record<string, unknown> | null} */ optional) =>
  checkpointText({ optional, size_bytes: 2048 }).replaceAll("\u00a0", " ");

test("a checkpoint tells its epoch, its metrics and its size", () => {
  assert.equal(words({ epoch: 2, val_metrics: { loss: 0.25, iou: 1 } }), "epoch 2 · loss 0.2500 · iou 1 · 2.0 KiB");
  assert.equal(words(null), "2.0 KiB");
});

test("whatever a plugin reports as epoch or metrics is shown, or passed over", () => {
  assert.equal(words({ epoch: "3/20" }), "epoch 3/20 · 2.0 KiB");
  assert.equal(words({ epoch: null }), "epoch NaN · 2.0 KiB");
  assert.equal(words({ epoch: [1, 2] }), "epoch [1,2] · 2.0 KiB");
  assert.equal(words({ val_metrics: { loss: "low", iou: null, acc: 0.5 } }), "acc 0.5000 · 2.0 KiB");
  assert.equal(words({ val_metrics: "none" }), "2.0 KiB");
});
