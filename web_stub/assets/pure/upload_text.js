// An upload in words.

import * as show from "./format.js";

/** The name of a model after its file's: without the ending of an archive. @param {string} file */
export const modelName = (file) => file.replace(/\.(tar|tgz|tar\.(gz|xz|bz2|zst))$/i, "");

/**
 * @param {{size: number, lastModified: number}} file
 * @param {number} [now] in ms
 */
export const fileText = ({ size, lastModified }, now = Date.now()) =>
  `${show.bytes(size)}, changed ${show.ago(new Date(lastModified).toISOString(), now)}. `
  + "Drop or choose another to replace it.";

/** @param {number} loaded @param {number} total in bytes */
export const percent = (loaded, total) => (100 * loaded) / Math.max(1, total);

/**
 * How far the upload is, how fast, and how long it will take.
 * @param {number} loaded in bytes
 * @param {number} total
 * @param {number} ms since its beginning
 */
export function progressText(loaded, total, ms) {
  if (loaded >= total) return `${show.bytes(total)} sent; the tar is being checked …`;
  const rate = loaded / Math.max(0.001, ms / 1000);
  const soFar = `${show.bytes(loaded)} of ${show.bytes(total)}`;
  if (rate === 0) return soFar;
  return `${soFar} · ${show.bytes(rate)}/s · ${show.duration((1000 * (total - loaded)) / rate)} left`;
}
