import assert from "node:assert/strict";
import { test } from "node:test";

import { MOST, comparedIds, comparingAddress, describe } from "../../../web_stub/assets/pure/compared.js";

/**
 * @param {number} id
 * @param {Partial<import("../../../web_stub/assets/types").TaskCard>} [more]
 * @returns {import("../../../web_stub/assets/types").TaskCard}
 */
const card = (id, more = {}) => ({
  id, type: "train", status: "finished", name: `run ${id}`, plugin: { id: 1, name: "UNet" }, project: { id: 1, name: "Fruit" },
  model: { id: 1, name: "start" }, step: "UPLOAD", engine: null, stop_requested: false, reason: null, message: null,
  waits_for: null, job: null, node: null, attempt: 1, exit_code: 0, lines_read: 1, result_project_id: null,
  created_at: "", started_at: null, finished_at: null, progress: null, pace: null, tags: [], archived_at: null, deleted_at: null,
  metrics_count: 1, metrics: [{ kind: "train", name: "loss", value: 0.5 }], ...more,
});

test("an address names tasks once, without the page's own, and no more than there are colours", () => {
  assert.deepEqual(comparedIds("?compare=3,4,3,1", 1), [3, 4]);
  assert.equal(comparedIds("?compare=2,3,4,5,6,7,8", 1).length, MOST);
});

test("what is no id in an address is passed over", () => {
  assert.deepEqual(comparedIds("?compare=x,,-1,1e3,3.5, 4,99999999999999999999,7", 1), [7]);
  assert.deepEqual(comparedIds("?other=3", 1), []);
});

test("the address of a comparison can be read again, and keeps its other parts", () => {
  const address = comparingAddress("http://localhost/tasks/1?x=%2F#L12", [3, 4]);
  assert.equal(address, "http://localhost/tasks/1?x=%2F&compare=3,4#L12");
  assert.deepEqual(comparedIds(new URL(address).search, 1), [3, 4]);
  assert.equal(comparingAddress(address, []), "http://localhost/tasks/1?x=%2F#L12");
});

test("a training is described by a validation metric where it has one", () => {
  assert.equal(describe(card(3)), "UNet · Fruit · finished · train loss 0.5000");
  const metrics = [{ kind: "train", name: "loss", value: 0.5 }, { kind: "val", name: "iou", value: null }];
  assert.equal(describe(card(3, { metrics })), "UNet · Fruit · finished · val iou NaN");
});
