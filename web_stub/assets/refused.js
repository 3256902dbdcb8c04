// A refusal in full: the server's sentence, and every problem with its file, place, sentence and remedy.

import { Refused, sentenceOf } from "./api.js";
import { $, el, fill } from "./dom.js";

/**
 * Show the refusal in the element, and bring it before the reader's eyes.
 * @param {string} id
 * @param {unknown} error
 * @param {string} title
 */
export function showRefusal(id, error, title) {
  const given = error instanceof Refused ? error.details.problems ?? [] : [];
  const problems = given.filter((one) => typeof one === "object" && one !== null);
  fill($(id), el("h2", {}, title), problems.length
    ? el("ul", {}, ...problems.map((one) => el("li", {},
      el("span.where", {}, [one.file, one.place].filter(Boolean).join(": ") || "the archive"),
      el("span.what", {}, one.sentence),
      one.remedy && el("span.remedy", {}, one.remedy))))
    : el("p", {}, sentenceOf(error)));
  $(id).hidden = false;
  $(id).focus();
}

/** @param {string} id */
export const hideRefusal = (id) => { $(id).hidden = true; };
