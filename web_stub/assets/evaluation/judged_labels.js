// The labels of an image on both sides, each in the colour of what became of it.

/** @import { JudgedObject } from "../types" */
/** @import { Label } from "../labels.js" */
/** @import { Pixels } from "../pixels.js" */
/** @import { Classes } from "../pure/comparison.js" */
/** @import { Size } from "../pure/shapes.js" */
import { readLabels } from "../labels.js";
import { colorsOf } from "../pure/evaluation/judged.js";

/**
 * @typedef {{truth: Label[], predicted: Label[], of: Map<JudgedObject, {truth: Label | null, predicted: Label | null}>}} Judged
 *   `of`: the labels of each object
 */

/** Only the outline: what is below stays in sight. @param {Label} label @returns {Label} */
const outlined = (label) => ({ ...label, mask: null, open: label.path !== null });

/**
 * Labels of the ground truth as outlines, labels of the predictions filled; a missed object is filled as well.
 * @param {JudgedObject[]} objects of the image
 * @param {{truth: {objects?: unknown}, predicted: {objects?: unknown}}} annotations
 * @param {{truth: Classes, predicted: Classes}} classes
 * @param {Size} size
 * @param {Pixels} pixels
 * @returns {Promise<Judged>}
 */
export async function judgedLabels(objects, annotations, classes, size, pixels) {
  const colors = colorsOf(objects);
  const [truth, predicted] = await Promise.all([
    readLabels(annotations.truth, classes.truth, size, pixels, colors.truth),
    readLabels(annotations.predicted, classes.predicted, size, pixels, colors.predicted),
  ]);
  const missed = new Set(objects.filter(({ kind }) => kind === "missed").map(({ truth: place }) => place));
  const truths = new Map([...byPlace(colors.truth, truth)]
    .map(([place, label]) => [place, missed.has(place) ? label : outlined(label)]));
  const guesses = byPlace(colors.predicted, predicted);
  const of = new Map(objects.map((object) => [object, {
    truth: truths.get(object.truth ?? -1) ?? null, predicted: guesses.get(object.predicted ?? -1) ?? null,
  }]));
  return { truth: [...truths.values()], predicted: [...guesses.values()], of };
}

/** Labels by their places: those that have a colour, in their order. @param {Map<number, string>} colors @param {Label[]} labels */
const byPlace = (colors, labels) => new Map([...colors.keys()].sort((a, b) => a - b).map((place, i) => [place, labels[i]]));
