// Where the configs of the runs differ, key by key; what they have in common is folded away.

/** @import { ComparedRun, ConfigValues, RunComparison } from "../types" */
import { $, el, fill } from "../dom.js";
import { differenceCells } from "../pure/compare/differences.js";
import * as show from "../pure/format.js";

/** @param {RunComparison} comparison */
export function drawDifferences({ runs, different, equal, keys_count: count }) {
  const shown = different.length + equal.length;
  $("config-count").textContent = different.length ? `${show.counted(different.length, "key")} of ${show.count(count)} differ` : "";
  $("config-different").hidden = different.length === 0;
  $("config-none").hidden = different.length > 0;
  const single = runs.length < 2 ? "A single run differs from nothing." : "The configs are equal.";
  $("config-none").textContent = count === 0 ? "The configs are empty." : single;
  if (different.length) fill($("config-different"), table(runs, different));
  $("config-equal").hidden = equal.length === 0;
  const of = shown < count ? ` of the first ${show.count(shown)}` : "";
  $("config-equal-title").textContent = `${show.counted(equal.length, "equal key")}${of}`;
  fill($("config-same"), el("table", {}, el("tbody", {}, ...equal.map(({ title, values }) =>
    el("tr", {}, el("th", { scope: "row" }, title), el("td", {}, JSON.stringify(values[0])))))));
}

/** A row for each run, a column for each key. @param {ComparedRun[]} runs @param {ConfigValues[]} different */
function table(runs, different) {
  const rows = differenceCells(different, runs.length);
  return el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "run"), ...different.map(({ title }) => el("th", { scope: "col" }, title)))),
    el("tbody", {}, ...runs.map(({ id, name }, i) => el("tr", {},
      el("th", { scope: "row" }, el("a", { href: `/tasks/${id}` }, `#${id} ${name}`)),
      ...rows[i].map(({ text, isUsual }) => el(text === null ? "td.absent" : isUsual ? "td" : "td.unusual", {}, text ?? "no such key"))))));
}
