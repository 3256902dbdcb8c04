// The entries of the legend, a run or a group of runs each, and the lines of a chart.

/** @import { ComparedRun, RunBand, RunColumn, RunCurve } from "../../types" */
/** @import { Values } from "../curves.js" */
import * as show from "../format.js";
import { byCell, cellKey, cellText } from "./cells.js";

/**
 * @typedef {object} Entry
 * @property {string} key
 * @property {string} title
 * @property {string} under
 * @property {number[]} runs
 */
/**
 * A line of a chart. `y` is what is drawn as the line; `raw`, behind it, the values that a smoothed line comes of.
 * @typedef {object} PlotLine
 * @property {string} key
 * @property {string} entry
 * @property {string} label
 * @property {number | null} run null for a group
 * @property {string} kind of the metric: train, val
 * @property {number[]} x
 * @property {Values} y
 * @property {Values | null} raw
 * @property {Values | null} low
 * @property {Values | null} high
 * @property {number[] | null} count of runs at each x, of a group
 * @property {number} points it stands for, in the window
 * @property {boolean} isPart whether a point stands for several
 * @property {number} gaps
 */

const BANDED = 6; // lines at most that have a band of their own, of lowest and highest values

/** An entry for each run. @param {ComparedRun[]} runs @returns {Entry[]} */
export const runEntries = (runs) =>
  runs.map(({ id, name, status }) => ({ key: String(id), title: `#${id} ${name}`, under: status, runs: [id] }));

/**
 * An entry for each value of a column, ordered by value.
 * @param {ComparedRun[]} runs
 * @param {RunColumn} column
 * @param {Map<number, unknown>} cells by run
 * @returns {Entry[]}
 */
export function groupEntries(runs, column, cells) {
  /** @type {Map<string, {cell: unknown, runs: number[]}>} */
  const groups = new Map();
  for (const { id } of runs) {
    const cell = cells.get(id) ?? null;
    const key = cellKey(cell, column.kind);
    const known = groups.get(key);
    if (known) known.runs.push(id);
    else groups.set(key, { cell, runs: [id] });
  }
  return [...groups].sort(([, one], [, other]) => byCell(one.cell, other.cell)).map(([key, { cell, runs: ids }]) => ({
    key, title: cell === null ? `no ${column.title}` : `${column.title} ${cellText(cell, column.kind)}`,
    under: show.counted(ids.length, "run"), runs: ids,
  }));
}

/** Run → key of its entry. @param {Entry[]} entries */
export const entryByRun = (entries) => new Map(entries.flatMap(({ key, runs }) => runs.map((run) => [run, key])));

/**
 * Lines of single runs.
 * @param {RunCurve[]} curves
 * @param {Entry[]} entries
 * @param {ComparedRun[]} runs
 * @returns {PlotLine[]}
 */
export function curveLines(curves, entries, runs) {
  const entry = entryByRun(entries);
  const names = new Map(runs.map(({ id, name }) => [id, name]));
  const isOneKind = new Set(curves.map(({ series }) => series.kind)).size < 2;
  return curves.filter(({ run, series }) => entry.has(run) && series.x.length).map(({ run, series }) => ({
    key: `${run} ${series.kind}`,
    entry: /** @type {string} */ (entry.get(run)),
    label: `#${run} ${names.get(run) ?? ""}${isOneKind ? "" : ` ${series.kind}`}`,
    run,
    kind: series.kind,
    x: series.x,
    y: series.smooth ?? series.y,
    raw: series.smooth && curves.length <= BANDED ? series.y : null,
    low: curves.length <= BANDED ? series.low : null,
    high: curves.length <= BANDED ? series.high : null,
    count: null,
    points: series.in_window,
    isPart: series.shown < series.in_window,
    gaps: series.gaps,
  }));
}

/**
 * Lines of groups, each with its band.
 * @param {RunBand[]} bands
 * @param {Entry[]} entries
 * @returns {PlotLine[]}
 */
