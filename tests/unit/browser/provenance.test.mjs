import assert from "node:assert/strict";
import { test } from "node:test";

import { metricTexts, originText, valMetrics } from "../../../web_stub/assets/pure/provenance.js";

test("only numbers are metrics", () => {
  assert.deepEqual(valMetrics({ val_metrics: { loss: 0.5, note: "good", gap: null } }), [["loss", 0.5]]);
  for (const none of [null, undefined, {}, { val_metrics: null }]) assert.deepEqual(valMetrics(none), []);
});

test("a metric's name and value stay on one line", () => {
  assert.deepEqual(metricTexts([["loss", 0.5]]), ["loss\u00a00.5000"]);
});

test("a model comes from a checkpoint, or was brought along", () => {
  assert.equal(originText(7, 3), "Checkpoint 3 of task 7");
  assert.equal(originText(7, 0), "Checkpoint 0 of task 7");
  assert.equal(originText(7, null), "Checkpoint ? of task 7");
  assert.equal(originText(null, null), "Brought along");
});
