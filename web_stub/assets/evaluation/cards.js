// Evaluations in few words: their figures in a line, the list of them beside a project, a task or a model.

/** @import { EvaluationCard, EvaluationList } from "../types" */
import { ask } from "../api.js";
import { $, el, fill } from "../dom.js";
import { status } from "../pieces.js";
import { figureText, nameOf, sectionsOf, splitHeadline, titleOf } from "../pure/evaluation/figures.js";
import * as show from "../pure/format.js";

const FIGURES = 2; // of each section
const SHOWN = 5;

/** The first figures of each section; how far it is until there are some. @param {EvaluationCard} card */
export function figuresLine({ status: state, headline, images_done: done, images_total: total, reason }) {
  if (state === "error") return reason ?? "failed";
  if (state === "running" && total) return show.share(done / total);
  if (state !== "done") return state;
  const sections = Object.fromEntries(Object.entries(headline).map(([name, figures]) => [name, { headline: figures, classes: [] }]));
  return sectionsOf(sections).flatMap(({ section }) => splitHeadline(section).first.slice(0, FIGURES)
    .map((name) => `${titleOf(name)} ${figureText(name, section.headline[name])}`)).join(" · ");
}

/**
 * The evaluations of a project, a task or a model, in the card that the page has for them; it stays hidden where there are none.
 * @param {"project" | "task" | "model"} noun
 * @param {number} id
 */
export async function drawEvaluations(noun, id) {
  /** @type {EvaluationList} */
  const { items, next } = await ask(`/api/evaluations?${noun}=${id}&limit=${SHOWN}`);
  $("evaluations-card").hidden = items.length === 0;
  $("evaluations-count").textContent = next === null ? show.count(items.length) : "";
  fill($("evaluations"), ...items.map((card) => el("div.evaluation-row", {},
    el("a", { href: `/evaluations/${card.id}` }, nameOf(card)), card.status === "done" ? null : status(card.status),
    el("small", {}, figuresLine(card)))),
  el("p.quiet", {}, el("a", { href: `/evaluations?${noun}=${id}` }, "All, side by side")));
}
