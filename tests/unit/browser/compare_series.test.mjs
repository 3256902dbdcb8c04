import assert from "node:assert/strict";
import { test } from "node:test";

import { differenceCells } from "../../../web_stub/assets/pure/compare/differences.js";
import { choicesOf, metricKey } from "../../../web_stub/assets/pure/compare/choices.js";
import { csvOf, fileName } from "../../../web_stub/assets/pure/compare/csv.js";
import * as series from "../../../web_stub/assets/pure/compare/series.js";

/** @typedef {import("../../../web_stub/assets/types").ComparedRun} Run */

const RUNS = /** @type {Run[]} */ ([3, 1, 2].map((id) => ({ id, name: `unet ${id}`, status: "finished", started_at: null })));

/** @type {Map<number, unknown>} */
const CELLS = new Map(Object.entries({ 3: "auto", 1: 0.1, 4: 0.1 }).map(([run, cell]) => [Number(run), cell]));

/** @param {number} run @param {string} kind @param {object} [more] */
const curve = (run, kind, more = {}) => ({ run, series: {
  id: run, kind, name: "loss", count: 3, in_window: 3, shown: 3, gaps: 0, last_seq: 9, x: [1, 2, 3], y: [3, 2, 1],
  low: null, high: null, smooth: null, numbers: 3, smooth_last: null, ...more,
} });

test("runs without a group are an entry each, in their order", () => {
  assert.deepEqual(series.runEntries(RUNS).map(({ key, title, runs }) => [key, title, runs]),
    [["3", "#3 unet 3", [3]], ["1", "#1 unet 1", [1]], ["2", "#2 unet 2", [2]]]);
});

test("groups are ordered by value: numbers, texts, nothing", () => {
  /** @type {import("../../../web_stub/assets/types").RunColumn} */
  const column = { key: "config.lr", title: "lr", kind: "mixed" };
  const groups = series.groupEntries([...RUNS, { ...RUNS[0], id: 4 }], column, CELLS);
  assert.deepEqual(groups.map(({ title, runs, under }) => [title, runs, under]),
    [["lr 0.1", [1, 4], "2 runs"], ["lr auto", [3], "1 run"], ["no lr", [2], "1 run"]]);
});

test("references with one id are one group, whatever else they say", () => {
  /** @type {import("../../../web_stub/assets/types").RunColumn} */
  const column = { key: "project", title: "project", kind: "reference" };
  const [one] = series.groupEntries(RUNS, column, new Map(RUNS.map(({ id }) => [id, { id: 7, name: "fruit" }])));
  assert.deepEqual([one.title, one.runs], ["project fruit", [3, 1, 2]]);
});

test("lines are smooth where the server smoothed, and of a few the values stay behind", () => {
  const entries = series.runEntries(RUNS);
  const [line] = series.curveLines([curve(1, "val", { smooth: [3, 2.5, 2] })], entries, RUNS);
  assert.deepEqual([line.y, line.raw, line.label], [[3, 2.5, 2], [3, 2, 1], "#1 unet 1"]);
  const banded = curve(1, "val", { smooth: [3, 2.5, 2], low: [1, 1, 1], high: [4, 4, 4] });
  const many = series.curveLines(Array.from({ length: 7 }, () => banded), entries, RUNS);
  assert.deepEqual([many[0].raw, many[0].low], [null, null]);
  const kinds = series.curveLines([curve(1, "val"), curve(1, "train"), curve(9, "val"), curve(2, "val", { x: [], y: [] })], entries, RUNS);
  assert.deepEqual(kinds.map(({ label }) => label), ["#1 unet 1 val", "#1 unet 1 train"], "of runs here, with points");
});

test("a band belongs to the group of its runs", () => {
  const entries = [{ key: "0.1", title: "lr 0.1", under: "", runs: [3, 1] }];
  const band = { key: [0.1], runs: [1, 3], kind: "val", x: [1, 2], mean: [1, 2], low: [0, 1], high: [2, 3], count: [2, 1] };
  const [line] = series.bandLines([band], entries);
  assert.deepEqual([line.entry, line.label, line.y, line.count], ["0.1", "lr 0.1, mean of 2 runs", [1, 2], [2, 1]]);
});

