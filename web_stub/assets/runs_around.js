// What stands around the rows of the table of runs: how many there are, choices by status, groups, files, pages.

/** @import { RunColumns } from "./types" */
/** @import { Chosen } from "./pure/run_state.js" */
/** @import { Answer } from "./runs_answers.js" */
import { $, button, el, fill, link, select } from "./dom.js";
import { chips } from "./pieces.js";
import * as show from "./pure/format.js";
import { groupable, spoken } from "./pure/run_columns.js";
import { splitKeys } from "./pure/run_keys.js";
import * as state from "./pure/run_state.js";
import { at } from "./pure/site.js";
import { factsOf, headColumns } from "./runs_answers.js";

const FORMATS = ["csv", "json"];

/**
 * @typedef {object} AroundParts
 * @property {(changes: Partial<Chosen>) => void} choose
 * @property {(key: string) => void} ungroup
 */

/** @param {Chosen} chosen @param {Answer} answer @param {string[]} columns that a table shows @param {AroundParts} parts */
export function drawAround(chosen, answer, columns, { choose, ungroup }) {
  const { total, counts } = factsOf(answer);
  const group = state.groupOf(chosen.show);
  const first = state.GROUPS[0].key;
  chips($("chips"), state.GROUPS.map((one) => ({ ...one, count: one.count(counts, {}), isChosen: one === group })), (key) =>
    choose({ show: key === first ? "" : key, page: "1" }));
  $("summary").textContent = summary(chosen, answer);
  drawEmpty(total, !chosen.text && !chosen.where && group.key === first, chosen.archived !== "");
  drawPager(state.pageOf(chosen), total);
  drawFiles(chosen, answer, columns);
  drawGroups(splitKeys(chosen.group), ungroup);
}

/** @param {Chosen} chosen @param {Answer} answer */
function summary(chosen, answer) {
  const page = state.pageOf(chosen);
  const { length, total } = factsOf(answer);
  if ("table" in answer) return state.rangeText(page, length, total, "run");
  return `${state.rangeText(page, length, total, "group")} · ${show.counted(answer.groups.runs, "run")}`;
}

/** @param {number} total @param {boolean} isWhole nothing is left out by choice @param {boolean} isArchive */
function drawEmpty(total, isWhole, isArchive) {
  $("list").hidden = total === 0;
  $("none").hidden = total > 0;
  const [title, text] = !isWhole ? ["No run matches", "Choose another group or search for less."]
    : isArchive ? ["The archive is empty", "A task that has ended is archived on its page, or in the list of tasks."]
      : ["No runs yet", "Every task is a run: a new task appears here as soon as it is queued."];
  $("none-title").textContent = title;
  $("none-text").textContent = text;
}

/** @param {number} page @param {number} total */
function drawPager(page, total) {
  const pages = Math.max(1, Math.ceil(total / state.LIMIT));
  $("pager").hidden = pages === 1;
  button("previous").disabled = page <= 1;
  button("next").disabled = page >= pages;
  $("page-of").textContent = `Page ${show.count(page)} of ${show.count(pages)}`;
}

/** @param {Chosen} chosen @param {Answer} answer @param {string[]} columns */
function drawFiles(chosen, answer, columns) {
  const numeric = "table" in answer ? [] : headColumns(answer, columns).map(({ key }) => key).filter((key) => key !== "count");
  for (const format of FORMATS) {
    const address = "table" in answer ? state.exportAddress(chosen, columns, format) : state.groupsExport(chosen, numeric, format);
    link(`export-${format}`).href = at(address);
  }
}

/** The files would be of another question. */
export function withoutFiles() {
  $("summary").textContent = "";
  for (const format of FORMATS) link(`export-${format}`).removeAttribute("href");
}

/** @param {string[]} by @param {(key: string) => void} ungroup */
function drawGroups(by, ungroup) {
  $("groups").hidden = by.length === 0;
  fill($("groups"), el("span.quiet", {}, "Grouped by"), ...by.map((key) => {
    const remove = () => { ungroup(key); select("group").focus(); };
    return el("span.tag", {}, spoken(key),
      el("button", { type: "button", "aria-label": `Do not group by ${spoken(key)}`, onclick: remove }, "×"));
  }));
}

/** The columns to group by. @param {RunColumns | null} known */
export function drawGroupChoice(known) {
  const keys = known ? groupable(known) : [];
  fill(select("group"), el("option", { value: "" }, "Group by …"), ...keys.map((key) => el("option", { value: key }, spoken(key))));
}
