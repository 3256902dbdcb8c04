// The geometry of an annotation's object as numbers. Coordinates name pixels: a point lies in the middle of its pixel,
// a rectangle ends where its last pixel ends.

const VECTORS = ["polygon", "rectangle", "line", "point"];
const FAR = 1e5; // pixels; a point further outside of the image is moved to this distance

/**
 * @typedef {[number, number]} Point
 * @typedef {[left: number, top: number, right: number, bottom: number]} Box
 * @typedef {{width: number, height: number}} Size
 */

/**
 * `rings` are lines through the middles of pixels, `dots` single points; `area` in pixels. A mask is still packed.
 * @typedef {object} Shape
 * @property {string} kind
 * @property {Box} box
 * @property {number} area
 * @property {Point[]} dots
 * @property {Point[][]} rings
 * @property {boolean} open rings are not closed
 * @property {Point[][][] | null} polygons the pixels covered, as polygons with holes whose corners are pixels; null for
 *   other shapes
 */

/**
 * An object of an annotation, as it should be. It comes from outside, so every field may be something else.
 * @typedef {object} RawObject
 * @property {string} [classTitle]
 * @property {unknown} [geometryType]
 * @property {unknown} [shape]
 * @property {{origin: unknown[], data: string}} [bitmap]
 * @property {Record<string, {loc: unknown}>} [nodes]
 * @property {{exterior: unknown[], interior: unknown}} [points]
 * @property {unknown[][]} [faces] of a cuboid, whose points are a list
 */

/**
 * The shape of an object that is no mask.
 * @param {RawObject} object
 * @param {unknown} shape of its class
 * @param {Size} size of the image
 * @returns {Shape}
 * @throws {Error} when the object has no shape, or a point of it is none
 */
export function shapeOf(object, shape, size) {
  const kind = kindOf(object, shape);
  if (kind === "graph") {
    const ring = points(Object.values(object.nodes ?? {}).map((node) => node.loc), size);
    return made("graph", ring, { dots: ring.map(middle) });
  }
  if (!object.points) throw new Error("no geometry");
  if (kind === "cuboid") return cuboid(object, size);
  if (kind !== null && !VECTORS.includes(kind)) throw new Error("a shape that is not shown");
  const ring = points(object.points.exterior, size);
  if (kind === "rectangle") {
    if (ring.length !== 2) throw new Error("not two corners");
    return rectangle(ring);
  }
  if (ring.length === 1 || kind === "point") return made("point", ring, { dots: [middle(ring[0])] });
  if (kind === "line" || ring.length === 2) return made("line", ring, { rings: [ring.map(middle)], open: true });
  const { interior } = object.points;
  const holes = (Array.isArray(interior) ? interior : []).map((hole) => points(hole, size));
  const area = holes.reduce((left, hole) => left - ringArea(hole), ringArea(ring));
  const all = [ring, ...holes];
  return made("polygon", ring, { rings: all.map((one) => one.map(middle)), area: Math.max(0, area), polygons: [all] });
}

/**
 * The shape of an object as plugins read it: that of its class; in a class of any shape, or of none that is known, the
 * shape that the object names, or null.
 * @param {RawObject} object
 * @param {unknown} shape of its class
 * @returns {string | null}
 */
export function kindOf(object, shape) {
  if (typeof shape === "string" && shape && shape !== "any") return shape;
  const named = object.geometryType || object.shape;
  if (typeof named === "string" && named !== "any") return named;
  if (object.bitmap) return "bitmap";
  return object.nodes ? "graph" : null;
}

/**
 * Three faces, each of four of the points.
 * @param {RawObject} object
 * @param {Size} size
 */
function cuboid(object, size) {
  const corners = points(/** @type {any} */ (object.points), size);
  if (!Array.isArray(object.faces)) throw new Error("no faces");
  const faces = object.faces.map((face) => face.map((number) => corners[/** @type {number} */ (number)]));
  const area = faces.reduce((sum, face) => sum + ringArea(face), 0);
  return made("cuboid", faces.flat(), { rings: faces.map((face) => face.map(middle)), area, polygons: faces.map((face) => [face]) });
}

/**
 * @param {string} kind
 * @param {Point[]} ring
 * @param {Partial<Shape>} more
 * @returns {Shape}
 */
const made = (kind, ring, more) => ({ kind, box: boxOf(ring), area: 0, dots: [], rings: [], open: false, polygons: null, ...more });

/**
 * @param {unknown[]} list
 * @param {Size} size
 * @returns {Point[]}
 */
function points(list, { width, height }) {
  return list.map((point) => {
    const [x, y] = /** @type {unknown[]} */ (point);
    if (!Number.isFinite(x) || !Number.isFinite(y)) throw new Error("not a point");
    return [kept(whole(Number(x)), width), kept(whole(Number(y)), height)];
  });
}

/** Rounded half to even, as plugins read fractions. @param {number} value */
export const whole = (value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

/**
 * @param {number} value
 * @param {number} length of the image
 */
const kept = (value, length) => Math.max(-FAR, Math.min(length + FAR, value));

/** @param {Point} point @returns {Point} */
const middle = ([x, y]) => [x + 0.5, y + 0.5];

/**
 * @param {Point[]} ring at least one point
 * @returns {Box}
 */
export function boxOf(ring) {
  if (!ring.length) throw new Error("no geometry");
  // By reduce: a ring may have more points than a call may have arguments.
  const least = (/** @type {0 | 1} */ axis) => ring.reduce((so, point) => Math.min(so, point[axis]), Infinity);
  const most = (/** @type {0 | 1} */ axis) => ring.reduce((so, point) => Math.max(so, point[axis]), -Infinity);
  return [least(0), least(1), most(0) + 1, most(1) + 1];
}

/** @param {Point[]} ring */
export function ringArea(ring) {
  const twice = ring.reduce((sum, [x, y], i) => {
    const [u, v] = ring[(i + 1) % ring.length];
    return sum + x * v - u * y;
  }, 0);
  return Math.abs(twice) / 2;
}

/** @param {Point[]} corners @returns {Shape} */
function rectangle(corners) {
  const [left, top, right, bottom] = boxOf(corners);
  return made("rectangle", corners, {
    rings: [[[left, top], [right, top], [right, bottom], [left, bottom]]],
    area: (right - left) * (bottom - top),
  });
}
