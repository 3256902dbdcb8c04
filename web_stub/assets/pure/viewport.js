// Where the image lies in a pane: fitted, moved, zoomed. Lengths of panes in screen pixels, of images in image pixels.

/** @import { Box, Size } from "./shapes.js" */

/**
 * `x`, `y`: the image's corner in the pane; `scale`: screen pixels for one pixel of the image.
 * @typedef {{x: number, y: number, scale: number}} View
 */

const LARGEST = 64; // screen pixels for a pixel of the image
const LARGEST_FIT = 8; // the same, when a whole image is fitted into the pane
const LARGEST_LOOK = 16; // the same, when a label is brought into view
const LEAST = 0.02;
const EDGE = 48; // of the image, this much stays in the pane

/**
 * The whole image in the middle of the pane.
 * @param {Size} pane
 * @param {Size} size
 * @returns {View}
 */
export function fitted(pane, size) {
  const gap = Math.min(16, pane.width / 20);
  const scale = Math.min((pane.width - 2 * gap) / size.width, (pane.height - 2 * gap) / size.height, LARGEST_FIT);
  return { scale, x: (pane.width - size.width * scale) / 2, y: (pane.height - size.height * scale) / 2 };
}

/**
 * Zoom by a factor, keeping still the place at (px, py) of the pane.
 * @param {View} view
 * @param {number} factor
 * @param {number} px
 * @param {number} py
 * @returns {View}
 */
export function zoomed(view, factor, px, py) {
  const scale = Math.max(Math.min(LEAST, view.scale), Math.min(LARGEST, view.scale * factor));
  return { scale, x: px - ((px - view.x) * scale) / view.scale, y: py - ((py - view.y) * scale) / view.scale };
}

/**
 * A box of the image in the middle of the pane, as large as is useful.
 * @param {Box} box
 * @param {Size} pane
 * @returns {View}
 */
export function lookingAt([left, top, right, bottom], pane) {
  const width = (pane.width * 0.7) / Math.max(4, right - left);
  const height = (pane.height * 0.7) / Math.max(4, bottom - top);
  const scale = Math.min(width, height, LARGEST_LOOK);
  return { scale, x: pane.width / 2 - ((left + right) / 2) * scale, y: pane.height / 2 - ((top + bottom) / 2) * scale };
}

/**
 * The same view, moved so far that some of the image stays in the pane.
 * @param {View} view
 * @param {Size} pane
 * @param {Size} size
 * @returns {View}
 */
export function kept({ x, y, scale }, pane, size) {
  const within = (/** @type {number} */ at, /** @type {number} */ length, /** @type {number} */ room) =>
    Math.max(EDGE - length * scale, Math.min(room - EDGE, at));
  return { scale, x: within(x, size.width, pane.width), y: within(y, size.height, pane.height) };
}

/**
 * The place of the image at (px, py) of the pane.
 * @param {View} view
 * @param {number} px
 * @param {number} py
 * @returns {[x: number, y: number]}
 */
export const placeAt = ({ x, y, scale }, px, py) => [(px - x) / scale, (py - y) / scale];

/**
 * @param {Size} size
 * @param {number} x
 * @param {number} y
 */
export const isInside = (size, x, y) => x >= 0 && y >= 0 && x < size.width && y < size.height;

/**
 * The factor that a turn of the wheel zooms by.
 * @param {{deltaY: number, deltaMode: number, ctrlKey: boolean}} wheel `ctrlKey`: fingers on a touch pad
 */
export const wheelFactor = ({ deltaY, deltaMode, ctrlKey }) =>
  Math.exp(-deltaY * (deltaMode ? 0.05 : ctrlKey ? 0.01 : 0.0016));

/** The scale in words. @param {number} scale */
export const scaleText = (scale) => `${scale >= 0.095 ? Math.round(100 * scale) : (100 * scale).toFixed(1)}%`;
