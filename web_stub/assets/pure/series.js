// The series of a task: asking for their points, adding points that arrive, sorting them into charts.

/** @import { ChartSeries, NewPoints, Ref } from "../types" */
/** @import { Axis, Curve } from "./curves.js" */

const KIND_ORDER = ["train", "val"];

/**
 * The query for points of a window. `offset`: seconds from a time on the page's axis to the server's time.
 * @param {{axis: Axis, window: [number, number] | null, smoothing: number}} view
 * @param {number} most points of each series
 * @param {number} offset
 * @param {number[]} [series] ids; all of the task where none are given
 */
export function pointsQuery({ axis, window, smoothing }, most, offset, series = []) {
  const query = new URLSearchParams({ x: axis, max_points: String(most), thin: "mean" });
  if (smoothing > 0) query.set("smoothing", String(smoothing));
  for (const id of series) query.append("series", String(id));
  if (window) {
    query.set("from", String(window[0] + offset));
    query.set("to", String(window[1] + offset));
  }
  return query.toString();
}

/**
 * The least x of all series; null without any point.
 * @param {ChartSeries[]} series
 */
export function firstX(series) {
  const firsts = series.filter((one) => one.x.length).map((one) => one.x[0]);
  return firsts.length ? Math.min(...firsts) : null;
}

/**
 * @param {ChartSeries[]} series
 * @param {number} offset
 */
export const shifted = (series, offset) => series.map((one) => ({ ...one, x: one.x.map((x) => x - offset) }));

/**
 * Whether new points only continue known curves. Over epochs, a point before the curve's end does not.
 * @param {NewPoints[]} parts
 * @param {Map<number, ChartSeries>} series by id
 * @param {Axis} axis
 */
export function continues(parts, series, axis) {
  return parts.every((part) => {
    const one = series.get(part.series);
    if (!one) return false;
    const end = one.x.at(-1) ?? -Infinity;
    return axis !== "epoch" || part.epoch.every((x) => x !== null && x >= end);
  });
}

/**
 * Add new points to the end of a curve; points that it has already are passed over. A curve that shows a window
 * only counts them. The points must continue the curve.
 * @param {ChartSeries} one changed in place
 * @param {NewPoints} part
 * @param {{axis: Axis, hasWindow: boolean, offset: number, smoothing: number}} view `offset` as in `pointsQuery`
 */
export function extend(one, part, { axis, hasWindow, offset, smoothing }) {
  part.seq.forEach((seq, i) => {
    if (seq <= one.last_seq) return;
    one.last_seq = seq;
    one.count += 1;
    const value = part.value[i];
    const smooth = smoothedOn(one, value, smoothing);
    if (hasWindow) return;
    const x = axis === "epoch" ? part.epoch[i] : axis === "step" ? one.count : part.time_us[i] / 1e6 - offset;
    one.x.push(x ?? NaN);
    one.y.push(value);
    one.low?.push(value);
    one.high?.push(value);
    one.smooth?.push(smooth);
    one.in_window += 1;
    one.shown += 1;
    if (value === null) one.gaps += 1;
  });
}

/**
 * The smoothed value at a further point: the server's average goes on. It is Σ weight^k·y / Σ weight^k over all
 * numbers so far, of which the curve knows the count and the last average.
 * @param {ChartSeries} one changed in place
 * @param {number | null} value
 * @param {number} weight of the past, 0 to below 1
 */
function smoothedOn(one, value, weight) {
  if (value === null) return null;
  const past = 1 - weight ** one.numbers; // the sum of weights so far, as a part of the endless sum
  const all = weight * past + (1 - weight);
  one.numbers += 1;
  one.smooth_last = ((weight * past) / all) * (one.smooth_last ?? 0) + ((1 - weight) / all) * value;
  return one.smooth_last;
}

/**
 * Smooth a curve that has every point of its series, as the server would; whether it has.
 * @param {ChartSeries} one changed in place
 * @param {number} weight
 */
export function smoothHere(one, weight) {
  if (one.shown !== one.count || one.low) return false;
  one.numbers = 0;
  one.smooth_last = null;
  const smooth = one.y.map((value) => smoothedOn(one, value, weight));
  one.smooth = weight > 0 ? smooth : null;
  return true;
}

/**
 * Curves by metric, a chart each: the task's own first, train before val, then those of compared tasks.
 * @param {Iterable<ChartSeries>} own
 * @param {{card: Pick<Ref, "id">, series: ChartSeries[]}[]} others
 * @returns {Map<string, Curve[]>}
 */
export function byMetric(own, others) {
  /** @type {Curve[]} */
  const compared = others.flatMap(({ card, series }, i) =>
    series.map((one) => ({ ...one, label: `#${card.id} ${one.kind}`, tone: `c${i + 1}` })));
  /** @type {Map<string, Curve[]>} */
  const charts = new Map();
  for (const curve of [...own, ...compared].filter(({ x }) => x.length)) {
    charts.set(curve.name, [...(charts.get(curve.name) ?? []), curve]);
  }
  const rank = (/** @type {Curve} */ { kind }) => (KIND_ORDER.includes(kind) ? KIND_ORDER.indexOf(kind) : KIND_ORDER.length);
  for (const curves of charts.values()) {
    curves.sort((a, b) => (a.tone ?? "").localeCompare(b.tone ?? "") || rank(a) - rank(b));
  }
  return charts;
}

/**
 * The whole run: from the first x of all curves to the last. None may be empty.
 * @param {Curve[]} curves
 * @returns {[number, number]}
 */
export const span = (curves) => [
  Math.min(...curves.map((curve) => curve.x[0])),
  Math.max(...curves.map((curve) => curve.x[curve.x.length - 1])),
];
