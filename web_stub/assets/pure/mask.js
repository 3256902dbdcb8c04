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
  const on = new Uint8Array(width * height);
  let area = 0;
  for (let i = 0, p = 0; i < on.length; i += 1, p += 4) {
    const isBlack = data[p] + data[p + 1] + data[p + 2] === 0;
    if (byAlpha ? data[p + 3] > 0 || (isPlain && !isBlack) : !isBlack) {
      on[i] = 1;
      area += 1;
      data[p] = r; data[p + 1] = g; data[p + 2] = b; data[p + 3] = 255;
    } else data[p + 3] = 0;
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
  /** @type {[number, number, number, number][]} */
  const pieces = [];
  const at = (/** @type {number} */ x, /** @type {number} */ y) =>
    (x < 0 || y < 0 || x >= width || y >= height ? 0 : on[y * width + x]);
  const isRow = (/** @type {number} */ y, /** @type {number} */ x) => at(x, y - 1) !== at(x, y);
  const isColumn = (/** @type {number} */ x, /** @type {number} */ y) => at(x - 1, y) !== at(x, y);
  for (const [y, from, to] of runs(height, width, isRow, MAX_RIM)) pieces.push([from, y, to, y]);
  for (const [x, from, to] of runs(width, height, isColumn, MAX_RIM - pieces.length)) pieces.push([x, from, x, to]);
  return pieces;
}

/**
 * Runs along lines 0 to `lines` where `isOn` holds, as [line, from, to].
 * @param {number} lines
 * @param {number} length
 * @param {(line: number, at: number) => boolean} isOn
 * @param {number} most no further line is read once so many runs are found
 * @returns {[number, number, number][]}
 */
function runs(lines, length, isOn, most) {
  /** @type {[number, number, number][]} */
  const found = [];
  for (let line = 0; line <= lines && found.length < most; line += 1) {
    for (let at = 0; at < length; at += 1) {
      if (!isOn(line, at)) continue;
      const from = at;
      while (at < length && isOn(line, at)) at += 1;
      found.push([line, from, at]);
    }
  }
  return found;
}
