// What became of the objects of an image: their colours, their texts, which is the next error.

/** @import { JudgedObject } from "../../types" */
import { aboutOf, figureText, titleOf } from "./figures.js";

/** @type {Record<string, string>} colours over any image; the first three are those of a difference of pixels */
export const TONES = { matched: "#1d9e5e", missed: "#d63031", extra: "#2167c9", mixed_up: "#b83ad1" };

/** @param {string} kind */
export const toneOf = (kind) => TONES[kind] ?? "#8895a3";

/**
 * The colours of the objects of both sides, by their places in the annotations. An object that a prediction of its class
 * has keeps its colour; the other sides' objects that an error is about are not coloured twice.
 * @param {JudgedObject[]} objects
 */
export function colorsOf(objects) {
  /** @type {{truth: Map<number, string>, predicted: Map<number, string>}} */
  const colors = { truth: new Map(), predicted: new Map() };
  for (const { kind, truth, predicted } of objects) {
    if (predicted !== null) colors.predicted.set(predicted, toneOf(kind));
    if (truth !== null && (kind !== "extra" && kind !== "ignored")) colors.truth.set(truth, toneOf(kind));
  }
  return colors;
}

/** Whether something is wrong. @param {{kind: string}} object */
export const isWrong = ({ kind }) => kind === "missed" || kind === "extra" || kind === "mixed_up";

/** The class, or the two that were mixed up. @param {Pick<JudgedObject, "kind" | "truth_class" | "predicted_class">} object */
export function classText({ kind, truth_class: truth, predicted_class: predicted }) {
  if (kind === "mixed_up") return `${truth} taken for ${predicted}`;
  return (kind === "extra" || kind === "ignored" ? predicted : truth) ?? predicted ?? "";
}

/**
 * How sure, and how close.
 * @param {Pick<JudgedObject, "overlap" | "distance" | "confidence">} object
 */
export const closenessText = ({ overlap, distance, confidence }) => [
  overlap !== null && `IoU ${figureText("iou", overlap)}`,
  distance !== null && `${distance.toFixed(1)} px`,
  confidence !== null && `sure ${figureText("confidence", confidence)}`,
].filter(Boolean).join(" · ");

/** @param {Pick<JudgedObject, "kind" | "error">} object */
export const kindText = ({ kind, error }) =>
  (error && kind === "extra" ? `${titleOf(kind)}: ${titleOf(error).toLowerCase()}` : titleOf(kind));

/** @param {Pick<JudgedObject, "kind" | "error">} object */
export const kindAbout = ({ kind, error }) => aboutOf(error ?? kind) || aboutOf(kind);

/**
 * The error behind or before the present one; null at the end of the image.
 * @template {{kind: string}} T
 * @param {T[]} objects
 * @param {T | null} present
 * @param {1 | -1} way
 * @returns {T | null}
 */
export function nextError(objects, present, way) {
  const wrong = objects.filter(isWrong);
  if (!present) return (way === 1 ? wrong[0] : wrong[wrong.length - 1]) ?? null;
  return wrong[wrong.indexOf(present) + way] ?? null;
}
