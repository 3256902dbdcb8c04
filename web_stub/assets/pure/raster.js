// Shapes → the pixels they cover, as plugins count them: a polygon covers its outline and its inside, exactly as with
// OpenCV's fillPoly, so that an area here is the area in a plugin.

/** @import { Box, Point, Size } from "./shapes.js" */
import { boxOf } from "./shapes.js";

const ONE = 65536; // x of an edge in OpenCV's fixed point

/**
 * A part of an image: a number per pixel, and where its left upper pixel lies.
 * @typedef {{on: Uint8Array, x: number, y: number, width: number, height: number}} Window
 */

/** @param {Window} window @param {Box} box half open: right and bottom are not covered @param {number} [value] */
export function fillBox({ on, x, y, width, height }, [left, top, right, bottom], value = 1) {
  const [from, to] = [Math.max(0, left - x), Math.min(width, right - x)];
  if (from >= to) return;
  for (let row = Math.max(0, top - y); row < Math.min(height, bottom - y); row += 1) {
    on.fill(value, row * width + from, row * width + to);
  }
}

/**
 * Put a mask into the window, where it is 1.
 * @param {Window} window
 * @param {Window} mask
 */
export function addMask({ on, x, y, width, height }, mask) {
  const [from, to] = [Math.max(0, x - mask.x), Math.min(mask.width, x + width - mask.x)];
  for (let row = Math.max(0, y - mask.y); row < Math.min(mask.height, y + height - mask.y); row += 1) {
    let target = (row + mask.y - y) * width + mask.x - x + from;
    for (let at = row * mask.width + from; at < row * mask.width + to; at += 1, target += 1) if (mask.on[at]) on[target] = 1;
  }
}

/**
 * A polygon with holes. As in OpenCV, an outline belongs to what it encloses: a hole takes its own outline away.
 * @param {Window} window zeros, or 1 where other labels are; within the image
 * @param {Point[][]} rings of whole numbers, the outer one first
 * @param {Size} size of the image: OpenCV cuts lines at its border, which moves them by parts of a pixel
 */
export function addPolygon(window, [outer, ...holes], size) {
  if (!holes.length) {
    fillRings(window, [outer], 1, size);
    return;
  }
  const own = partOf(window, boxOf(outer));
  if (!own.on.length) return;
  fillRings(own, [outer], 1, size);
  fillRings(own, holes, 0, size);
  addMask(window, own);
}

/** Zeros for the part of a window that is in the box. @param {Window} window @param {Box} box @returns {Window} */
function partOf({ x, y, width, height }, [left, top, right, bottom]) {
  const [from, to] = [Math.max(x, left), Math.min(x + width, right)];
  const [first, last] = [Math.max(y, top), Math.min(y + height, bottom)];
  const [wide, high] = [Math.max(0, to - from), Math.max(0, last - first)];
  return { on: new Uint8Array(wide * high), x: from, y: first, width: wide, height: high };
}

/** @typedef {{top: number, bottom: number, x: number, dx: number}} Edge `x` at `top`; it ends before `bottom` */

/** @param {Window} window @param {Point[][]} rings @param {number} value @param {Size} size */
function fillRings(window, rings, value, size) {
  /** @type {Edge[]} */
  const edges = [];
  for (const ring of rings) {
    for (const [i, to] of ring.entries()) {
      const from = ring.at(i - 1) ?? to;
      const { a, b, isSeen } = cut(from, to, size);
      if (isSeen) drawLine(window, a, b, value);
      if (from[1] === to[1]) continue;
      const isFlat = a[1] === b[1]; // OpenCV takes the rows from the whole line then
      edges.push(edge(from, to, isFlat ? [a[0], from[1]] : a, isFlat ? [b[0], to[1]] : b));
    }
  }
  fillEdges(window, edges.sort((one, other) => one.top - other.top), value);
}

/**
 * The edge from one point to the other, with the slope of its part within the image.
 * @param {Readonly<Point>} from @param {Readonly<Point>} to
 * @param {Readonly<Point>} a @param {Readonly<Point>} b that part
 * @returns {Edge}
 */
function edge(from, to, a, b) {
  const dx = Math.trunc(((b[0] - a[0]) * ONE) / (b[1] - a[1]));
  const [[, top], [, bottom], [x, y]] = from[1] < to[1] ? [from, to, a] : [to, from, b];
  return { top, bottom, x: x * ONE + (top - y) * dx, dx };
}

