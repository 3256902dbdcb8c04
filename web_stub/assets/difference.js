// Two sets of labels compared class by class. It runs in the worker of the viewer.

/** @import { Size } from "./pure/shapes.js" */
/** @import { Area, Overlap } from "./pure/overlap.js" */
import { Agreement } from "./pure/overlap.js";

/**
 * The labels of a class on both sides. `isShown`: in the picture too, not only counted.
 * @typedef {{title: string, isShown: boolean, truth: Area[], predicted: Area[]}} ComparedClass
 */

/** The messages that wait for the worker are heard now. */
const pause = () => new Promise((done) => { setTimeout(done); });

/**
 * @param {Size} size of the image
 * @param {ComparedClass[]} classes
 * @param {(title: string, overlap: Overlap, done: number) => boolean} tell a class is done; false ends the work
 * @returns {Promise<ImageBitmap | null>} the picture of all classes; null where the work was ended
 */
export async function compare(size, classes, tell) {
  const agreement = new Agreement(size);
  for (const [i, { title, isShown, truth, predicted }] of classes.entries()) {
    const overlap = agreement.add(truth, predicted, isShown);
    if (!tell(title, overlap, i + 1)) return null;
    await pause();
  }
  const { width, height } = agreement.picture;
  return createImageBitmap(new ImageData(agreement.pixels, width, height));
}
