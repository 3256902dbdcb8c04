// The pixels of one image's labels: a worker reads its masks, and compares them.

/** @import { Overlap } from "./pure/overlap.js" */
/** @import { Bitmap, Mask } from "./masks.js" */
/** @import { Size } from "./pure/shapes.js" */
/** @import { FromWorker, ToWorker, WantedClass } from "./pixel_worker.js" */

/** @typedef {(title: string, overlap: Overlap, done: number, total: number) => void} OnClass */
/** @typedef {{resolve: (answer: any) => void, reject: (error: Error) => void, onClass?: OnClass}} Waiting */
/** @typedef {{mask: Mask, rim: Int32Array, area: number, job: number}} Read `job`: by this number the worker knows the mask */

/** The worker has died, and the masks that it had read with it. */
export class WorkerDied extends Error {}

export class Pixels {
  /** Why this image's pixels can be asked for nothing more; opening the image again starts another worker. @type {WorkerDied | null} */
  died = null;
  /** @type {Worker | null} */ #worker = null;
  /** @type {Map<number, Waiting>} */ #waiting = new Map();
  #jobs = 0;

  /**
   * @param {Bitmap} bitmap
   * @param {string} color #rrggbb
   * @returns {Promise<Read>} rejected where the mask cannot be read, when the worker dies, and when the image was left
   */
  read(bitmap, color) { return this.#ask((job) => ({ kind: "read", job, bitmap, color })); }

  /**
   * Compare the labels of the image. A comparison that is under way ends.
   * @param {Size} size of the image
   * @param {WantedClass[]} classes
   * @param {OnClass} onClass
   * @returns {Promise<ImageBitmap | null>} the picture; null where another comparison, or `stop`, came before it
   */
  compare(size, classes, onClass) { return this.#ask((job) => ({ kind: "compare", job, size, classes }), onClass); }

  /** End the comparison that is under way. */
  stop() { if (this.#waiting.size) this.#worker?.postMessage({ kind: "stop" }); }

  /** The image is left: work that is under way ends at once, with its worker. */
  close() { this.#end(new Error("The image was left.")); }

  /** @param {Error} error for everybody who waits */
  #end(error) {
    this.#worker?.terminate();
    this.#worker = null;
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of left) reject(error);
  }

  /**
   * @param {(job: number) => ToWorker} said
   * @param {OnClass} [onClass]
   * @returns {Promise<any>}
   */
  #ask(said, onClass) {
    if (this.died) return Promise.reject(this.died);
    const job = this.#jobs += 1;
    const worker = this.#worker ??= this.#start();
    return new Promise((resolve, reject) => {
      this.#waiting.set(job, { resolve, reject, onClass });
      worker.postMessage(said(job));
    });
  }

  #start() {
    const worker = new Worker(new URL("./pixel_worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => this.#heard(data);
    worker.onerror = worker.onmessageerror = () => this.#died();
    return worker;
  }

  #died() {
    this.died = new WorkerDied("The browser has ended the worker that reads masks and compares pixels, or could not start it.");
    this.#end(this.died);
  }

  /** @param {FromWorker} said */
  #heard(said) {
    const waiting = this.#waiting.get(said.job);
    if (!waiting) return;
    if (said.kind === "class") {
      waiting.onClass?.(said.title, said.overlap, said.done, said.total);
      return;
    }
    this.#waiting.delete(said.job);
    if (said.kind === "failed") waiting.reject(new Error(said.reason));
    else waiting.resolve(said.kind === "mask" ? { mask: said.mask, rim: said.rim, area: said.area, job: said.job } : said.picture);
  }
}
