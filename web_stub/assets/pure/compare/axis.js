// An axis of a column: numbers by size, on a log scale where they span decades, and other values side by side.

/** @import { RunColumn } from "../../types" */
import { extentOf, scaleOf } from "../scale.js";
import { byCell, cellKey, cellText, measureText, numberOf } from "./cells.js";

const DECADES = 2; // of positive numbers, from which on an axis is logarithmic
const MOST_TICKS = 12;

/**
 * @typedef {object} ColumnAxis
 * @property {"linear" | "log" | "values"} type
 * @property {(cell: unknown) => number | null} place 0 to 1; null for a cell without a place
 * @property {{at: number, text: string}[]} ticks
 * @property {(from: number, to: number) => string} between a part of the axis in words
 */

/**
 * @param {RunColumn} column
 * @param {unknown[]} cells of the runs shown
 * @returns {ColumnAxis}
 */
export function axisOf(column, cells) {
  const given = cells.filter((cell) => cell !== null && cell !== undefined);
  const numbers = given.map((cell) => numberOf(cell, column.kind));
  return given.length > 0 && numbers.every((number) => number !== null)
    ? numberAxis(column, /** @type {number[]} */ (numbers)) : valueAxis(column, given);
}

/** @param {RunColumn} column @param {number[]} numbers @returns {ColumnAxis} */
function numberAxis({ kind }, numbers) {
  const extent = extentOf([numbers]);
  const isLog = extent !== null && extent.low > 0 && extent.high / extent.low >= 10 ** DECADES && kind !== "time";
  const scale = scaleOf(extent, isLog);
  const [min, max] = scale.range;
  const part = (/** @type {number} */ at) => (at - min) / (max - min);
  const place = (/** @type {unknown} */ cell) => {
    const number = numberOf(cell, kind);
    const at = number === null ? null : scale.place(number);
    return at === null ? null : part(at);
  };
  const nearest = (/** @type {number} */ at) => numbers.toSorted((a, b) =>
    Math.abs((place(inCell(a, kind)) ?? 2) - at) - Math.abs((place(inCell(b, kind)) ?? 2) - at))[0];
  return {
    type: isLog ? "log" : "linear",
    place,
    ticks: scale.ticks().map(({ at, text }) => ({ at: part(at), text: tickText(text, at, kind) })),
    between: (from, to) => `${cellText(inCell(nearest(from), kind), kind)} to ${cellText(inCell(nearest(to), kind), kind)}`,
  };
}

/** A number as the cell that it comes of. @param {number} number @param {string} kind */
const inCell = (number, kind) => (kind === "time" ? new Date(number * 1000).toISOString() : number);

/** @param {string} text @param {number} at @param {string} kind */
function tickText(text, at, kind) {
  if (kind === "time") return new Date(at * 1000).toISOString().slice(5, 16).replace("T", " ");
  return measureText(at, kind) ?? text;
}

/** @param {RunColumn} column @param {unknown[]} cells @returns {ColumnAxis} */
function valueAxis({ kind }, cells) {
  const values = [...new Map(cells.map((cell) => [cellKey(cell, kind), cell]))].sort(([, one], [, other]) => byCell(one, other));
  const places = new Map(values.map(([key], i) => [key, (i + 0.5) / values.length]));
  const texts = values.map(([key, cell]) => ({ at: places.get(key) ?? 0, text: cellText(cell, kind) }));
  const every = Math.ceil(texts.length / MOST_TICKS);
  return {
    type: "values",
    place: (cell) => places.get(cellKey(cell, kind)) ?? null,
    ticks: texts.filter((_, i) => i % every === 0),
    between: (from, to) => texts.filter(({ at }) => at >= from && at <= to).map(({ text }) => text).join(", ") || "nothing",
  };
}

/** A part of an axis that filters, by column. @typedef {Map<string, [number, number]>} Brushes */

/** @param {string} text of an address @returns {Brushes} */
export function brushesOf(text) {
  return new Map(text.split(",").filter(Boolean).flatMap((part) => {
    const [name, ...edges] = part.split(":");
    const [low, high] = edges.map(Number);
    if (edges.length !== 2 || !(low < high)) return [];
    try {
      return [/** @type {[string, [number, number]]} */ ([decodeURIComponent(name), [low, high]])];
    } catch {
      return []; // an address that was cut
    }
  }));
}

/** @param {Brushes} brushes */
export const brushesText = (brushes) =>
  [...brushes].map(([key, [low, high]]) => `${encodeURIComponent(key)}:${low.toFixed(3)}:${high.toFixed(3)}`).join(",");

/**
 * Whether places on axes are within all brushes.
 * @param {Map<string, number | null>} places by column
 * @param {Brushes} brushes
 */
export const isWithin = (places, brushes) => [...brushes].every(([key, [low, high]]) => {
  const at = places.get(key);
  return at === undefined || (at !== null && at >= low && at <= high);
});

/**
 * A brush after a key: arrows move it, with Shift they move its upper edge, Escape takes it away; undefined for others.
 * @param {[number, number] | undefined} brush
 * @param {string} key
 * @param {boolean} isShift
 * @returns {[number, number] | null | undefined} null for none
 */
export function brushAfter(brush, key, isShift) {
  if (key === "Escape") return null;
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  const step = key === "ArrowUp" ? 0.1 : -0.1;
  const [low, high] = brush ?? [0, 1];
  if (isShift || !brush) return [low, Math.min(1, Math.max(low + 0.1, high + (brush ? step : -0.1)))];
  const moved = Math.min(1 - high, Math.max(-low, step));
  return [low + moved, high + moved];
}

const LOSS = /loss|err|dist|perplex/i;

/**
 * The metric that most will want to explain: the best value of a val metric, else of the first metric.
 * @param {{kind: string, name: string}[]} metrics
 * @returns {{kind: string, name: string, at: "min" | "max"} | null}
 */
export function likelyTarget(metrics) {
  const isScore = (/** @type {{name: string}} */ { name }) => !LOSS.test(name);
  const val = metrics.filter(({ kind }) => kind === "val");
  const chosen = val.find(isScore) ?? val[0] ?? metrics.find(isScore) ?? metrics[0];
  return chosen ? { ...chosen, at: isScore(chosen) ? "max" : "min" } : null;
}
