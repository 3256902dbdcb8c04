// What a person has chosen on the page of an evaluation, as its address names it, and what the server is asked by it.

import { idsOf } from "../compare/view.js";
import { asked } from "../gallery.js";

/** The names that belong to the page, with the values of an address without any. */
export const DEFAULTS = {
  section: "", confidence: "", iou: "0.5", dataset: "", tag: "", only: "", size: "", object: "", // what is judged
  kind: "", truth: "*", predicted: "*", bar: "", by: "", order: "worst", of: "", list: "images", // which images and objects
  sort: "", with: "", // the order of the classes; evaluations beside this one
};

/** @typedef {typeof DEFAULTS} Chosen */

export const ANY = "*"; // class; an empty text is no class
export const OVERLAPS = ["0.5", "0.55", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85", "0.9", "0.95"];

/** Images by their number of pixels. @type {[key: string, title: string, least: number | null, most: number | null][]} */
export const SIZES = [
  ["small", "under 0.5 megapixels", null, 499_999],
  ["medium", "0.5 to 2 megapixels", 500_000, 2_000_000],
  ["large", "over 2 megapixels", 2_000_001, null],
];

/** Objects by the pixels that they cover, as COCO parts them. @type {[key: string, title: string][]} */
export const OBJECT_SIZES = [["small", "under 32² pixels"], ["medium", "32² to 96² pixels"], ["large", "over 96² pixels"]];

/** What an image or an object has to be. @type {(keyof Chosen)[]} */
const ABOUT = ["kind", "truth", "predicted"];

/**
 * Names and values, without those that are null or empty.
 * @param {[string, string | number | null][]} pairs
 */
function query(pairs) {
  const made = new URLSearchParams();
  for (const [name, value] of pairs) if (value !== null && value !== "") made.set(name, String(value));
  return made;
}

/** The images that are judged, and at which confidence and overlap. @param {Chosen} chosen */
function slice({ confidence, iou, dataset, tag, only, size, object }) {
  const [, , least, most] = SIZES.find(([key]) => key === size) ?? ["", "", null, null];
  return query([
    ["confidence", confidence], ["iou", iou === DEFAULTS.iou ? null : iou], ["dataset", dataset], ["tag", tag], ["class", only],
    ["min_pixels", least], ["max_pixels", most], ["object_size", object],
  ]);
}

/** The changes that judge all images again. */
export const WHOLE = { dataset: "", tag: "", only: "", size: "", object: "" };

/** Whether only a part of the images is judged. @param {Chosen} chosen */
export const isSliced = (chosen) => Object.keys(WHOLE).some((name) => chosen[/** @type {keyof Chosen} */ (name)] !== "");

/** The classes of a cell; one that is absent is any class. @param {Chosen} chosen @param {URLSearchParams} asking */
function addCell({ truth, predicted }, asking) {
  if (truth !== ANY) asking.set("truth_class", truth);
  if (predicted !== ANY) asking.set("predicted_class", predicted);
}

/**
 * The query of the figures. The long curves do not depend on the confidence: they are asked for once.
 * @param {Chosen} chosen
 * @param {boolean} curves
 */
export function figuresQuery(chosen, curves) {
  const asking = slice(chosen);
  if (!curves) asking.set("curves", "false");
  return asking.toString();
}

/**
 * The query of the images in their order.
 * @param {Chosen} chosen
 * @param {string} by the figure that orders them where none is chosen
 */
export function imagesQuery(chosen, by) {
  const asking = slice(chosen);
  asking.set("by", chosen.by || by);
  if (chosen.order !== DEFAULTS.order) asking.set("order", chosen.order);
  if (chosen.of) asking.set("of", chosen.of);
  if (chosen.kind) asking.set("kind", chosen.kind);
  if (chosen.by === BAR) asking.set("bar", chosen.bar);
  addCell(chosen, asking);
  return asking.toString();
}

/** The query of the objects. @param {Chosen} chosen @param {string} order */
export function objectsQuery(chosen, order) {
  const asking = slice(chosen);
  if (chosen.kind) asking.set("kind", chosen.kind);
  addCell(chosen, asking);
  if (order) asking.set("order", order);
  return asking.toString();
}

/** What orders the images of a cell, by section: its pixels, how sure its tag is. @type {Record<string, string>} */
export const CELL_ORDERS = { segmentation: "cell", tags: "tags" };

/**
 * The changes by which a cell of a confusion matrix leads to its images. The last row and column are those without a class.
 * @param {string} section
 * @param {string[]} titles
 * @param {number} row of the ground truth
 * @param {number} column of the predictions
 * @returns {Partial<Chosen>}
 */
export function cellChoice(section, titles, row, column) {
  const last = titles.length - 1;
  const [truth, predicted] = [row, column].map((at) => (at === last ? "" : titles[at]));
  return { ...NO_CHOICE, by: CELL_ORDERS[section] ?? "", truth, predicted };
}

/** The changes by which a bar of the reliability diagram leads to its images. @param {number} bar @returns {Partial<Chosen>} */
export const barChoice = (bar) => ({ ...NO_CHOICE, by: BAR, bar: String(bar) });

/** The order of the images of such a bar: how many of its tags are wrong. */
export const BAR = "bar";

/** The confidences of a bar in words. @param {string} bar @param {number} [bars] of which it is one */
export const barText = (bar, bars = 10) => `${Number(bar) / bars} to ${(Number(bar) + 1) / bars}`;

/** Whether the cell is the one that the address names. @param {Chosen} chosen @param {Partial<Chosen>} cell */
export const isChosen = (chosen, cell) => ABOUT.every((name) => chosen[name] === (cell[name] ?? DEFAULTS[name]));

/** The changes that let all images in again. @type {Partial<Chosen>} */
export const NO_CHOICE = { kind: "", truth: ANY, predicted: ANY, bar: "", of: "", by: "", order: "worst" };

const MOST = 4; // evaluations beside one

/** Ids of the evaluations beside this one. @param {Chosen} chosen @param {number} own */
export const othersOf = (chosen, own) => idsOf(chosen.with).filter((id) => id !== own).slice(0, MOST);

/**
 * The address with these values, of this evaluation.
 * @param {number} id
 * @param {Partial<Chosen>} values
 */
export function pageAddress(id, values) {
  const pairs = Object.entries(values).filter(([name, value]) => value !== DEFAULTS[/** @type {keyof Chosen} */ (name)]);
  return `/evaluations/${id}${asked(new URLSearchParams(/** @type {[string, string][]} */ (pairs)).toString())}`;
}

/**
 * The viewer at an image of the evaluation, which shows what became of its objects and goes on in the same order.
 * @param {{id: number, truth: {id: number}, predictions: {id: number}}} evaluation
 * @param {number} image in the ground truth
 * @param {string} images the query of the images
 */
export function judgedAddress({ id, truth, predictions }, image, images) {
  const asking = new URLSearchParams({ with: String(predictions.id), mode: "errors", evaluation: String(id) });
  for (const [name, value] of new URLSearchParams(images)) asking.set(`e.${name}`, value);
  return `/projects/${truth.id}/images/${image}?${asking}`;
}

/** The query of the images in an address of the viewer. @param {URLSearchParams} address */
export function imagesOf(address) {
  const asking = new URLSearchParams();
  for (const [name, value] of address) if (name.startsWith("e.")) asking.append(name.slice(2), value);
  return asking.toString();
}