export function bandLines(bands, entries) {
  const entry = entryByRun(entries);
  const titles = new Map(entries.map(({ key, title }) => [key, title]));
  const isOneKind = new Set(bands.map(({ kind }) => kind)).size < 2;
  return bands.filter(({ runs, x }) => entry.has(runs[0]) && x.length).map((band) => {
    const key = /** @type {string} */ (entry.get(band.runs[0]));
    return {
      key: `${key} ${band.kind}`, entry: key,
      label: `${titles.get(key)}${isOneKind ? "" : ` ${band.kind}`}, mean of ${show.counted(band.runs.length, "run")}`,
      run: null, kind: band.kind, x: band.x, y: band.mean, raw: null, low: band.low, high: band.high, count: band.count,
      points: band.runs.length, isPart: false, gaps: 0,
    };
  });
}

/**
 * The whole of the axis: from the first x of all lines to the last; 0 to 1 without any.
 * @param {{x: number[]}[]} lines
 * @returns {[number, number]}
 */
export function spanOf(lines) {
  let [from, to] = [Infinity, -Infinity];
  for (const { x } of lines) [from, to] = [Math.min(from, x[0] ?? from), Math.max(to, x.at(-1) ?? to)];
  return from <= to ? [from, to] : [0, 1];
}

/**
 * The sentences at the foot of a chart. `isPart`: about what is not drawn.
 * @param {PlotLine[]} lines shown
 * @param {{all: number, runs: number, isClipped: boolean, hidden: {beyond: number, log: number}}} facts
 *   `all` lines there are, `runs` compared, `isClipped`: to percentiles
 */
export function footNotes(lines, { all, runs, isClipped, hidden }) {
  const isGroups = lines.some(({ run }) => run === null);
  const withIt = new Set(lines.map(({ run }) => run)).size;
  const points = lines.reduce((sum, line) => sum + line.points, 0);
  const gaps = lines.reduce((sum, line) => sum + line.gaps, 0);
  const isPart = lines.some((line) => line.isPart);
  const of = lines.length < all ? ` of ${show.count(all)}` : "";
  const curves = `${show.count(lines.length)}${of} ${isGroups ? "means" : "curves"}`;
  const notes = [{ isPart: false, text: isGroups ? `${curves} of ${show.counted(points, "curve")}` : curves }];
  if (!isGroups) notes.push({ isPart, text: `${isPart ? "means of" : "all"} ${show.counted(points, "point")}` });
  if (!isGroups && lines.length === all && withIt < runs) {
    notes.push({ isPart: false, text: `${show.count(withIt)} of ${show.counted(runs, "run")} have it` });
  }
  if (gaps) notes.push({ isPart: false, text: `${show.count(gaps)} not a number` });
  if (hidden.log) notes.push({ isPart: true, text: `${show.count(hidden.log)} not above zero, hidden by the log scale` });
  if (hidden.beyond) {
    const why = isClipped ? "beyond the 1st to 99th percentile, not in the picture" : "beyond the limits, not in the picture";
    notes.push({ isPart: true, text: `${show.counted(hidden.beyond, "point")} ${why}` });
  }
  return notes;
}

/** @typedef {{label: string, key: string, value: number, extra: string, distance: number}} LineReading */

/**
 * Of the readings at the cursor those nearest to it, the greatest first.
 * @param {LineReading[]} readings
 * @param {number} most
 */
export const nearestOf = (readings, most) =>
  readings.toSorted((a, b) => a.distance - b.distance).slice(0, most).sort((a, b) => b.value - a.value);

/**
 * The rows of a chart's CSV: what is drawn, within the window.
 * @param {PlotLine[]} lines
 * @param {string} name of the metric
 * @param {string} axis
 * @param {[number, number]} window
 */
export function csvRows(lines, name, axis, [min, max]) {
  const isBand = lines.some(({ low }) => low);
  const head = ["series", "kind", axis, name, ...(isBand ? ["low", "high"] : []), ...(lines.some(({ count }) => count) ? ["runs"] : [])];
  const rows = lines.flatMap(({ label, kind, x, y, low, high, count }) => x.map((at, i) => ({ at, row: [
    label, kind, at, y[i], ...(isBand ? [low?.[i], high?.[i]] : []), ...(count ? [count[i]] : []),
  ] })));
  return [head, ...rows.filter(({ at }) => at >= min && at <= max).map(({ row }) => row)];
}
