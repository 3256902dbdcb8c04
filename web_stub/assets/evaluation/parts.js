// The numbers of an evaluation's page: headline figures, the table of classes, the kinds of errors.

/** @import { JudgedClass } from "../types" */
/** @import { Child } from "../dom.js" */
/** @import { Section } from "../pure/evaluation/figures.js" */
/** @import { Chosen } from "../pure/evaluation/state.js" */
import { $, el, fill, input } from "../dom.js";
import { swatch } from "../pieces.js";
import {
  aboutOf, columnsOf, difference, figureText, isDetail, notesOf, senseOf, sortAfter, sorted, splitHeadline, titleOf,
} from "../pure/evaluation/figures.js";
import * as show from "../pure/format.js";
import { NO_CHOICE, pageAddress } from "../pure/evaluation/state.js";

/**
 * What is shown: the section of this evaluation, and the same section of those beside it.
 * @typedef {object} View
 * @property {number} id
 * @property {Chosen} chosen
 * @property {Section} section
 * @property {{id: number, name: string, section: Section | null}[]} others
 * @property {Map<string, JudgedClass>} classes by title
 * @property {(changes: Partial<Chosen>) => void} choose
 */

/** Whether a click on a link stays on this page. @param {MouseEvent} event */
export const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0);

/**
 * A link to this page with other values in its address. It works without loading the page anew.
 * @param {View} view
 * @param {Partial<Chosen>} changes
 * @param {Record<string, any>} attributes
 * @param {Child[]} children
 */
export function choiceLink({ id, chosen, choose }, changes, attributes, ...children) {
  const onclick = (/** @type {MouseEvent} */ event) => {
    if (!isPlain(event)) return;
    event.preventDefault();
    choose(changes);
  };
  return el("a", { href: pageAddress(id, { ...chosen, ...changes }), onclick, ...attributes }, ...children);
}

/** @param {ReturnType<typeof difference>} by */
const change = ({ text, look }) => text !== "" && el(`small.change.is-${look}`, {}, text);

/** @param {View} view */
export function drawHeadline({ section, others }) {
  const notes = notesOf(section);
  $("notes-of-section").hidden = notes.length === 0;
  fill($("notes-of-section"), ...notes.map((note) => el("li", {}, note)));
  const { first, rest } = splitHeadline(section);
  const value = (/** @type {string} */ name) => figureText(name, section.headline[name]);
  const beside = (/** @type {string} */ name) => others.map((other) => {
    const theirs = other.section?.headline[name];
    return el("span.beside", { title: other.name }, figureText(name, theirs), change(difference(name, section.headline[name], theirs)));
  });
  fill($("headline"),
    el("div.figures", {}, ...first.map((name) => el("div.card.figure", { title: aboutOf(name) },
      el("span.figure-name", {}, titleOf(name)), el("b", {}, value(name)), ...beside(name)))),
    rest.length > 0 && el("dl.card.more-figures", {}, ...rest.map((name) => el("div", { title: aboutOf(name) },
      el("dt", {}, titleOf(name)), el("dd", {}, value(name), ...beside(name))))));
}

/** @param {View} view */
export function drawClasses(view) {
  const { section, others, chosen, choose, classes } = view;
  const columns = columnsOf(section).filter((name) => input("details").checked || !isDetail(name));
  const rows = sorted(section.classes, chosen.sort);
  const theirs = others.map((other) => new Map(other.section?.classes.map((row) => [row.title, row])));
  $("classes-count").textContent = show.count(rows.length);
  const head = (/** @type {string} */ name, /** @type {string} */ title) => {
    const order = chosen.sort === name ? "ascending" : chosen.sort === `-${name}` ? "descending" : "none";
    return el(name === "title" ? "th" : "th.right", { "aria-sort": order }, el("button.sort-by", {
      type: "button", title: aboutOf(name), onclick: () => choose({ sort: sortAfter(chosen.sort, name) }),
    }, title, el("span", { "aria-hidden": "true" }, order === "none" ? "" : order === "ascending" ? " ↑" : " ↓")));
  };
  fill($("classes"), el("table", {},
    el("thead", {}, el("tr", {}, head("title", "Class"), ...columns.map((name) => head(name, titleOf(name))))),
    el("tbody", {}, ...rows.map((row) => el("tr", {},
      el("th", { scope: "row" }, choiceLink(view, { ...NO_CHOICE, of: row.title }, { title: `Images by the figure of ${row.title}` },
        swatch(row.title, classes.get(row.title)?.color), " ", row.title)),
      ...columns.map((name) => el("td.right", {}, cell(name, row[name]),
        ...theirs.map((known) => change(difference(name, row[name], known.get(row.title)?.[name])))))))),
  ));
}

/** A number with a bar where it is a part of a whole. @param {string} name @param {unknown} value */
function cell(name, value) {
  const text = figureText(name, value);
  if (senseOf(name) !== 1 || typeof value !== "number" || value > 1 || value < 0 || Number.isInteger(value) && value > 1) return text;
  const bar = el("i.part", { "aria-hidden": "true" });
  bar.style.width = `${100 * value}%`;
  return el("span.with-part", {}, bar, text);
}

/** @param {View} view */
export function drawErrors(view) {
  const errors = view.section.errors ?? [];
  $("errors-card").hidden = errors.length === 0;
  const most = Math.max(1, ...errors.map(({ count }) => count));
  fill($("errors"), ...errors.map(({ kind, count, ap_cost: cost }) => {
    const bar = el("i");
    bar.style.width = `${(100 * count) / most}%`;
    return choiceLink(view, { ...NO_CHOICE, kind }, {
      class: "error-row", title: aboutOf(kind), "aria-current": view.chosen.kind === kind ? "true" : null,
    }, el("span", {}, titleOf(kind)), el("b", {}, show.count(count)),
    el("small", {}, typeof cost === "number" ? `${figureText("ap", cost)} AP` : ""), el("span.track", { "aria-hidden": "true" }, bar));
  }));
}
