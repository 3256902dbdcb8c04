// A refusal in full: the server's sentence, and every problem with its file, place, sentence and remedy.

import { $, el } from "./dom.js";

/** Show what `error` says in the element, and bring it before the reader's eyes. */
export function showRefusal(id, error, title) {
  const problems = (error.details?.problems ?? []).filter((one) => typeof one === "object" && one !== null);
  $(id).replaceChildren(
    el("h2", {}, title),
    problems.length
      ? el("ul", {}, ...problems.map((one) => el("li", {},
        el("span.where", {}, [one.file, one.place].filter(Boolean).join(": ") || "the archive"),
        el("span.what", {}, one.sentence),
        one.remedy && el("span.remedy", {}, one.remedy))))
      : el("p", {}, error.message));
  $(id).hidden = false;
  $(id).focus();
}

export const hideRefusal = (id) => { $(id).hidden = true; };
