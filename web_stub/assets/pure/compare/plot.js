// The geometry of a chart of many curves: which values it shows, and the paths that draw them.

/** @import { Values } from "../curves.js" */
/** @import { Scale } from "../scale.js" */
/** @import { Limits } from "./view.js" */
import { extentOf, scaleOf } from "../scale.js";

const CLIPPED = 0.01; // of the values at either end
const FEWEST = 20; // values from which on ends are clipped

/**
 * What is drawn of a line: `y`, and a band where it has one.
 * @typedef {{x: number[], y: Values, low?: Values | null, high?: Values | null}} Line
 */
/** A rectangle in pixels. @typedef {{left: number, top: number, width: number, height: number}} Box */
/**
 * Values within the window that are not in the picture: `beyond` its range, `log`: without a place on the scale.
 * @typedef {{beyond: number, log: number}} Hidden
 */

/**
 * The indices of a line within a window, as a span.
 * @param {number[]} xs ascending
 * @param {[number, number]} window
 * @returns {[number, number]}
 */
export function spanWithin(xs, [min, max]) {
  return [lowest(xs, (x) => x >= min), lowest(xs, (x) => x > max)];
}

/** The first index at which a condition holds that holds behind it, too. @param {number[]} xs @param {(x: number) => boolean} holds */
function lowest(xs, holds) {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(xs[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The vertical scale for what a window shows. With `clip` from the 1st to the 99th percentile of the values; limits by
 * hand go before it.
 * @param {Line[]} lines
 * @param {{window: [number, number], log: boolean, clip: boolean, limits?: Limits}} look
 * @returns {{scale: Scale, hidden: Hidden}}
 */
export function verticalOf(lines, { window, log, clip, limits = [null, null] }) {
  const seen = lines.flatMap((line) => {
    const [from, to] = spanWithin(line.x, window);
    return [line.y, line.low, line.high].map((column) => column?.slice(from, to) ?? []);
  });
  let extent = extentOf(seen);
  const numbers = seen.filter((_, i) => i % 3 === 0).flat().filter((value) => typeof value === "number")
    .filter((value) => !log || value > 0);
  const isClipped = clip && numbers.length >= FEWEST;
  if (extent && isClipped) {
    numbers.sort((a, b) => a - b);
    const low = numbers[Math.floor(CLIPPED * (numbers.length - 1))];
    const high = numbers[Math.ceil((1 - CLIPPED) * (numbers.length - 1))];
    extent = { low, high, aboveZero: low > 0 ? low : extent.aboveZero };
  }
  const [least, most] = limits.map((limit) => (limit !== null && log && limit <= 0 ? null : limit));
  if (extent && (least !== null || most !== null)) {
    const low = least ?? Math.min(log ? extent.aboveZero : extent.low, most ?? Infinity);
    const high = most ?? Math.max(extent.high, low);
    if (low < high) extent = { low, high, aboveZero: low > 0 ? low : extent.aboveZero };
  }
  const scale = scaleOf(extent, log, least !== null || most !== null);
  return { scale, hidden: hiddenOf(seen.filter((_, i) => i % 3 === 0), scale) };
}

/** @param {Values[]} columns @param {Scale} scale @returns {Hidden} */
function hiddenOf(columns, { place, range }) {
  const hidden = { beyond: 0, log: 0 };
  for (const values of columns) {
    for (const value of values) {
      if (value === null) continue;
      const at = place(value);
      if (at === null) hidden.log += 1;
      else if (at < range[0] || at > range[1]) hidden.beyond += 1;
    }
  }
  return hidden;
}

/**
 * From values to pixels of a box.
 * @param {Box} box
 * @param {[number, number]} window
 * @param {Scale} scale
 */
export function pixelsOf({ left, top, width, height }, [min, max], { place, range }) {
  return {
    x: (/** @type {number} */ value) => left + ((value - min) / (max - min)) * width,
    y: (/** @type {number} */ value) => {
      const at = place(value);
      return at === null ? null : held(top + (1 - (at - range[0]) / (range[1] - range[0])) * height, top, height);
    },
    valueAt: (/** @type {number} */ pixel) => min + ((pixel - left) / width) * (max - min),
  };
}

/** A pixel far outside, where pictures need no more exactness. @param {number} pixel @param {number} top @param {number} height */
const held = (pixel, top, height) => Math.min(top + 20 * height, Math.max(top - 20 * height, pixel));

/** @typedef {ReturnType<typeof pixelsOf>} Pixels */

/** @param {number} pixel */
const short = (pixel) => Math.round(pixel * 10) / 10;

/**
 * The path of a line; a value without a place is a gap, and one that stands alone a dot.
 * @param {number[]} xs
 * @param {Values} ys
 * @param {Pixels} pixels
 */
export function linePath(xs, ys, pixels) {
  const parts = [];
  let length = 0; // of the piece so far
  for (let i = 0; i <= xs.length; i += 1) {
    const value = i < xs.length ? ys[i] : null;
    const y = value === null ? null : pixels.y(value);
    if (y === null) {
      if (length === 1) parts.push("h.01"); // with round ends a dot
      length = 0;
    } else {
      parts.push(`${length ? "L" : "M"}${short(pixels.x(xs[i]))} ${short(y)}`);
      length += 1;
    }
  }
  return parts.join("");
}

/**
 * The area between two columns. A border without a place lies on the floor.
 * @param {number[]} xs
 * @param {Values} low
 * @param {Values} high
 * @param {Pixels} pixels
 * @param {number} floor in pixels
 */
export function areaPath(xs, low, high, pixels, floor) {
  const pieces = [];
  let piece = /** @type {[number, number, number][]} */ ([]);
  for (let i = 0; i <= xs.length; i += 1) {
    const [below, above] = i < xs.length ? [low[i], high[i]] : [null, null];
    if (below !== null && above !== null) {
      piece.push([short(pixels.x(xs[i])), short(pixels.y(below) ?? floor), short(pixels.y(above) ?? floor)]);
    } else if (piece.length) {
      pieces.push(piece);
      piece = [];
    }
  }
  return pieces.map((one) => `M${one.map(([x, , y]) => `${x} ${y}`).join("L")}L`
    + `${one.toReversed().map(([x, y]) => `${x} ${y}`).join("L")}Z`).join("");
}

/**
 * The point of a line next to x; null beyond its ends.
 * @param {Line} line
 * @param {number} x
 * @param {number} slack how far beyond an end it still counts
 */
export function pointNear({ x: xs, y }, x, slack = 0) {
  if (!xs.length || x < xs[0] - slack || x > xs[xs.length - 1] + slack) return null;
  const next = Math.min(xs.length - 1, lowest(xs, (one) => one >= x));
  const at = next > 0 && x - xs[next - 1] < xs[next] - x ? next - 1 : next;
  const value = y[at];
  return value === null ? null : { index: at, x: xs[at], value };
}
