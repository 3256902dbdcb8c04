import assert from "node:assert/strict";
import { test } from "node:test";

import { panelsOf, peaksText } from "../../../web_stub/assets/pure/usage.js";

/** @param {string} name @param {(number | null)[]} y @returns {import("../../../web_stub/assets/types").UsageSeries} */
const figure = (name, y) => ({
  name, count: y.length, shown: y.length, x: y.map((_, i) => 1000 + i), y, low: null, high: null,
  peak: Math.max(...y.map(Number)),
});

/** @param {import("../../../web_stub/assets/types").UsageSeries[]} series */
const data = (...series) => ({ series, of_shared_gpus: false });

test("figures that were told become charts, in units that are read at a glance and times from the start", () => {
  const panels = panelsOf(data(figure("memory_bytes", [1 << 20, null, 3 << 20]), figure("sent_per_s", [0, 1 << 19])), 1000);

  assert.deepEqual(panels.map(({ title, curves }) => [title, curves.map(({ label, x, y }) => [label, x, y])]), [
    ["Memory, MiB", [["used", [0, 1, 2], [1, null, 3]]]],
    ["Network, MiB/s", [["sent", [0, 1], [0, 0.5]]]],
  ]);
});

test("a band of thinned readings is in the same unit", () => {
  const [{ curves: [curve] }] = panelsOf(data({ ...figure("memory_bytes", [2 << 20]), low: [1 << 20], high: [4 << 20] }), 0);

  assert.deepEqual([curve.low, curve.y, curve.high], [[1], [2], [4]]);
});

test("a task without readings has no charts and no peaks", () => {
  assert.deepEqual(panelsOf(data(), 0), []);
  assert.equal(peaksText(data()), "");
});

test("peaks are said in words", () => {
  const memory = [figure("memory_bytes", [3 * 1024 ** 3]), figure("gpu_memory_bytes", [1 << 20])];

  assert.equal(
    peaksText(data(figure("cpu_percent", [50, 1234.4]), ...memory)),
    "at most 1,234% of a processor, 3.0 GiB, 1.0 MiB of GPU memory",
  );
});

test("memory on GPUs that is of other programs too says so", () => {
  const shared = { ...data(figure("gpu_memory_bytes", [1 << 20]), figure("gpu_percent", [1])), of_shared_gpus: true };

  assert.deepEqual(panelsOf(shared, 0).map(({ title }) => title), ["GPU, % of one", "GPU memory, MiB, of all programs"]);
  assert.equal(peaksText(shared), "at most 1% of a GPU, 1.0 MiB of GPU memory, all programs");
});
