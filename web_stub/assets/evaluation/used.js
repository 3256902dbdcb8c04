// What an evaluation is of.

/** @import { Used } from "../types" */
import { el } from "../dom.js";

/** @param {string} place @param {Used} used */
export const usedLink = (place, { id, name, is_deleted: isDeleted }) =>
  (isDeleted ? el("span", {}, `${name ?? id} (deleted)`) : el("a", { href: `/${place}/${id}` }, name));
