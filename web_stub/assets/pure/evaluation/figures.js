// The figures of an evaluation as a page shows them: their names, their order, the rows of a table, differences.

import * as show from "../format.js";

/**
 * A section of figures as the server gives it.
 * @typedef {Record<string, any>} Headline numbers, null where one is not defined; whether tags exclude each other
 * @typedef {{title: string} & Record<string, any>} ClassRow
 * @typedef {{titles: string[], counts: number[][]}} Matrix
 * @typedef {{kind: string, count: number, ap_cost?: number | null}} ErrorKind
 * @typedef {Record<string, any>} Curves
 * @typedef {{headline: Headline, classes: ClassRow[], confusion?: Matrix, errors?: ErrorKind[], curves?: Curves, remarks?: string[],
 *   aside?: string | null, calibration?: any}} Section
 * @typedef {Record<string, any>} Figures sections by name, beside facts about all of them
 */

/** @type {[name: string, title: string][]} */
export const SECTIONS = [["segmentation", "Pixels"], ["detection", "Objects"], ["points", "Points, lines, graphs"], ["tags", "Tags"]];

/** @type {Record<string, [title: string, about: string]>} */
const NAMES = {
  mean_iou: ["Mean IoU", "Mean over the classes of the overlap: pixels of both, of those of either"],
  iou: ["IoU", "Overlap: pixels of both sides, of those of either"],
  mean_dice: ["Mean Dice", "Mean over the classes of the Dice coefficient"],
  dice: ["Dice", "Twice the pixels of both sides, of the pixels of each"],
  pixel_accuracy: ["Pixel accuracy", "Pixels with the right class, of all"],
  mean_boundary_iou: ["Mean boundary IoU", "Mean overlap of the strips along the edges"],
  boundary_iou: ["Boundary IoU", "Overlap of the strips along the edges"],
  mean_precision: ["Mean precision", "Mean over the classes of the part of what was predicted that is right"],
  mean_recall: ["Mean recall", "Mean over the classes of the part of the ground truth that was found"],
  precision: ["Precision", "Right predictions, of all predictions"],
  recall: ["Recall", "Found objects, of all objects"],
  f1: ["F1", "Harmonic mean of precision and recall"],
  ap: ["AP", "Average precision, mean over overlaps from 0.5 to 0.95 (COCO)"],
  ap50: ["AP 50", "Average precision at overlap 0.5"],
  ap75: ["AP 75", "Average precision at overlap 0.75"],
  ap_small: ["AP small", "AP of objects under 32² pixels"],
  ap_medium: ["AP medium", "AP of objects from 32² to 96² pixels"],
  ap_large: ["AP large", "AP of objects over 96² pixels"],
  ar_1: ["AR 1", "Average recall with one prediction for each image and class"],
  ar_10: ["AR 10", "Average recall with 10 predictions for each image and class"],
  ar_100: ["AR 100", "Average recall with 100 predictions for each image and class"],
  ar_small: ["AR small", "Average recall of objects under 32² pixels"],
  ar_medium: ["AR medium", "Average recall of objects from 32² to 96² pixels"],
  ar_large: ["AR large", "Average recall of objects over 96² pixels"],
  best_confidence: ["Best confidence", "The least confidence at which F1 is best"],
  best_f1: ["Best F1", "F1 at the best confidence"],
  truth_pixels: ["True pixels", "Pixels of the class in the ground truth"],
  predicted_pixels: ["Predicted pixels", "Pixels of the class in the predictions"],
  truths: ["Objects", "Objects of the ground truth"],
  predictions: ["Predictions", "Predictions with at least the chosen confidence"],
  matched: ["Found", "Objects that a prediction of their class has"],
  missed: ["Missed", "Objects without a prediction"],
  extra: ["Extra", "Predictions without an object"],
  mixed_up: ["Mixed up", "Objects that a prediction of another class has"],
  wrong_class: ["Wrong class", "On an object of another class"],
  misplaced: ["Misplaced", "On an object of its class, but not enough"],
  wrong_class_and_place: ["Wrong class and place", "On an object of another class, and not enough"],
  double: ["Double", "On an object that a more confident prediction has"],
  background: ["On nothing", "On no object at all"],
  overlooked: ["Overlooked", "Objects that no prediction has or means"],
  ignored: ["Ignored", "Predictions on what is not judged"],
  mean_ap: ["Mean AP", "Mean over the tags of average precision"],
  micro_f1: ["F1 of all", "F1 over all tags together"],
  top_1: ["Top 1", "Images whose most confident tag is the right one"],
  top_3: ["Top 3", "Images with the right tag among the 3 most confident"],
  top_5: ["Top 5", "Images with the right tag among the 5 most confident"],
  mean_distance: ["Mean distance", "Mean distance of found ones, in pixels"],
  median_distance: ["Median distance", "Median distance of found ones, in pixels"],
  ece: ["Calibration error", "Mean distance of confidence from accuracy (ECE)"],
  accuracy: ["Accuracy", "Images with the right tag, of all"],
  oks: ["OKS", "Similarity of key points of graphs"],
  distance: ["Distance", "Mean distance of found ones, in pixels"],
  errors: ["Errors", "Objects and predictions that are wrong"],
  wrong_tags: ["Wrong tags", "Tags that one side has and the other has not"],
  cell: ["Pixels", "Pixels of the image in the chosen cell of the confusion matrix"],
  tags: ["Confidence", "How sure the predicted tag is"],
  bar: ["Wrong ones", "Tags of the image in the chosen bar of the reliability diagram that are wrong"],
};

