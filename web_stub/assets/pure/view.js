// What a person has chosen to see of a task's curves, as an address names it.

/** @import { Axis } from "./curves.js" */
import { listOf } from "./metric_groups.js";

/** @type {Axis[]} */
const AXES = ["epoch", "step", "time"];
const MOST_SMOOTHING = 0.99;

/** The names that belong to the charts, with the values of an address without any. */
export const CHART_DEFAULTS = { axis: "epoch", log: "", smooth: "0", zoom: "", metrics: "", pin: "", fold: "" };

/**
 * @typedef {object} View
 * @property {Axis} axis
 * @property {boolean} log
 * @property {number} smoothing 0 to below 1
 * @property {[number, number] | null} window the visible part of the axis; null for all of it
 * @property {string} words that names of metrics have
 * @property {string[]} pinned metrics
 * @property {string[]} turned groups that a person folded or opened
 */

/** A view for whatever the address says. @param {typeof CHART_DEFAULTS} values @returns {View} */
export function viewOf({ axis, log, smooth, zoom, metrics, pin, fold }) {
  const smoothing = Math.min(MOST_SMOOTHING, Math.max(0, Number(smooth) || 0));
  return {
    axis: AXES.find((one) => one === axis) ?? "epoch",
    log: log === "1",
    smoothing,
    window: windowOf(zoom),
    words: metrics,
    pinned: listOf(pin),
    turned: listOf(fold),
  };
}

/** @param {string} text @returns {[number, number] | null} */
function windowOf(text) {
  const edges = text.split(",").map(Number);
  if (edges.length !== 2 || !edges.every(Number.isFinite) || !(edges[0] < edges[1])) return null;
  return [edges[0], edges[1]];
}

/**
 * A window for an address; empty for the whole run.
 * @param {number | null} from
 * @param {number | null} to
 */
export const zoomText = (from, to) => (from === null || to === null ? "" : `${short(from)},${short(to)}`);

/** A number without digits that nobody sees. @param {number} value */
const short = (value) => Number(value.toPrecision(9));
