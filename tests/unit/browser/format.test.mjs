import assert from "node:assert/strict";
import { test } from "node:test";

import * as show from "../../../web_stub/assets/pure/format.js";

test("numbers have four digits that matter", () => {
  const texts = { 0: 0, "0.1234": 0.12341, "0.0123": 0.012345, "1.235": 1.23451, "12.346": 12.3456, "123.46": 123.456 };
  for (const [text, value] of Object.entries(texts)) assert.equal(show.number(value), text);
  assert.equal(show.number(1234.56), "1234.6");
  assert.equal(show.number(-0.5), "-0.5000");
});

test("very small and very large numbers are written by power of ten, whole ones by thousands", () => {
  assert.equal(show.number(0.0000123), "1.23e-5");
  assert.equal(show.number(12_345_678.9), "1.23e7");
  assert.equal(show.number(1_234_567), "1,234,567");
});

test("what is no number is called NaN", () => {
  for (const value of [null, undefined, NaN]) assert.equal(show.number(value), "NaN");
});

test("sizes are written in binary units", () => {
  assert.deepEqual([0, 1023, 1024, 1536, 150 * 1024, 2 ** 30, 2 ** 50].map(show.bytes),
    ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "150 KiB", "1.0 GiB", "1024 TiB"]);
});

test("durations have their two largest units", () => {
  const times = [-5, 12.4, 949, 950, 59_000, 61_000, 3_600_000, 3_725_000, 90_000_000];
  assert.deepEqual(times.map(show.duration),
    ["0 ms", "12 ms", "949 ms", "1s", "59s", "1m 01s", "1h 00m", "1h 02m", "1d 01h"]);
});

test("ages are rounded, and dates from a day on", () => {
  const now = Date.parse("2026-03-05T12:00:00Z");
  const age = (/** @type {string} */ iso) => show.ago(iso, now);
  assert.equal(age("2026-03-05T11:59:30Z"), "just now");
  assert.equal(age("2026-03-05T11:59:10Z"), "1 min ago");
  assert.equal(age("2026-03-05T10:00:00Z"), "2 h ago");
  assert.match(age("2026-03-01T10:00:00Z"), /2026/);
});

test("a task that runs lasts until now, a task that is over until its end, a queued one not yet", () => {
  const now = Date.parse("2026-03-05T12:00:00Z");
  const started = "2026-03-05T11:00:00Z";
  assert.equal(show.taskDuration({ started_at: started, finished_at: null }, now), 3_600_000);
  assert.equal(show.taskDuration({ started_at: started, finished_at: "2026-03-05T11:00:05Z" }, now), 5000);
  assert.equal(show.taskDuration({ started_at: null, finished_at: null }, now), null);
});

test("a count agrees with its noun", () => {
  assert.deepEqual([0, 1, 2, 1000].map((n) => show.counted(n, "image")), ["0 images", "1 image", "2 images", "1,000 images"]);
});

test("a part that is not zero never reads as zero", () => {
  assert.deepEqual([0, 0.0004, 0.012, 0.5, 1].map(show.share), ["–", "<0.1%", "1.2%", "50%", "100%"]);
});

test("a bar without a total is empty, and none is more than full", () => {
  assert.equal(show.percent({ current: 3, total: 0 }), 0);
  assert.equal(show.percent({ current: 3, total: 4 }), 75);
  assert.equal(show.percent({ current: 9, total: 4 }), 100);
});

test("zero has no sign, and only a whole is 100%", () => {
  assert.equal(show.number(-0), "0");
  assert.deepEqual([0, 0.0004, 0.994, 0.9999, 1].map(show.share), ["–", "<0.1%", "99%", ">99%", "100%"]);
});