/** What became of objects, and what is wrong with predictions. */
export const OUTCOMES = ["missed", "extra", "mixed_up", "matched"];
export const ERRORS = ["wrong_class", "misplaced", "wrong_class_and_place", "double", "background", "overlooked"];

const WRONG = ["missed", "extra", "mixed_up", "errors", "wrong_tags", "cell", "bar", ...ERRORS];
const SIZES = ["truths", "predictions", "truth_pixels", "predicted_pixels", "pixels", "images", "ignored"];
const COUNTS = new Set([...WRONG, ...SIZES, "matched"]);
const LESS_IS_BETTER = new Set([...WRONG, "ece"]);
const NEUTRAL = new Set([...SIZES, "best_confidence"]);
const SETTINGS = new Set(["confidence", "iou"]); // in the headline of objects, beside its figures

/** Whether a figure is a number of things, and no part of a whole. @param {string} name */
const isCount = (name) => COUNTS.has(name);

/** @param {string} name */
export const titleOf = (name) => NAMES[name]?.[0] ?? show.capitalized(name.replace(/_/g, " "));

/** @param {string} name */
export const aboutOf = (name) => NAMES[name]?.[1] ?? "";

/** 1 where larger is better, -1 where smaller is, 0 where neither. @param {string} name */
export function senseOf(name) {
  if (NEUTRAL.has(name)) return 0;
  return LESS_IS_BETTER.has(name) || name.includes("distance") ? -1 : 1;
}

/**
 * Counts whole, parts of a whole with three digits; a dash where it is not defined.
 * @param {string} name
 * @param {unknown} value
 */
export function figureText(name, value) {
  if (typeof value !== "number") return "–";
  if (isCount(name)) return show.count(value);
  if (name.includes("distance")) return show.number(value);
  if (value !== 0 && Math.abs(value) < 0.0005) return value > 0 ? "<0.001" : ">−0.001";
  return value < 1 && value >= 0.9995 ? ">0.999" : value.toFixed(3);
}

/**
 * Sections that the figures have, in their order.
 * @param {Figures | null} figures
 * @returns {{name: string, title: string, section: Section}[]}
 */
export const sectionsOf = (figures) => SECTIONS.flatMap(([name, title]) =>
  (figures?.[name] ? [{ name, title, section: /** @type {Section} */ (figures[name]) }] : []))
  .sort((one, other) => Number(Boolean(one.section.aside)) - Number(Boolean(other.section.aside)));

