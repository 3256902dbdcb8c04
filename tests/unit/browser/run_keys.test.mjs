import assert from "node:assert/strict";
import { test } from "node:test";

import { heading, keyParts, splitKeys, variants } from "../../../web_stub/assets/pure/run_keys.js";

test("keys are parted by commas outside of quotes and brackets", () => {
  assert.deepEqual(splitKeys('name, config["a,b"],metrics.val["x]\\",y"]@max,,'), ["name", 'config["a,b"]', 'metrics.val["x]\\",y"]@max']);
  assert.deepEqual(splitKeys("config['it,s']"), ["config['it,s']"]);
  assert.deepEqual(splitKeys(" "), []);
});

test("a key has a root, steps, and what stands behind @", () => {
  assert.deepEqual(keyParts("config.batch_size.train"), { root: "config", steps: ["batch_size", "train"], at: "" });
  assert.deepEqual(keyParts('config["learning rate"].sizes[0]'), { root: "config", steps: ["learning rate", "sizes", 0], at: "" });
  assert.deepEqual(keyParts('metrics.val["a\\"@b"]@max'), { root: "metrics", steps: ["val", 'a"@b'], at: "max" });
  assert.deepEqual(keyParts("config.größe"), { root: "config", steps: ["größe"], at: "" });
  assert.deepEqual(keyParts("best_checkpoint"), { root: "best_checkpoint", steps: [], at: "" });
  assert.deepEqual(keyParts("config.lr < 1"), { root: "config.lr < 1", steps: [], at: "" }, "no key");
});

test("a head says the name, and above it where the column is from", () => {
  assert.deepEqual(heading("best_checkpoint"), { over: "", name: "best checkpoint" });
  assert.deepEqual(heading("config.sizes[0].x"), { over: "config", name: "sizes[0].x" });
  assert.deepEqual(heading("metrics.val.loss"), { over: "val · last", name: "loss" });
  assert.deepEqual(heading('metrics.val["loss/all"]@min'), { over: "val · min", name: "loss/all" });
  assert.deepEqual(heading("metrics.val.loss@10"), { over: "val · at epoch 10", name: "loss" });
});

test("a metric has three values", () => {
  assert.deepEqual(variants("metrics.val.iou").map(([, key]) => key), ["metrics.val.iou", "metrics.val.iou@max", "metrics.val.iou@min"]);
});