/**
 * The part of a line within the image, as OpenCV's clipLine finds it. Without such a part (`isSeen`), the points may have
 * been moved, too, and OpenCV goes on with them.
 * @param {Readonly<Point>} from @param {Readonly<Point>} to
 * @param {Size} size
 * @returns {{a: Readonly<Point>, b: Readonly<Point>, isSeen: boolean}}
 */
function cut(from, to, { width, height }) {
  const [right, bottom] = [width - 1, height - 1];
  let [[x1, y1], [x2, y2]] = [from, to];
  const beside = (/** @type {number} */ x) => (x < 0 ? 1 : x > right ? 2 : 0);
  const outside = (/** @type {number} */ x, /** @type {number} */ y) => beside(x) + (y < 0 ? 4 : y > bottom ? 8 : 0);
  let [at1, at2] = [outside(x1, y1), outside(x2, y2)];
  const isCut = () => (at1 & at2) === 0 && (at1 | at2) !== 0;
  if (isCut()) {
    if (at1 & 12) {
      const y = at1 < 8 ? 0 : bottom;
      [x1, y1] = [x1 + Math.trunc(((y - y1) * (x2 - x1)) / (y2 - y1)), y];
      at1 = beside(x1);
    }
    if (at2 & 12) {
      const y = at2 < 8 ? 0 : bottom;
      [x2, y2] = [x2 + Math.trunc(((y - y2) * (x2 - x1)) / (y2 - y1)), y];
      at2 = beside(x2);
    }
    if (isCut()) {
      if (at1) {
        const x = at1 === 1 ? 0 : right;
        [x1, y1, at1] = [x, y1 + Math.trunc(((x - x1) * (y2 - y1)) / (x2 - x1)), 0];
      }
      if (at2) {
        const x = at2 === 1 ? 0 : right;
        [x2, y2, at2] = [x, y2 + Math.trunc(((x - x2) * (y2 - y1)) / (x2 - x1)), 0];
      }
    }
  }
  return { a: [x1, y1], b: [x2, y2], isSeen: (at1 | at2) === 0 };
}

/**
 * Row by row, between the first and the second edge, the third and the fourth, and so on.
 * @param {Window} window
 * @param {Edge[]} edges sorted by `top`
 * @param {number} value
 */
function fillEdges({ on, x, y, width, height }, edges, value) {
  /** @type {Edge[]} */
  let active = [];
  let next = 0;
  const last = edges.reduce((most, edge) => Math.max(most, edge.bottom), -Infinity);
  for (let row = Math.max(y, edges[0]?.top ?? 0); row < Math.min(y + height, last); row += 1) {
    active = active.filter((edge) => edge.bottom > row);
    for (; next < edges.length && edges[next].top <= row; next += 1) if (edges[next].bottom > row) active.push(edges[next]);
    const crossed = active.map((edge) => edge.x + (row - edge.top) * edge.dx).sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossed.length; i += 2) {
      const [from, to] = [Math.max(0, Math.ceil(crossed[i] / ONE) - x), Math.min(width, Math.floor(crossed[i + 1] / ONE) + 1 - x)];
      if (from < to) on.fill(value, (row - y) * width + from, (row - y) * width + to);
    }
  }
}

/**
 * The pixels of a straight line, by Bresenham, from left to right.
 * @param {Window} window
 * @param {Readonly<Point>} a
 * @param {Readonly<Point>} b
 * @param {number} value
 */
function drawLine({ on, x, y, width, height }, a, b, value) {
  const [[x0, y0], [x1, y1]] = a[0] <= b[0] ? [a, b] : [b, a];
  const [dx, dy, down] = [x1 - x0, Math.abs(y1 - y0), y1 < y0 ? -1 : 1];
  const isSteep = dy > dx;
  const [long, short] = isSteep ? [dy, dx] : [dx, dy];
  let [u, v, error] = [x0 - x, y0 - y, long - 2 * short];
  for (let i = 0; i <= long; i += 1) {
    if (u >= 0 && v >= 0 && u < width && v < height) on[v * width + u] = value;
    const isMinor = error < 0;
    error += (isMinor ? 2 * long : 0) - 2 * short;
    if (isSteep || isMinor) v += down;
    if (!isSteep || isMinor) u += 1;
  }
}
