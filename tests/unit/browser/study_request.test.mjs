import assert from "node:assert/strict";
import { test } from "node:test";

import { keysOf, rowText, searchOf, spaceOf } from "../../../web_stub/assets/pure/study_request.js";

/** @type {import("../../../web_stub/assets/pure/study_request.js").SpaceRow} */
const EMPTY = { key: "", kind: "choices", values: "", low: "", high: "", step: "", log: false };

test("a row says what --set says", () => {
  assert.equal(rowText({ ...EMPTY, values: " sgd, adam " }), "sgd, adam");
  assert.equal(rowText({ ...EMPTY, kind: "range", low: "1e-5", high: "0.1 ", log: true }), "1e-5..0.1:log");
  assert.equal(rowText({ ...EMPTY, kind: "range", low: "64", high: "512", step: "64" }), "64..512:step=64");
  assert.equal(rowText({ ...EMPTY, kind: "range", low: "1.0", high: "2" }), "1.0..2");
});

test("rows make a space; empty ones are left out", () => {
  assert.deepEqual(spaceOf([{ ...EMPTY, key: " lr ", values: "1,2" }, EMPTY]), { lr: "1,2" });
});

test("a row without a key, twice the same key and a key without values are refused", () => {
  assert.throws(() => spaceOf([EMPTY, { ...EMPTY, values: "1,2" }]), /Row 2 of what varies has no key/);
  assert.throws(() => spaceOf([{ ...EMPTY, key: "lr", values: "1,2" }, { ...EMPTY, key: "lr ", low: "1" }]), /two rows/);
  assert.throws(() => spaceOf([{ ...EMPTY, key: "lr" }]), /The key lr has no values/);
});

test("what is left open is left out of the search", () => {
  const open = { name: "", metric: "", direction: "maximize", trials: "", jobs: "", sampler: "", pruner: "", seed: "" };
  assert.deepEqual(searchOf(open), {});
  assert.deepEqual(searchOf({ ...open, metric: " val.iou ", trials: "20", jobs: "2", seed: "0", sampler: "tpe", name: " a " }),
    { metric: "val.iou", direction: "maximize", trials: 20, jobs: 2, seed: 0, sampler: "tpe", name: "a" });
});

test("the keys of a config lie in each other by dots", () => {
  assert.deepEqual(keysOf({ lr: 0.1, size: [1, 2], opt: { name: "sgd", none: null } }), ["lr", "size", "opt.name", "opt.none"]);
  assert.deepEqual(keysOf(null), []);
});
