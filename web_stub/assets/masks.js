// A packed mask → a canvas in its class's colour, its pixels and its outline.

import { context2d } from "./dom.js";
import { isPng, pngHead, rim, tint } from "./pure/mask.js";
import { whole } from "./pure/shapes.js";

const MAX_PNG_BYTES = 64 << 20;
const MAX_MASK_PIXELS = 1 << 26;

/** @typedef {{canvas: OffscreenCanvas, on: Uint8Array, x: number, y: number, width: number, height: number}} Mask */

/**
 * @param {{origin: unknown[], data: string}} bitmap as an annotation has it: base64 of a PNG, plain or packed by zlib
 * @param {string} color #rrggbb
 * @returns {Promise<{mask: Mask, path: Path2D, area: number}>} rejected where the mask cannot be read or is too large
 */
export async function readMask({ origin, data }, color) {
  const [x, y] = origin.map((value) => whole(/** @type {number} */ (value)));
  if (!Number.isFinite(x) || !Number.isFinite(y)) throw new Error("not a point");
  const packed = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const isPlain = isPng(packed);
  const png = isPlain ? packed : await inflated(packed);
  const { width, height, byAlpha } = pngHead(png);
  if (width * height > MAX_MASK_PIXELS) throw new Error("too large");
  const options = /** @type {const} */ ({ premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const decoded = await createImageBitmap(new Blob([png], { type: "image/png" }), options);
  const canvas = new OffscreenCanvas(width, height);
  const context = context2d(canvas, { willReadFrequently: true });
  context.drawImage(decoded, 0, 0);
  decoded.close();
  const pixels = context.getImageData(0, 0, width, height);
  const { on, area } = tint(pixels, byAlpha, color, isPlain);
  context.putImageData(pixels, 0, 0);
  const path = new Path2D();
  for (const [x1, y1, x2, y2] of rim(on, width, height)) {
    path.moveTo(x + x1, y + y1);
    path.lineTo(x + x2, y + y2);
  }
  return { mask: { canvas, on, x, y, width, height }, path, area };
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
