// Two sets of labels, pixel by pixel: agreement, missing and extra pixels, and the overlap of each class.

const AGREE = [29, 158, 94];
const MISSED = [214, 48, 49];
const EXTRA = [33, 103, 201];
const MAX_PIXELS = 3e6; // larger images are compared smaller

/**
 * Pixels of one class, of an image or of a set of images. `iou` is null where neither side has any.
 * @typedef {{both: number, truth: number, predicted: number, iou: number | null}} Overlap
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
 * The size at which an image is compared, and its scale.
 * @param {{width: number, height: number}} size
 */
export function comparedSize({ width, height }) {
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (width * height)));
  return { scale, width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/**
 * Paint one class's agreement over a picture, and count its pixels.
 * @param {Uint8Array} truth 1 where the ground truth has the class, a number per pixel
 * @param {Uint8Array} predicted the same of the predictions
 * @param {Uint8ClampedArray} picture RGBA, changed in place; agreement in another class stays visible
 * @returns {Overlap}
 */
export function paint(truth, predicted, picture) {
  const counts = { both: 0, truth: 0, predicted: 0 };
  for (let i = 0, p = 0; i < truth.length; i += 1, p += 4) {
    if (!truth[i] && !predicted[i]) continue;
    counts.truth += truth[i];
    counts.predicted += predicted[i];
    const both = truth[i] && predicted[i];
    if (both) counts.both += 1;
    const isAgreed = picture[p + 1] === AGREE[1] && picture[p + 3];
    if (isAgreed) continue;
    const [r, g, b] = both ? AGREE : truth[i] ? MISSED : EXTRA;
    picture[p] = r; picture[p + 1] = g; picture[p + 2] = b; picture[p + 3] = 255;
  }
  const either = counts.truth + counts.predicted - counts.both;
  return { ...counts, iou: either ? counts.both / either : null };
}
