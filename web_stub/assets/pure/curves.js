// The arithmetic of one chart: the numbers drawn, and the texts about them.

/** @import { ChartSeries } from "../types" */
import * as show from "./format.js";

/**
 * A curve as a chart draws it. Curves of compared tasks have a label and a tone of their own.
 * @typedef {ChartSeries & {label?: string, tone?: string}} Curve
 * @typedef {"epoch" | "step" | "time"} Axis
 * @typedef {(number | null)[]} Values null: not a number, a gap in the curve
 */

const KINDS = ["train", "val"];

/** @param {Curve} curve */
export const toneOf = (curve) => curve.tone ?? (KINDS.includes(curve.kind) ? curve.kind : "other");

/**
 * What a chart says of a curve at a point.
 * @typedef {{value: number | null | undefined, low?: number | null, high?: number | null, smooth?: number | null}} Reading
 */

/**
 * A reading in words beside the value: the range that a mean stands for, the smoothed value.
 * @param {Reading} reading
 */
export function besideValue({ low, high, smooth }) {
  const isRange = low !== null && low !== undefined && high !== null && high !== undefined && low < high;
  return [
    isRange ? `${show.number(low)} to ${show.number(high)}` : "",
    smooth === undefined || smooth === null ? "" : `smoothed ${show.number(smooth)}`,
  ].filter(Boolean).join(" · ");
}

/** @param {Curve} curve */
export const labelOf = (curve) => curve.label ?? curve.kind;

/**
 * The same x twice (a resumed run passes an epoch again): moved apart by less than anyone can see.
 * @param {number[]} xs
 */
export function distinct(xs) {
  const out = Float64Array.from(xs);
  for (let i = 1; i < out.length; i += 1) {
    if (out[i] <= out[i - 1]) out[i] = out[i - 1] + Math.max(1e-9, Math.abs(out[i - 1]) * 1e-13);
  }
  return out;
}

/**
 * Indices of values without a neighbour: no line reaches them, so they are drawn as points. `undefined` is no value of
 * this curve.
 * @param {ArrayLike<number | null | undefined>} ys
 */
export function isolated(ys) {
  const alone = [];
  let last = -1; // the value before, if no gap follows it
  let isLinked = false; // whether it is linked to the value before it
  for (let i = 0; i <= ys.length; i += 1) {
    const y = i < ys.length ? ys[i] : null;
    if (y === undefined) continue;
    if (y === null) {
      if (last >= 0 && !isLinked) alone.push(last);
      last = -1;
      isLinked = false;
    } else {
      isLinked = last >= 0;
      last = i;
    }
  }
  return alone;
}

/**
 * How many of the values drawn a scale cannot show.
 * @param {Curve[]} curves
 * @param {(value: number) => number | null} place
 */
export const hiddenBy = (curves, place) => curves.reduce((sum, { y }) =>
  sum + y.filter((value) => value !== null && place(value) === null).length, 0);

/**
 * The value at an index of joined columns. A column has `undefined` where only another curve has a point; its value
 * is the value before.
 * @param {ArrayLike<number | null | undefined>} ys
 * @param {number} index
 */
export function valueAt(ys, index) {
  let at = index;
  while (at > 0 && ys[at] === undefined) at -= 1;
  return ys[at];
}

/**
 * A place on the horizontal axis in words.
 * @param {Axis} axis
 * @param {number} x in epochs, steps or seconds
 */
export function placeText(axis, x) {
  if (axis === "epoch") return `epoch ${show.number(x)}`;
  return axis === "step" ? `step ${show.count(x)}` : show.duration(x * 1000);
}

/**
 * A window that has a width, even around a single point.
 * @param {[number, number]} window
 * @returns {[number, number]}
 */
export const widened = ([min, max]) => (max > min ? [min, max] : [min - 0.5, min + 0.5]);

/**
 * The window that a key asks for; nulls for the whole run, undefined for a key that asks for none.
 * @param {string} key as of a keyboard event
 * @param {number} min of the window now
 * @param {number} max
 * @returns {[number, number] | [null, null] | undefined}
 */
export function windowAfter(key, min, max) {
  const width = max - min;
  switch (key) {
    case "+":
    case "=": return [min + width / 4, max - width / 4];
    case "-": return [min - width / 2, max + width / 2];
    case "ArrowLeft": return [min - width / 4, max - width / 4];
    case "ArrowRight": return [min + width / 4, max + width / 4];
    case "Escape": return [null, null];
    default: return undefined;
  }
}

/**
 * The sentences at the foot of a chart. `isPart`: the sentence is about points that are not drawn.
 * @param {Curve[]} curves
 * @param {number} hiddenByLog
 */
export function notes(curves, hiddenByLog) {
  const out = curves.map((curve) => {
    const isPart = curve.shown < curve.in_window;
    const how = !isPart ? "all" : curve.low ? "mean and range of" : `${show.count(curve.shown)} of`;
    return { isPart, text: `${labelOf(curve)}: ${how} ${show.counted(curve.in_window, "point")}` };
  });
  const gaps = curves.reduce((sum, curve) => sum + curve.gaps, 0);
  if (gaps) out.push({ isPart: false, text: `${show.count(gaps)} not a number` });
  if (hiddenByLog) out.push({ isPart: true, text: `${show.count(hiddenByLog)} not above zero, hidden by the log scale` });
  return out;
}

/**
 * The chart for those who do not see it.
 * @param {string} name of the metric
 * @param {Curve[]} curves
 */
export function spoken(name, curves) {
  const words = curves.map((curve) => `${labelOf(curve)} ${show.counted(curve.count, "point")}, last ${show.number(curve.y.at(-1))}`);
  return `${name}: ${words.join("; ")}. Plus and minus zoom, arrows move, Escape shows the whole run.`;
}
