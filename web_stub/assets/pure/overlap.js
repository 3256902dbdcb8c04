// Two sets of labels, pixel by pixel: agreement, missing and extra pixels, and the overlap of each class.

/** @import { Box, Point, Size } from "./shapes.js" */
/** @import { Window } from "./raster.js" */
import { addMask, addPolygon, fillBox } from "./raster.js";

const MAX_PIXELS = 40e6; // of the picture of a comparison; counts are those of the image in its own size
const MAX_SIDE = 16_384; // of a canvas

/** What a pixel of the picture shows; its colour, by number. */
const [NONE, MISSED, EXTRA, AGREED] = [0, 1, 2, 3];
export const COLORS = [[0, 0, 0, 0], [214, 48, 49, 255], [33, 103, 201, 255], [29, 158, 94, 255]];

/**
 * Pixels of one class, of an image or of a set of images. `iou` is null where neither side has any.
 * @typedef {{both: number, truth: number, predicted: number, iou: number | null}} Overlap
 */
/**
 * What a label covers: a mask, a box, or polygons of which each has its outer ring first.
 * @typedef {{box: Box, mask?: Window, polygons?: Point[][][]}} Area
 */

/**
 * The class that a predicted class stands for: itself, or its title without a suffix (`apple_nn` → `apple`).
 * @param {string} title
 * @param {Set<string>} bases titles of the ground truth
 */
export function baseTitle(title, bases) {
  if (bases.has(title)) return title;
  let best = "";
  for (const base of bases) if (title.startsWith(`${base}_`) && base.length > best.length) best = base;
  return best || title;
}

/**
 * The size of the picture of a comparison, and its scale: that of the image where a canvas can be so large.
 * @param {Size} size
 */
export function pictureSize({ width, height }) {
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (width * height)), MAX_SIDE / Math.max(width, height));
  return { scale, width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
}

/** The picture of a comparison: for each pixel whether both sides have its class, or one of them. */
export class Agreement {
  /** @param {Size} size of the image */
  constructor(size) {
    this.size = size;
    this.picture = pictureSize(size);
    this.codes = new Uint8Array(this.picture.width * this.picture.height);
  }

  /**
   * Count the pixels of one class, and show them. Agreement in another class stays visible.
   * @param {Area[]} truth
   * @param {Area[]} predicted
   * @param {boolean} [isShown] in the picture
   * @returns {Overlap}
   */
  add(truth, predicted, isShown = true) {
    const [left, top, right, bottom] = boundsOf([...truth, ...predicted], this.size);
    const [width, height] = [right - left, bottom - top];
    const counts = { both: 0, truth: 0, predicted: 0 };
    const [mine, theirs] = [truth, predicted].map((areas) => covered(areas, [left, top, right, bottom], this.size));
    for (let y = 0, i = 0; y < height; y += 1) {
      const line = Math.floor((y + top) * this.picture.scale) * this.picture.width;
      for (let x = 0; x < width; x += 1, i += 1) {
        const code = mine[i] ? (theirs[i] ? AGREED : MISSED) : (theirs[i] ? EXTRA : NONE);
        if (code === NONE) continue;
        counts.truth += mine[i];
        counts.predicted += theirs[i];
        if (code === AGREED) counts.both += 1;
        if (!isShown) continue;
        const at = line + Math.floor((x + left) * this.picture.scale);
        if (this.codes[at] !== AGREED) this.codes[at] = code;
      }
    }
    const either = counts.truth + counts.predicted - counts.both;
    return { ...counts, iou: either ? counts.both / either : null };
  }

  /** The picture's pixels as RGBA. */
  get pixels() {
    const palette = new Uint32Array(new Uint8Array(COLORS.flat()).buffer);
    const pixels = new Uint32Array(this.codes.length);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = palette[this.codes[i]];
    return new Uint8ClampedArray(pixels.buffer);
  }
}

/**
 * The part of the image that areas may cover.
 * @param {Area[]} areas
 * @param {Size} size
 * @returns {Box}
 */
function boundsOf(areas, { width, height }) {
  const [left, top, right, bottom] = areas.reduce(([l, t, r, b], { box }) =>
    [Math.min(l, box[0]), Math.min(t, box[1]), Math.max(r, box[2]), Math.max(b, box[3])], [width, height, 0, 0]);
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  return [x, y, Math.max(x, Math.min(width, right)), Math.max(y, Math.min(height, bottom))];
}

/**
 * 1 where one of the areas covers the pixel.
 * @param {Area[]} areas
 * @param {Box} box part of the image
 * @param {Size} size of the image
 */
function covered(areas, [left, top, right, bottom], size) {
  const [width, height] = [right - left, bottom - top];
  const window = { on: new Uint8Array(width * height), x: left, y: top, width, height };
  for (const { box, mask, polygons } of areas) {
    if (mask) addMask(window, mask);
    else if (polygons) for (const rings of polygons) addPolygon(window, rings, size);
    else fillBox(window, box);
  }
  return window.on;
}
