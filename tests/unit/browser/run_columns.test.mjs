import assert from "node:assert/strict";
import { test } from "node:test";

import {
  choices, defaultColumns, everyKey, groupable, isKey, moved, numericColumns, spoken,
} from "../../../web_stub/assets/pure/run_columns.js";

/** @param {string} name @param {Record<string, number>} kinds @param {boolean} differs */
const config = (name, kinds, differs) => ({ key: `config.${name}`, title: name, tasks: 3, kinds, differs });
/** @param {string} kind @param {string} name */
const metric = (kind, name) => ({ key: `metrics.${kind}.${name}`, kind, name, tasks: 1 });

/** @type {import("../../../web_stub/assets/types.d.ts").RunColumns} */
const KNOWN = {
  fields: [
    { key: "id", title: "id", kind: "number" }, { key: "name", title: "name", kind: "text" },
    { key: "status", title: "status", kind: "status" }, { key: "duration", title: "duration", kind: "duration" },
    { key: "project", title: "project", kind: "reference" },
  ],
  config: [
    config("epochs", { number: 3 }, false), config("lr", { number: 2, text: 1 }, true), config("sizes", { list: 3 }, true),
    config("optimizer", { text: 3 }, true),
  ],
  config_count: 4,
  metrics: [metric("train", "loss"), metric("val", "loss"), metric("val", "mean_iou")],
  metrics_count: 3,
};

test("the usual columns say by what configs differ, and how well the runs did", () => {
  assert.deepEqual(defaultColumns(KNOWN), [
    "name", "status", "config.lr", "config.optimizer", "metrics.val.loss@min", "metrics.val.mean_iou@max", "duration", "created",
  ]);
  const many = { ...KNOWN, config: Array.from({ length: 30 }, (_, i) => config(`k${i}`, { number: 1 }, true)), metrics: [] };
  assert.equal(defaultColumns(many).length, 9, "a few of many");
  assert.ok(defaultColumns({ ...KNOWN, metrics: [metric("train", "acc")] }).includes("metrics.train.acc@max"));
});

test("a column moves by one place, but not over the ends", () => {
  assert.deepEqual(moved(["a", "b", "c"], "b", -1), ["b", "a", "c"]);
  assert.deepEqual(moved(["a", "b", "c"], "b", 1), ["a", "c", "b"]);
  assert.deepEqual(moved(["a", "b", "c"], "a", -1), ["a", "b", "c"]);
  assert.deepEqual(moved(["a", "b", "c"], "x", 1), ["a", "b", "c"]);
});

test("columns are found by words in any order, and each group says of how many", () => {
  const found = choices(KNOWN, "loss val");
  assert.deepEqual(found.map(({ title, choices: some, of }) => [title, some.map(({ key }) => key), of]),
    [["Task", [], 4], ["Config", [], 4], ["Metrics", ["metrics.val.loss"], 3]]);
  assert.deepEqual(found[2].choices[0].values.map(([name]) => name), ["last", "max", "min"]);
});

test("a typed name may be a column that no list has", () => {
  assert.ok(isKey("metrics.val.loss@10"));
  assert.ok(isKey("config.lr"));
  for (const text of ["loss", "metrics.val", "config", "config.lr@max", ""]) assert.ok(!isKey(text), text);
});

test("a condition may name every column", () => {
  assert.equal(everyKey(KNOWN).length, 5 + 4 + 9);
});

test("groups have means of numbers, not of values at an epoch", () => {
  const shown = ["name", "id", "duration", "config.lr", "config.optimizer", "metrics.val.loss@min", "metrics.val.loss@10"];
  assert.deepEqual(numericColumns(KNOWN, shown), ["duration", "config.lr", "metrics.val.loss@min"]);
});

test("runs are grouped by what few of them share, differing values first", () => {
  assert.deepEqual(groupable(KNOWN), ["status", "project", "config.lr", "config.optimizer", "config.epochs"]);
});

test("a column in words", () => {
  assert.equal(spoken("metrics.val.loss@min"), "val loss min");
  assert.equal(spoken("config.lr"), "config lr");
  assert.equal(spoken("best_checkpoint"), "best checkpoint");
});
