// The worker of an image in the viewer: it reads masks and compares labels, so that the page never waits for pixels.

/** @import { Area, Overlap } from "./pure/overlap.js" */
/** @import { Bitmap, Mask, Pixels } from "./masks.js" */
/** @import { Size } from "./pure/shapes.js" */
/** @import { ComparedClass } from "./difference.js" */
import { compare } from "./difference.js";
import { readMask } from "./masks.js";

/**
 * A label of a job: its mask is named by the job that read it, because the worker has it already.
 * @typedef {Omit<Area, "mask"> & {mask?: number}} NamedArea
 * @typedef {Omit<ComparedClass, "truth" | "predicted"> & {truth: NamedArea[], predicted: NamedArea[]}} WantedClass
 * @typedef {{kind: "read", job: number, bitmap: Bitmap, color: string}} ReadJob
 * @typedef {{kind: "compare", job: number, size: Size, classes: WantedClass[]}} CompareJob
 * @typedef {ReadJob | CompareJob | {kind: "stop"}} ToWorker `stop` ends the comparison
 */
/**
 * @typedef {{kind: "mask", job: number, mask: Mask, rim: Int32Array, area: number}
 *   | {kind: "class", job: number, title: string, overlap: Overlap, done: number, total: number}
 *   | {kind: "picture", job: number, picture: ImageBitmap | null}
 *   | {kind: "failed", job: number, reason: string}} FromWorker
 */

/** @type {{onmessage: (event: MessageEvent<ToWorker>) => void, postMessage: (said: FromWorker, moved?: Transferable[]) => void}} */
const scope = /** @type {any} */ (globalThis);

/** Masks by the job that read them. @type {Map<number, Pixels>} */
const masks = new Map();
/** The present comparison; an older one ends. */
let comparison = 0;
/** Masks are read one after the other: each needs much memory while it is read. @type {Promise<unknown>} */
let reading = Promise.resolve();

/** @param {ReadJob} wanted */
async function read({ job, bitmap, color }) {
  const { mask, rim, area } = await readMask(bitmap, color);
  const { on, x, y, width, height } = mask;
  masks.set(job, { on: on.slice(), x, y, width, height });
  scope.postMessage({ kind: "mask", job, mask, rim, area }, [mask.picture, on.buffer, rim.buffer]);
}

/** @param {CompareJob} wanted */
async function difference({ job, size, classes }) {
  comparison = job;
  const named = (/** @type {NamedArea[]} */ areas) => areas.map(({ mask, ...area }) => {
    if (mask === undefined) return area;
    const known = masks.get(mask);
    if (!known) throw new Error("A mask has not been read."); // its box would be counted in its place
    return { ...area, mask: known };
  });
  const wanted = classes.map((one) => ({ ...one, truth: named(one.truth), predicted: named(one.predicted) }));
  const picture = await compare(size, wanted, (title, overlap, done) => {
    if (comparison !== job) return false;
    scope.postMessage({ kind: "class", job, title, overlap, done, total: classes.length });
    return true;
  });
  scope.postMessage({ kind: "picture", job, picture }, picture ? [picture] : []);
}

scope.onmessage = ({ data: said }) => {
  if (said.kind === "stop") {
    comparison = 0;
    return;
  }
  const failed = (/** @type {unknown} */ error) => scope.postMessage({ kind: "failed", job: said.job, reason: String(error) });
  if (said.kind === "read") reading = reading.then(() => read(said)).catch(failed);
  else difference(said).catch(failed);
};
