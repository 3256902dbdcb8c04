import assert from "node:assert/strict";
import { test } from "node:test";

import { barWidth, partsOf, summary } from "../../../web_stub/assets/pure/disk.js";

const GIB = 2 ** 30;

/**
 * @param {Partial<import("../../../web_stub/assets/types").Space>} [more]
 * @returns {import("../../../web_stub/assets/types").Space}
 */
const space = (more = {}) => ({
  disk_total_bytes: 100 * GIB, disk_free_bytes: 40 * GIB, store_bytes: GIB, blobs_bytes: 5 * GIB, unnamed_bytes: 0,
  tasks_count: 0, models_count: 0, projects_count: 0, folders_bytes: 4 * GIB, half_made: [],
  tasks: [], models: [], projects: [], trash: [], images: null, ...more,
});

test("the parts together are the disk", () => {
  const parts = partsOf(space());
  assert.equal(parts.reduce((sum, { size }) => sum + size, 0), 100 * GIB);
  assert.deepEqual(Object.fromEntries(parts.map(({ key, size }) => [key, size / GIB])),
    { models: 5, folders: 4, store: 1, half: 0, other: 50, free: 40 });
});

test("a database server takes nothing here, and no part is less than nothing", () => {
  const parts = partsOf(space({ store_bytes: null, blobs_bytes: 70 * GIB }));
  assert.deepEqual(parts.filter(({ size }) => size <= 0).map(({ key }) => key), ["store", "half", "other"]);
  assert.ok(parts.every(({ size }) => size >= 0));
});

test("the summary says what is ours and what is free, and what nothing names", () => {
  assert.equal(summary(space()), "10.0 GiB are ours, 40.0 GiB are free");
  assert.match(summary(space({ unnamed_bytes: GIB })), /; 1\.0 GiB of it nothing names/);
});

test("what is half made is ours, and what killed processes have left is named", () => {
  /** @param {boolean} is_left */
  const upload = (is_left) => ({ what: "upload", size_bytes: GIB, since: "2026-01-01T00:00:00Z", is_left });
  const busy = space({ half_made: [upload(false)] });
  assert.equal(summary(busy), "11.0 GiB are ours, 40.0 GiB are free");
  assert.equal(partsOf(busy).find(({ key }) => key === "half")?.size, GIB);
  assert.match(summary(space({ half_made: [upload(false), upload(true)] })),
    /; 1 half-made thing of killed processes, 1\.0 GiB, are left, and agent clean removes them/);
});

test("a bar is seen however small its part is, and an empty table has none", () => {
  assert.deepEqual([barWidth(50, 100), barWidth(100, 100), barWidth(1, 1e9), barWidth(0, 0)], [50, 100, 1, 0]);
});
