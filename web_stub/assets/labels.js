// Annotations → labels that can be drawn. A label that cannot be read is marked broken; it is never an error.

/** @import { Mask } from "./masks.js" */
/** @import { Pixels } from "./pixels.js" */
/** @import { NamedArea } from "./pixel_worker.js" */
/** @import { ClassInfo } from "./pure/classes.js" */
/** @import { Box, Point, RawObject, Size } from "./pure/shapes.js" */
import { asList, classColor } from "./pure/classes.js";
import { kindOf, shapeOf } from "./pure/shapes.js";

/**
 * `area` in pixels of the image, like every place. `open`: the path is a line, nothing is inside of it.
 * @typedef {object} Label
 * @property {string} title of its class
 * @property {string} color #rrggbb
 * @property {string} kind
 * @property {number} area
 * @property {Box} box
 * @property {Path2D | null} path
 * @property {Mask | null} mask
 * @property {NamedArea | null} covered what it covers; null for lines, points and labels that cannot be read
 * @property {Point[]} dots
 * @property {boolean} open
 * @property {unknown[]} tags
 * @property {boolean} broken
 */

/**
 * Labels of an annotation in drawing order.
 * @param {{objects?: unknown}} annotation
 * @param {Map<string, ClassInfo>} classes by title
 * @param {Size} size of the image
 * @param {Pixels} pixels reads its masks
 * @param {Map<number, string>} [colors] of objects, by their places, in place of those of their classes; others are left out
 * @returns {Promise<Label[]>}
 */
export async function readLabels(annotation, classes, size, pixels, colors) {
  const objects = asList(annotation.objects).map((object, place) => ({ object, place }));
  const wanted = colors ? objects.filter(({ place }) => colors.has(place)) : objects;
  return Promise.all(wanted.map(async ({ object, place }) => {
    const title = typeof object?.classTitle === "string" ? object.classTitle : "(no class)";
    const known = classes.get(title);
    /** @type {Label} */
    const label = {
      title, color: colors?.get(place) ?? known?.color ?? classColor(title), kind: "", area: 0, box: [0, 0, 0, 0],
      path: null, mask: null, covered: null, dots: [], open: false, tags: asList(object?.tags), broken: false,
    };
    try {
      return { ...label, ...await geometry(object, known?.shape, size, label.color, pixels) };
    } catch {
      return { ...label, broken: true };
    }
  }));
}

/**
 * @param {RawObject} object
 * @param {unknown} shape of its class
 * @param {Size} size
 * @param {string} color
 * @param {Pixels} pixels
 * @returns {Promise<Partial<Label>>}
 */
async function geometry(object, shape, size, color, pixels) {
  if (kindOf(object, shape) === "bitmap") {
    if (!object.bitmap) throw new Error("no mask");
    const { mask, rim, area, job } = await pixels.read(object.bitmap, color);
    /** @type {Box} */
    const box = [mask.x, mask.y, mask.x + mask.width, mask.y + mask.height];
    return { kind: "bitmap", path: outlineOf(rim), mask, area, box, covered: { box, mask: job } };
  }
  const { rings, polygons, ...rest } = shapeOf(object, shape, size);
  const ofPolygons = polygons && { box: rest.box, polygons };
  const covered = rest.kind === "rectangle" ? { box: rest.box } : ofPolygons;
  return { ...rest, path: rings.length ? outline(rings, !rest.open) : null, covered };
}

/** @param {Int32Array} rim */
function outlineOf(rim) {
  const path = new Path2D();
  for (let i = 0; i < rim.length; i += 4) {
    path.moveTo(rim[i], rim[i + 1]);
    path.lineTo(rim[i + 2], rim[i + 3]);
  }
  return path;
}

/**
 * @param {Point[][]} rings
 * @param {boolean} closed
 */
function outline(rings, closed) {
  const path = new Path2D();
  for (const ring of rings) {
    ring.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
    if (closed) path.closePath();
  }
  return path;
}

/**
 * Whether a label covers the middle of a pixel, or its line or dot is within `near` pixels of it.
 * @param {Label} label
 * @param {number} x
 * @param {number} y
 * @param {number} near
 * @param {CanvasRenderingContext2D} context for measuring; its drawing stays as it is
 */
export function covers(label, x, y, near, context) {
  const [left, top, right, bottom] = label.box;
  if (label.broken || x < left - near || y < top - near || x > right + near || y > bottom + near) return false;
  if (label.mask) {
    const { mask } = label;
    const [u, v] = [Math.floor(x) - mask.x, Math.floor(y) - mask.y];
    return u >= 0 && v >= 0 && u < mask.width && v < mask.height && mask.on[v * mask.width + u] === 1;
  }
  if (label.dots.length) return label.dots.some(([u, v]) => Math.hypot(u - x, v - y) <= near);
  if (!label.path) return false;
  context.save();
  context.resetTransform();
  context.lineWidth = 2 * near;
  const hit = label.open ? context.isPointInStroke(label.path, x, y) : context.isPointInPath(label.path, x, y, "evenodd");
  context.restore();
  return hit;
}
