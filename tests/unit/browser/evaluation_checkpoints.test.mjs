import assert from "node:assert/strict";
import { test } from "node:test";

import { curvesOf, figuresOf, progressOf } from "../../../web_stub/assets/pure/evaluation/checkpoints.js";
import { nextError } from "../../../web_stub/assets/pure/evaluation/judged.js";

/** @param {number} index @param {number | null} iou @param {Record<string, any>} [more] @returns {any} */
const item = (index, iou, more = {}) => ({
  checkpoint_index: index, epoch: index / 2, is_best: false, model: { id: index, name: "m", is_deleted: false }, task_id: 10 + index,
  task_status: "finished", own: {},
  evaluation: iou === null ? null : { id: 100 + index, status: "done", headline: { segmentation: { mean_iou: iou, pixels: 9 } } }, ...more,
});

test("the curve of a figure stands beside the plugin's own metrics that are parts of a whole", () => {
  const items = [item(2, 0.7), item(1, 0.5, { own: { iou: 0.4, loss: 3 } }), item(3, null)];
  assert.deepEqual(figuresOf(items), ["segmentation.mean_iou"]);
  assert.deepEqual(curvesOf(items, "segmentation.mean_iou"), [
    { title: "mean_iou", isOwn: false, points: [{ x: 0.5, y: 0.5, evaluation: 101 }, { x: 1, y: 0.7, evaluation: 102 }] },
    { title: "iou", isOwn: true, points: [{ x: 0.5, y: 0.4, evaluation: null }] },
  ]);
});

test("checkpoints are counted by how far their evaluations are", () => {
  const items = [
    item(1, 0.5), item(2, null), item(3, null, { task_status: "error" }), item(4, null, { task_id: null, task_status: null }),
    item(5, null, { evaluation: { id: 9, status: "running", headline: {} } }), item(6, null, { task_id: null, model: null }),
  ];
  assert.deepEqual(progressOf(items), { done: 1, underWay: 1, left: 3 });
});

test("keys lead from error to error, and past the last one to the next image", () => {
  const [found, missed, extra] = ["matched", "missed", "extra"].map((kind) => ({ kind }));
  const objects = [missed, found, extra];
  assert.equal(nextError(objects, null, 1), missed);
  assert.equal(nextError(objects, missed, 1), extra);
  assert.equal(nextError(objects, extra, 1), null);
  assert.equal(nextError(objects, null, -1), extra);
  assert.equal(nextError([found], null, 1), null);
});
