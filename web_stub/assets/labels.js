// Annotations → labels that can be drawn. A label that cannot be read is marked broken; it is never an error.

/** @import { Mask } from "./masks.js" */
/** @import { ClassInfo } from "./pure/classes.js" */
/** @import { Box, Point, RawObject, Size } from "./pure/shapes.js" */
import { readMask } from "./masks.js";
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
 * @returns {Promise<Label[]>}
 */
export async function readLabels(annotation, classes, size) {
  return Promise.all(asList(annotation.objects).map(async (object) => {
    const title = typeof object?.classTitle === "string" ? object.classTitle : "(no class)";
    const known = classes.get(title);
    /** @type {Label} */
    const label = {
      title, color: known?.color ?? classColor(title), kind: "", area: 0, box: [0, 0, 0, 0],
      path: null, mask: null, dots: [], open: false, tags: asList(object?.tags), broken: false,
    };
    try {
      return { ...label, ...await geometry(object, known?.shape, size, label.color) };
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
 * @returns {Promise<Partial<Label>>}
 */
async function geometry(object, shape, size, color) {
  if (kindOf(object, shape) === "bitmap") {
    if (!object.bitmap) throw new Error("no mask");
    const { mask, path, area } = await readMask(object.bitmap, color);
    return { kind: "bitmap", path, mask, area, box: [mask.x, mask.y, mask.x + mask.width, mask.y + mask.height] };
  }
  const { rings, ...rest } = shapeOf(object, shape, size);
  return { ...rest, path: rings.length ? outline(rings, !rest.open) : null };
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
