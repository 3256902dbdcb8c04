// Masks: the head of their PNG, their pixels, their outline.

const PNG = [0x89, 0x50, 0x4e, 0x47];
const IDAT = 0x49444154;
const TRNS = 0x74524e53;
const MAX_RIM = 30_000; // straight pieces of an outline; a mask of confetti stays without the rest of them

/** Whether the bytes begin as a PNG does. @param {Uint8Array} bytes */
export const isPng = (bytes) => PNG.every((byte, i) => bytes[i] === byte);

/**
 * The head of a PNG: its size, and whether its mask is in its transparency or in its colours.
 * @param {Uint8Array} png
 * @returns {{width: number, height: number, byAlpha: boolean}}
 * @throws {Error} where the bytes are none
 */
export function pngHead(png) {
  if (!isPng(png)) throw new Error("not a PNG");
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const type = view.getUint8(25);
  let byAlpha = type === 4 || type === 6;
  for (let at = 8; at + 8 <= png.length && !byAlpha;) {
    const name = view.getUint32(at + 4);
    if (name === IDAT) break;
    byAlpha = type === 3 && name === TRNS;
    at += 12 + view.getUint32(at);
  }
  return { width: view.getUint32(16), height: view.getUint32(20), byAlpha };
}

/**
 * Give the mask's pixels one colour and clear all others.
 * @param {{data: Uint8ClampedArray, width: number, height: number}} pixels RGBA, changed in place
 * @param {boolean} byAlpha whether pixels of the mask are those that can be seen, or those that are not black
 * @param {string} color #rrggbb
 * @param {boolean} [isPlain] of a PNG that was not packed: then the colours of what cannot be seen count as well
 * @returns {{on: Uint8Array, area: number}} 1 for pixels of the mask, and their number
 */
export function tint({ data, width, height }, byAlpha, color, isPlain = false) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  // Four bytes at a time. Their order in a number is the machine's, so what they stand for is made from bytes too.
  const pixels = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const [tinted, colors, alpha] = new Uint32Array(new Uint8Array([r, g, b, 255, 255, 255, 255, 0, 0, 0, 0, 255]).buffer);
  const mask = !byAlpha ? colors : isPlain ? colors | alpha : alpha; // the bits of which one has to be set
  const on = new Uint8Array(width * height);
  let area = 0;
  for (let i = 0; i < on.length; i += 1) {
    if ((pixels[i] & mask) !== 0) {
      on[i] = 1;
      area += 1;
      pixels[i] = tinted;
    } else pixels[i] &= colors;
  }
  return { on, area };
}

/**
 * The lines between pixels of the mask and others, one for each straight run.
 * @param {Uint8Array} on
 * @param {number} width
 * @param {number} height
 * @returns {[x1: number, y1: number, x2: number, y2: number][]}
 */
export function rim(on, width, height) {
  const lines = level(on, width, height);
  return [...lines, ...upright(on, width, height, MAX_RIM - lines.length)];
}

/**
 * Level lines, row by row.
 * @param {Uint8Array} on
 * @param {number} width
 * @param {number} height
 */
function level(on, width, height) {
  /** @type {[number, number, number, number][]} */
  const lines = [];
  const none = new Uint8Array(width);
  const row = (/** @type {number} */ y) => (y < 0 || y >= height ? none : on.subarray(y * width, (y + 1) * width));
  for (let y = 0; y <= height && lines.length < MAX_RIM; y += 1) {
    const [above, below] = [row(y - 1), row(y)];
    for (let x = 0; x < width; x += 1) {
      if (above[x] === below[x]) continue;
      const from = x;
      while (x < width && above[x] !== below[x]) x += 1;
      lines.push([from, y, x, y]);
    }
  }
  return lines;
}

/**
 * Upright lines, from the left. All columns are followed together, because pixels of a column lie far apart in memory.
 * @param {Uint8Array} on
 * @param {number} width
 * @param {number} height
 * @param {number} most no further row is read once so many lines are found
 */
function upright(on, width, height, most) {
  /** @type {[number, number, number, number][]} */
  const lines = [];
  const since = new Int32Array(width + 1).fill(-1); // the row in which the line at x began
  for (let y = 0; y <= height && lines.length < most; y += 1) {
    let left = 0;
    for (let x = 0; x <= width; x += 1) {
      const here = x < width && y < height ? on[y * width + x] : 0;
      const isLine = here !== left;
      left = here;
      if (isLine === since[x] >= 0) continue;
      if (isLine) since[x] = y;
      else {
        lines.push([x, since[x], x, y]);
        since[x] = -1;
      }
    }
  }
  return lines.sort(([a, top], [b, top2]) => a - b || top - top2);
}
