// A packed mask → its pixels, a picture in its class's colour, its outline. It runs in the worker of the viewer.

import { context2d } from "./dom.js";
import { isPng, pngHead, rim, tint } from "./pure/mask.js";
import { pictureSize } from "./pure/overlap.js";
import { whole } from "./pure/shapes.js";

const MAX_PNG_BYTES = 64 << 20;
const MAX_MASK_PIXELS = 1 << 28; // 16,384 × 16,384
const STRIP = 1 << 20; // pixels looked at together, so that no canvas is as large as the mask

/**
 * @typedef {{origin: unknown[], data: string}} Bitmap as an annotation has it: base64 of a PNG, plain or packed by zlib
 * @typedef {{on: Uint8Array<ArrayBuffer>, x: number, y: number, width: number, height: number}} Pixels 1 for those of the mask
 * @typedef {Pixels & {picture: ImageBitmap}} Mask `picture` may have fewer pixels than a very large mask
 * @typedef {{mask: Mask, rim: Int32Array<ArrayBuffer>, area: number}} ReadMask `rim`: x1, y1, x2, y2 of each line of the outline
 */

/**
 * @param {Bitmap} bitmap
 * @param {string} color #rrggbb
 * @returns {Promise<ReadMask>} rejected where the mask cannot be read or is too large
 */
export async function readMask({ origin, data }, color) {
  const [x, y] = origin.map((value) => whole(/** @type {number} */ (value)));
  if (!Number.isFinite(x) || !Number.isFinite(y)) throw new Error("not a point");
  const packed = bytesOf(data);
  const isPlain = isPng(packed);
  const png = isPlain ? packed : await inflated(packed);
  const { width, height, byAlpha } = pngHead(png);
  if (width * height > MAX_MASK_PIXELS) throw new Error("too large");
  const options = /** @type {const} */ ({ premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const decoded = await createImageBitmap(new Blob([png], { type: "image/png" }), options);
  const on = new Uint8Array(width * height);
  const { scale, ...size } = pictureSize({ width, height });
  const picture = new OffscreenCanvas(size.width, size.height);
  const context = context2d(picture);
  context.imageSmoothingEnabled = false;
  let area = 0;
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const strip = new OffscreenCanvas(width, rows);
  const reading = context2d(strip, { willReadFrequently: true });
  for (let top = 0; top < height; top += rows) {
    reading.clearRect(0, 0, width, rows);
    reading.drawImage(decoded, 0, -top);
    const pixels = reading.getImageData(0, 0, width, Math.min(rows, height - top));
    const tinted = tint(pixels, byAlpha, color, isPlain);
    on.set(tinted.on, top * width);
    area += tinted.area;
    reading.putImageData(pixels, 0, 0);
    context.drawImage(strip, 0, 0, width, pixels.height, 0, top * scale, width * scale, pixels.height * scale);
  }
  decoded.close();
  const lines = rim(on, width, height).flatMap(([x1, y1, x2, y2]) => [x + x1, y + y1, x + x2, y + y2]);
  return { mask: { picture: picture.transferToImageBitmap(), on, x, y, width, height }, rim: Int32Array.from(lines), area };
}

/** @param {string} base64 */
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * @param {Uint8Array<ArrayBuffer>} packed
 */
async function inflated(packed) {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const chunks = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_PNG_BYTES) { await reader.cancel(); throw new Error("too large"); }
    chunks.push(value);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
