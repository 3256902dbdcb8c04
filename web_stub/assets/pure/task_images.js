// Images that a task logged: which stops a slider over their steps has, and what stands beside what.

/** @import { TaskImage, TaskImageNames } from "../types" */

/** The names that belong to the images, with the values of an address without any: the newest step, all names. */
export const IMAGE_DEFAULTS = { image_step: "", image_with: "", image_name: "" };
export const MOST = 1000; // images in one answer
export const NO_STEP = "none";

/** An image, and the one of the same name at the other step. @typedef {{name: string, after?: TaskImage, before?: TaskImage}} Pair */

/**
 * The stops of the slider, as an address and the server spell them: the steps, then the images without a step.
 * @param {Pick<TaskImageNames, "steps" | "without_step">} names
 * @returns {string[]}
 */
export const stopsOf = ({ steps, without_step }) => [...steps.map(String), ...(without_step ? [NO_STEP] : [])];

/**
 * Where the slider stands: at the stop that is wanted, else at the nearest one below. Without a wish at the newest step.
 * @param {string[]} stops at least one
 * @param {string} wanted
 */
export function placeOf(stops, wanted) {
  const exact = stops.indexOf(wanted);
  if (exact >= 0) return exact;
  const newest = Math.max(0, stops.length - (stops.at(-1) === NO_STEP ? 2 : 1));
  const step = Number(wanted);
  if (wanted === "" || Number.isNaN(step)) return newest;
  return Math.max(0, stops.findLastIndex((stop) => Number(stop) <= step));
}

/** @param {string} stop */
export const stopText = (stop) => (stop === NO_STEP ? "no step" : `step ${stop}`);

/** @param {TaskImage} image */
export const stopOf = (image) => (image.step === null ? NO_STEP : String(image.step));

/** The question for images. @param {{step?: string, name?: string}} of */
export function imagesQuery({ step, name }) {
  const asked = new URLSearchParams({ limit: String(MOST) });
  if (step !== undefined) asked.set("step", step);
  if (name !== undefined) asked.set("name", name);
  return asked.toString();
}

/**
 * Images of one step beside those of another, by name; the same name again is the next pair. What only the other step has
 * comes last.
 * @param {TaskImage[]} after
 * @param {TaskImage[]} [before]
 * @returns {Pair[]}
 */
export function pairsOf(after, before = []) {
  /** @type {Map<string, Pair>} */
  const pairs = new Map();
  for (const [side, images] of /** @type {const} */ ([["after", after], ["before", before]])) {
    /** @type {Map<string, number>} */
    const times = new Map();
    for (const image of images) {
      const time = times.get(image.name) ?? 0;
      times.set(image.name, time + 1);
      const key = `${time} ${image.name}`;
      const pair = pairs.get(key) ?? { name: image.name };
      pair[side] = image;
      pairs.set(key, pair);
    }
  }
  return [...pairs.values()];
}

/** What a screen reader says of an image. @param {TaskImage} image */
export const altText = (image) => [image.name, stopText(stopOf(image)), image.caption].filter(Boolean).join(", ");
