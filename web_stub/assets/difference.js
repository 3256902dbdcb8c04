// The picture of two sets of labels: pixels of both, of the first alone, of the second alone.

/** @import { Label } from "./labels.js" */
/** @import { Overlap } from "./pure/overlap.js" */
import { context2d } from "./dom.js";
import { comparedSize, paint } from "./pure/overlap.js";

/**
 * Compare labels class by class.
 * @param {Label[]} truth
 * @param {Label[]} predicted
 * @param {string[]} classes the titles compared
 * @param {(label: Label) => string | null} titleOf the title a label counts for; null for none
 * @param {{width: number, height: number}} size of the image
 * @returns {{picture: OffscreenCanvas, overlap: Map<string, Overlap>}}
 */
export function compare(truth, predicted, classes, titleOf, size) {
  const { scale, width, height } = comparedSize(size);
  const picture = new ImageData(width, height);
  const canvas = new OffscreenCanvas(width, height);
  const context = context2d(canvas, { willReadFrequently: true });
  const raster = (/** @type {Label[]} */ labels) => covered(context, labels, scale, width, height);
  const overlap = new Map(classes.map((title) => {
    const isOfClass = (/** @type {Label} */ label) => titleOf(label) === title;
    return [title, paint(raster(truth.filter(isOfClass)), raster(predicted.filter(isOfClass)), picture.data)];
  }));
  context.putImageData(picture, 0, 0);
  return { picture: canvas, overlap };
}

/**
 * 1 where one of the labels covers the pixel. Lines and points cover none.
 * @param {OffscreenCanvasRenderingContext2D} context
 * @param {Label[]} labels
 * @param {number} scale
 * @param {number} width
 * @param {number} height
 */
function covered(context, labels, scale, width, height) {
  context.resetTransform();
  context.clearRect(0, 0, width, height);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#000";
  for (const label of labels) {
    if (label.broken || label.open || label.dots.length) continue;
    if (label.mask) context.drawImage(label.mask.canvas, label.mask.x, label.mask.y);
    else if (label.path) context.fill(label.path, "evenodd");
  }
  const { data } = context.getImageData(0, 0, width, height);
  const on = new Uint8Array(width * height);
  for (let i = 0; i < on.length; i += 1) on[i] = data[4 * i + 3] > 127 ? 1 : 0;
  return on;
}