test("the foot of a chart says what is not in the picture", () => {
  const lines = series.curveLines([curve(1, "val", { in_window: 5000, gaps: 2 }), curve(3, "val")], series.runEntries(RUNS), RUNS);
  const text = (/** @type {object} */ facts) => series.footNotes(lines, {
    all: 2, runs: 3, isClipped: false, hidden: { beyond: 0, log: 0 }, ...facts,
  })
    .map((note) => note.text).join("; ");
  assert.equal(text({}), "2 curves; means of 5,003 points; 2 of 3 runs have it; 2 not a number");
  assert.equal(text({ all: 9 }), "2 of 9 curves; means of 5,003 points; 2 not a number");
  assert.match(text({ hidden: { beyond: 31, log: 4 } }), /4 not above zero, hidden by the log scale; 31 points beyond the limits/);
  assert.match(text({ isClipped: true, hidden: { beyond: 1, log: 0 } }), /1 point beyond the 1st to 99th percentile, not in the picture$/);
});

test("of many readings the nearest are told, the greatest first", () => {
  const readings = [1, 5, 3, 9].map((value) => ({ key: String(value), label: "", extra: "", value, distance: Math.abs(value - 3) }));
  assert.deepEqual(series.nearestOf(readings, 2).map(({ value }) => value).sort(), [1, 3].sort());
  assert.deepEqual(series.nearestOf(readings, 9).map(({ value }) => value), [9, 5, 3, 1]);
});

test("the whole of the axis reaches over all lines", () => {
  assert.deepEqual(series.spanOf([{ x: [2, 5] }, { x: [] }, { x: [1] }]), [1, 5]);
  assert.deepEqual(series.spanOf([]), [0, 1]);
});

test("CSV holds what the window shows, and no spreadsheet runs it", () => {
  const lines = series.curveLines([curve(1, "val")], series.runEntries(RUNS), [{ ...RUNS[1], name: '=1+1,"' }]);
  lines[0].label = '=1+1,"';
  assert.equal(csvOf(series.csvRows(lines, "loss", "epoch", [2, 3])),
    'series,kind,epoch,loss\r\n"\'=1+1,""",val,2,2\r\n"\'=1+1,""",val,3,1\r\n');
  assert.equal(csvOf([[null, NaN, undefined, { a: 1 }, "plain"]]), ',,,"{""a"":1}",plain\r\n');
  for (const sign of ["=", "+", "-", "@", "\t", "\r", "\n"]) assert.match(csvOf([[`${sign}1`]]), /^"?'/, JSON.stringify(sign));
  assert.equal(fileName("../val loss/é", "svg"), "val-loss-é.svg");
  assert.equal(fileName("///", "csv"), "chart.csv");
});

test("a value that most runs have is usual; without a majority nothing is marked", () => {
  const cells = differenceCells([{ values: [0.1, "a"], which: [0, 0, 0, 1, null] }, { values: [1, 2, 3], which: [0, 1, 2, 0, 1] }], 5);
  assert.deepEqual(cells.map(([first]) => [first.text, first.isUsual]),
    [["0.1", true], ["0.1", true], ["0.1", true], ["a", false], [null, false]]);
  assert.ok(cells.every(([, second]) => second.isUsual));
});

test("columns to choose from are spelled as the server spells them", () => {
  assert.equal(metricKey("val", "mean_iou", "max"), "metrics.val.mean_iou@max");
  assert.equal(metricKey("val", "loss/all", "last"), 'metrics.val["loss/all"]');
  assert.equal(metricKey("val", "class", "last"), 'metrics.val["class"]');
  const found = choicesOf({ different: [], metrics: [{ kind: "val", name: "loss", runs: 1 }] }, { metrics: true });
  assert.deepEqual(found.map(({ title }) => title), ["Metrics", "Of the run"]);
  assert.equal(found[0].items.length, 3);
});
