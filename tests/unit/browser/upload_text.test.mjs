import assert from "node:assert/strict";
import { test } from "node:test";

import { fileText, modelName, percent, progressText } from "../../../web_stub/assets/pure/upload_text.js";

const MIB = 2 ** 20;

test("a model is named after its file, without the ending of an archive", () => {
  assert.deepEqual(["best.tar", "a.b.TAR.GZ", "x.tgz", "y.tar.zst", "tar", "z.zip"].map(modelName),
    ["best", "a.b", "x", "y", "tar", "z.zip"]);
});

test("a chosen file is told with its size and age", () => {
  const now = Date.parse("2026-03-05T12:00:00Z");
  assert.match(fileText({ size: 3 * MIB, lastModified: now - 3 * 3_600_000 }, now), /^3\.0 MiB, changed 3 h ago\./);
});

test("an upload tells how far it is, how fast, and how long it will take", () => {
  assert.equal(progressText(25 * MIB, 100 * MIB, 5000), "25.0 MiB of 100 MiB · 5.0 MiB/s · 15s left");
});

test("before the first byte has arrived nothing is said about the rest", () => {
  assert.equal(progressText(0, 100 * MIB, 300), "0 B of 100 MiB");
});

test("a whole upload is being checked", () => {
  assert.equal(progressText(MIB, MIB, 1), "1.0 MiB sent; the tar is being checked …");
  assert.match(progressText(0, 0, 0), /being checked/);
});

test("the bar of an empty file is no error", () => {
  assert.deepEqual([percent(0, 0), percent(1, 4), percent(4, 4)], [0, 25, 100]);
});