/** What is to be said of a section before its figures. @param {Section} section */
export const notesOf = ({ aside, remarks = [] }) => [...(aside ? [aside] : []), ...remarks];

/** The section that is shown: the chosen one, else the first. @param {Figures | null} figures @param {string} chosen */
export function sectionOf(figures, chosen) {
  const sections = sectionsOf(figures);
  return sections.find(({ name }) => name === chosen) ?? sections[0] ?? null;
}

/** Names of numbers in the headline, without those that say how it was judged. @param {Section} section */
export const headlineNames = ({ headline }) => Object.keys(headline)
  .filter((name) => !SETTINGS.has(name) && typeof headline[name] !== "boolean");

/** Columns of the table of classes: every number that a row has. @param {Section} section */
export const columnsOf = ({ classes }) => [...new Set(classes.flatMap((row) => Object.keys(row)))]
  .filter((name) => name !== "title" && classes.some((row) => typeof row[name] === "number"));

/** Figures that are not shown at first sight. @param {string} name */
export const isDetail = (name) => /^(ap|ar)_/.test(name) || name === "best_f1";

const FIRST = 6; // figures that stand out

/** Those headline figures that stand out, and the others. @param {Section} section */
export function splitHeadline(section) {
  const names = headlineNames(section);
  const parts = names.filter((name) => senseOf(name) === 1 && !isCount(name) && !isDetail(name));
  const first = parts.slice(0, FIRST);
  return { first, rest: names.filter((name) => !first.includes(name)) };
}

/**
 * Rows in the order that the address names: a column, with `-` before it the largest first. Undefined ones stand last.
 * @param {ClassRow[]} rows
 * @param {string} sort
 */
export function sorted(rows, sort) {
  const isDown = sort.startsWith("-");
  const name = isDown ? sort.slice(1) : sort;
  if (!name) return rows;
  if (name === "title") return [...rows].sort((a, b) => (isDown ? -1 : 1) * a.title.localeCompare(b.title, "en", { numeric: true }));
  const [known, unknown] = [true, false].map((is) => rows.filter((row) => (typeof row[name] === "number") === is));
  return [...known.sort((a, b) => (isDown ? b[name] - a[name] : a[name] - b[name])), ...unknown];
}

/** What a click on a column's head makes of the order. @param {string} sort @param {string} name */
export const sortAfter = (sort, name) => (sort === name ? `-${name}` : sort === `-${name}` ? "" : name);

/**
 * A figure of another evaluation beside that of the first one.
 * @param {string} name
 * @param {unknown} first
 * @param {unknown} other
 * @returns {{text: string, look: "better" | "worse" | "equal" | "none"}}
 */
export function difference(name, first, other) {
  if (typeof first !== "number" || typeof other !== "number") return { text: "", look: "none" };
  const by = other - first;
  const text = figureText(name, Math.abs(by));
  if (by === 0 || text === "0.000") return { text: "±0", look: "equal" };
  const sense = senseOf(name);
  return { text: `${by > 0 ? "+" : "−"}${text}`, look: sense === 0 ? "equal" : by * sense > 0 ? "better" : "worse" };
}

/** Figures of images that can order them, by section. @type {Record<string, string[]>} */
export const IMAGE_FIGURES = {
  segmentation: ["iou", "dice", "boundary_iou", "pixel_accuracy"],
  detection: ["errors", "f1", "precision", "recall", "missed", "extra", "mixed_up"],
  points: ["errors", "f1", "precision", "recall", "missed", "extra", "mixed_up", "distance"],
  tags: ["wrong_tags"],
};

/**
 * What an evaluation is of, in a line.
 * @param {{model: {name: string | null, checkpoint_index?: number | null} | null, predictions: {name: string | null}}} card
 */
export function nameOf({ model, predictions }) {
  if (!model?.name) return predictions.name ?? "deleted project";
  const { name, checkpoint_index: index = null } = model;
  return index === null ? name : `${name}, checkpoint ${index}`;
}
