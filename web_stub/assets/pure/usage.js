// What a task used of its machine, as charts: which figures share one, in which unit, and the peaks in words.

/** @import { UsageData, UsageSeries } from "../types" */
/** @import { Curve } from "./curves.js" */
import * as show from "./format.js";

/**
 * A chart: its title and its figures by name, each with the label of its curve. Values are divided by `unit`.
 * @typedef {{title: string, unit: number, figures: [name: string, label: string, kind: string][]}} Panel
 */

const MIB = 1 << 20;
const GPU_MEMORY = "GPU memory, MiB";

/** @type {Panel[]} */
const PANELS = [
  { title: "Processor, % of one", unit: 1, figures: [["cpu_percent", "used", "train"]] },
  { title: "Memory, MiB", unit: MIB, figures: [["memory_bytes", "used", "train"]] },
  { title: "GPU, % of one", unit: 1, figures: [["gpu_percent", "used", "train"]] },
  { title: GPU_MEMORY, unit: MIB, figures: [["gpu_memory_bytes", "used", "train"]] },
  { title: "Network, MiB/s", unit: MIB, figures: [["received_per_s", "received", "train"], ["sent_per_s", "sent", "val"]] },
  { title: "Disk, MiB/s", unit: MIB, figures: [["read_per_s", "read", "train"], ["written_per_s", "written", "val"]] },
];

/**
 * The charts of the figures that there are. Times count from the task's start.
 * @param {UsageData} data
 * @param {number} start in seconds since 1970
 * @returns {{title: string, curves: Curve[]}[]}
 */
export function panelsOf({ series, of_shared_gpus: isShared }, start) {
  const known = new Map(series.map((one) => [one.name, one]));
  return PANELS.map(({ title, unit, figures }) => ({
    title: isShared && title === GPU_MEMORY ? `${title}, of all programs` : title,
    curves: figures.flatMap(([name, label, kind], id) => {
      const one = known.get(name);
      return one ? [curveOf(one, { id, label, kind, unit, start })] : [];
    }),
  })).filter(({ curves }) => curves.length);
}

/**
 * @param {UsageSeries} one
 * @param {{id: number, label: string, kind: string, unit: number, start: number}} how
 * @returns {Curve}
 */
function curveOf(one, { id, label, kind, unit, start }) {
  const scaled = (/** @type {(number | null)[] | null} */ values) => values?.map((y) => (y === null ? null : y / unit)) ?? null;
  return {
    id, kind, label, name: one.name, count: one.count, in_window: one.count, shown: one.shown,
    gaps: 0, last_seq: 0, smooth: null, numbers: one.count, smooth_last: null,
    x: one.x.map((x) => x - start), y: scaled(one.y) ?? [], low: scaled(one.low), high: scaled(one.high),
  };
}

/** The most that was used at once, in words; empty without figures. @param {UsageData} data */
export function peaksText({ series, of_shared_gpus: isShared }) {
  /** @type {[name: string, text: (peak: number) => string][]} */
  const words = [
    ["cpu_percent", (peak) => `${show.count(peak)}% of a processor`],
    ["memory_bytes", (peak) => show.bytes(peak)],
    ["gpu_percent", (peak) => `${show.count(peak)}% of a GPU`],
    ["gpu_memory_bytes", (peak) => `${show.bytes(peak)} of GPU memory${isShared ? ", all programs" : ""}`],
  ];
  const known = new Map(series.map((one) => [one.name, one.peak]));
  const texts = words.flatMap(([name, text]) => {
    const peak = known.get(name);
    return peak === undefined ? [] : [text(peak)];
  });
  return texts.length ? `at most ${texts.join(", ")}` : "";
}
