// The images of a project: the filter in the address, and the texts about images and labels.

/** @import { Image, Statistics, TagCount } from "../types" */
import * as show from "./format.js";

/** What narrows the images of a project, as it is named in addresses. */
export const FILTERS = /** @type {const} */ (["dataset", "class", "also", "tag", "finding", "text"]);

/** The images to show; null for no condition. @typedef {Record<typeof FILTERS[number], string | null>} Filter */

/** The filter that an address names. @param {string} query @returns {Filter} */
export function filterOf(query) {
  const named = new URLSearchParams(query);
  return /** @type {Filter} */ (Object.fromEntries(FILTERS.map((name) => [name, named.get(name)])));
}

/**
 * A filter, and more, as a query; empty where nothing is wanted.
 * @param {Partial<Filter>} filter
 * @param {Record<string, string | number | null>} [more]
 */
export function queryOf(filter, more = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...filter, ...more })) {
    if (value !== null && value !== "") query.set(name, String(value));
  }
  return query.toString();
}

/** A query behind its question mark; empty for an empty query. @param {string} query */
export const asked = (query) => (query ? `?${query}` : "");

/** @param {number | null} objects on an image */
export function objectsText(objects) {
  if (objects === null) return "annotation unreadable";
  return objects === 0 ? "no objects" : show.counted(objects, "object");
}

/** @param {Image} image */
export const imageTitle = ({ dataset, name, width, height, size_bytes: size }) =>
  `${dataset.name}/${name}\n${width} × ${height} · ${show.bytes(size)}`;

/** @param {number} shown @param {number} total */
export const shownText = (shown, total) => (total > shown ? `${show.count(shown)} of ${show.count(total)}` : show.count(total));

/** @param {Pick<TagCount, "images" | "objects">} tag */
export function usesText({ images, objects }) {
  const uses = [images ? show.counted(images, "image") : "", objects ? show.counted(objects, "object") : ""];
  return uses.filter(Boolean).join(" · ") || "unused";
}

/**
 * Images and labels that the statistics leave out, in sentences.
 * @param {Pick<Statistics, "images" | "labeled_images" | "broken">} counted
 */
export function leftOut({ images, labeled_images: labeled, broken }) {
  const bare = images - labeled;
  const notes = [
    bare ? `${show.counted(bare, "image")} ${bare === 1 ? "has" : "have"} no objects.` : "",
    broken ? `${show.count(broken)} labels cannot be read.` : "",
  ];
  return notes.filter(Boolean).join(" ");
}
