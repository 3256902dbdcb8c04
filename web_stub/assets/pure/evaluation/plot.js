// The layout of an evaluation's drawings: lines of curves, shares of a matrix, bars of a reliability diagram.

/** @typedef {(number | null)[]} Values */

/**
 * The place of a plot in its drawing, in units of the drawing.
 * @typedef {{left: number, top: number, width: number, height: number}} Place
 */

/**
 * The path of a curve from (0, 0) to (1, 1) on both axes; where a value is missing, it breaks.
 * @param {Values} xs
 * @param {Values} ys
 * @param {Place} place
 */
export function pathOf(xs, ys, place) {
  let path = "";
  let isOn = false;
  xs.forEach((x, i) => {
    const y = ys[i];
    if (x === null || y === null || y === undefined) {
      isOn = false;
      return;
    }
    path += `${isOn ? "L" : "M"}${across(x, place)} ${up(y, place)}`;
    isOn = true;
  });
  return path;
}

const tenth = (/** @type {number} */ value) => Math.round(10 * value) / 10;

/** @param {number} x 0 to 1 @param {Place} place */
export const across = (x, { left, width }) => tenth(left + x * width);

/** @param {number} y 0 to 1 @param {Place} place */
export const up = (y, { top, height }) => tenth(top + (1 - y) * height);

/**
 * Values stretched to 0…1: confidences may be beyond.
 * @param {number[]} values that rise
 * @returns {number[]}
 */
export function stretched(values) {
  const [low, high] = [values[0], values[values.length - 1]];
  return values.map((value) => (high > low ? (value - low) / (high - low) : 0));
}

/**
 * The number of the point that is closest to a place of the drawing; null without points.
 * @param {Values} xs
 * @param {Values} ys
 * @param {{x: number, y: number}} at from 0 to 1
 */
export function closest(xs, ys, { x, y }) {
  let [best, least] = [/** @type {number | null} */ (null), Infinity];
  xs.forEach((one, i) => {
    const other = ys[i];
    if (one === null || other === null || other === undefined) return;
    const far = (one - x) ** 2 + (other - y) ** 2;
    if (far < least) [best, least] = [i, far];
  });
  return best;
}

/** The place of the value that is next to `wanted`. @param {number[]} values @param {number} wanted */
export function nearest(values, wanted) {
  let best = 0;
  values.forEach((value, i) => { if (Math.abs(value - wanted) < Math.abs(values[best] - wanted)) best = i; });
  return best;
}

/**
 * Each count as a part of its row.
 * @param {number[][]} counts
 */
export const rowShares = (counts) => counts.map((row) => {
  const total = row.reduce((sum, count) => sum + count, 0);
  return row.map((count) => (total ? count / total : 0));
});

/** @type {[size: number, letter: string][]} */
const LETTERS = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** A count in few letters: 12,345 → 12k. @param {number} count */
export function shortCount(count) {
  for (const [size, letter] of LETTERS) {
    if (count >= size * 10) return `${Math.round(count / size)}${letter}`;
    if (count >= size) return `${(count / size).toFixed(1)}${letter}`;
  }
  return String(count);
}

/**
 * The ends of a slider over these confidences, in hundredths: every one of them can be chosen.
 * @param {number[]} confidences ascending
 * @returns {[min: string, max: string]}
 */
export function spanOf(confidences) {
  const [low, high] = [confidences[0] ?? 0, confidences[confidences.length - 1] ?? 1];
  return [String(Math.floor(100 * low) / 100), String(Math.ceil(100 * high) / 100)];
}
