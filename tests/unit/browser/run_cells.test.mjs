import assert from "node:assert/strict";
import { test } from "node:test";

import { cell, isRight, summaryCell } from "../../../web_stub/assets/pure/run_cells.js";

test("what is not there is a dash, in every kind of column", () => {
  for (const kind of ["number", "text", "time", "duration", "size", "status", "reference", "bool", "mixed"]) {
    assert.equal(cell({ key: "x", kind }, null).text, "–");
  }
});

test("a measured number is rounded and whole in the title; a number of a config stands as it was given", () => {
  assert.deepEqual(cell({ key: "metrics.val.loss", kind: "number" }, 0.123456789), { text: "0.1235", title: "0.123456789" });
  assert.deepEqual(cell({ key: "config.lr", kind: "number" }, 0.0003), { text: "0.0003", title: "" });
  assert.deepEqual(cell({ key: "config.lr", kind: "mixed" }, 0.12345678901), { text: "0.1235", title: "0.12345678901" });
  assert.deepEqual(cell({ key: "lines", kind: "number" }, 12345), { text: "12,345", title: "" });
});

test("long texts, lists and objects have their whole text as title", () => {
  const long = "x".repeat(40);
  assert.deepEqual(cell({ key: "name", kind: "text" }, long), { text: long, title: long });
  assert.deepEqual(cell({ key: "config.a", kind: "mixed" }, [1, { b: null }]), { text: '[1,{"b":null}]', title: "" });
  assert.deepEqual(cell({ key: "config.a", kind: "bool" }, false), { text: "false", title: "" });
});

test("references lead to their pages", () => {
  assert.equal(cell({ key: "project", kind: "reference" }, { id: 3, name: "fruit" }).href, "/projects/3");
  assert.equal(cell({ key: "best_checkpoint", kind: "reference" }, { id: 4, name: "m" }).href, "/models/4");
});

test("times and durations read as elsewhere", () => {
  const now = Date.parse("2026-11-30T10:00:00Z");
  assert.equal(cell({ key: "created", kind: "time" }, "2026-11-30T09:50:00Z", now).text, "10 min ago");
  assert.equal(cell({ key: "duration", kind: "duration" }, 90).text, "1m 30s");
  assert.ok(isRight("duration") && isRight("number") && !isRight("text"));
});

test("a size is in words, and its bytes are in the title", () => {
  assert.deepEqual(cell({ key: "peak_memory", kind: "size" }, 3 * 2 ** 29), { text: "1.5 GiB", title: "1,610,612,736 bytes" });
  assert.equal(summaryCell("size", { count: 2, mean: 2048, std: 1024, min: 1024, max: 3072 }).text, "2.0 KiB ± 1.0 KiB");
  assert.ok(isRight("size"));
});

test("a group has mean and deviation, with least and greatest in the title", () => {
  const three = { count: 3, mean: 0.5, std: 0.1, min: 0.4, max: 0.6 };
  assert.deepEqual(summaryCell("number", three), { text: "0.5000 ± 0.1000", title: "0.4000 … 0.6000, of 3 numbers" });
  assert.equal(summaryCell("number", { count: 1, mean: 0.5, std: null, min: 0.5, max: 0.5 }).text, "0.5000");
  assert.equal(summaryCell("number", { count: 0, mean: null, std: null, min: null, max: null }).text, "–");
  assert.equal(summaryCell("number", { count: 1, mean: null, std: null, min: 1e200, max: 1e200 }).text, "1.00e200 … 1.00e200");
  assert.equal(summaryCell("duration", { count: 2, mean: 60, std: 1, min: 59, max: 61 }).text, "1m 00s ± 1s");
});
