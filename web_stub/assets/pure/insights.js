// What the data of a project says: addresses of the images of a finding, and the texts about them.

/** @import { InsightsProgress, InsightsWords, NearList } from "../types" */
/** @import { Filter } from "./gallery.js" */
import * as show from "./format.js";
import { asked, queryOf } from "./gallery.js";

/** The images of a project that match, as a page. @param {number} project its id @param {Partial<Filter>} filter */
export const imagesAddress = (project, filter) => `/projects/${project}${asked(queryOf(filter))}`;

/**
 * The size of objects between two borders, by its number.
 * @param {number[]} borders in pixels
 * @param {number} number
 */
export function sizeText(borders, number) {
  if (number <= 0) return `<${borders[0]}`;
  return number < borders.length ? `${borders[number - 1]}–${borders[number]}` : `≥${borders[borders.length - 1]}`;
}

/**
 * How strong a cell is drawn, 0 to 1: small numbers beside large ones can still be seen, and none is nothing.
 * @param {number} count
 * @param {number} most of all cells
 */
export const strength = (count, most) => (count > 0 && most > 0 ? 0.12 + 0.88 * Math.sqrt(Math.min(count / most, 1)) : 0);

/** The greatest number of a table; 0 for an empty one. @param {number[][]} rows */
export const greatest = (rows) => rows.reduce((most, row) => row.reduce((a, b) => Math.max(a, b), most), 0);

/**
 * A finding of an address in words.
 * @param {string} finding
 * @param {InsightsWords} words
 */
export function findingText(finding, { names, borders }) {
  if (Object.hasOwn(names, finding)) return names[finding];
  const [kind, first = "", second = ""] = finding.split(".");
  if (kind === "size") return `objects of ${sizeText(borders, Number(first))} pixels`;
  if (kind === "place") return `objects in column ${Number(first) + 1}, row ${Number(second) + 1} of the map`;
  if (kind === "frame") return `${first.replace("x", " × ")} pixels`;
  if (kind === "near") return first ? `nearly equal to image ${first}` : "nearly equal images";
  return finding === "leak" ? "nearly equal in train and val" : finding;
}

/** What was found among the images, in sentences. @param {Omit<NearList, "items" | "next">} near */
export function nearText(near) {
  const { compared, near: equal, leaks, unreadable, missing, is_complete: isComplete } = near;
  const count = equal === 0 ? "None" : show.count(equal);
  const left = [
    `${count} of ${show.counted(compared, "image")} nearly ${equal === 1 ? "equals" : "equal"} another one.`,
    leaks ? `${show.counted(leaks, "image")} of val ${leaks === 1 ? "is" : "are"} in train, too: the model has seen ${
      leaks === 1 ? "it" : "them"}.` : "",
    unreadable ? `${show.counted(unreadable, "image")} cannot be decoded.` : "",
    missing ? `The bytes of ${show.counted(missing, "image")} are gone.` : "",
    isComplete ? "" : "The search ended early: there are too many pairs.",
  ];
  return left.filter(Boolean).join(" ");
}

/** How alike two images are. @param {{bits: number, is_same_file: boolean}} pair */
export const alikeText = ({ bits, is_same_file: isSame }) =>
  (isSame ? "the same file" : bits === 0 ? "the same hash" : `${bits} of 64 bits differ`);

/** How far the work is; empty while nothing is being done. @param {InsightsProgress} progress */
export function progressText({ images, labels, pictures }) {
  if (labels !== null) return `The labels are being counted: ${show.count(labels)} of ${show.counted(images, "image")}.`;
  return pictures === null ? "" : `Images are being compared: ${show.count(pictures)} of ${show.count(images)}.`;
}
