// The list of studies.

/** @import { StudyList } from "./types" */
import { $, el, fill, firstData } from "./dom.js";
import "./frame.js";
import { status } from "./pieces.js";
import * as show from "./pure/format.js";
import { endedOf, stateOf } from "./pure/study.js";
import { taskOf } from "./study_parts.js";

/** @type {StudyList} */
const { items, next } = firstData();

fill($("rows"), ...items.map((study) => el("tr", {},
  el("td", {}, el("a", { href: `/studies/${study.id}` }, study.name)),
  el("td", {}, status(stateOf(study))),
  el("td.right", {}, `${show.count(endedOf(study))} of ${show.count(study.trials_wanted)}`),
  el("td", {}, study.metric && `${study.metric}, ${study.direction}`),
  el("td.right", {}, study.best && show.number(study.best.value)),
  el("td", {}, study.best && taskOf(study.best)),
  el("td.right", { title: show.dateTime(study.created_at) }, show.ago(study.created_at)))));
$("summary").textContent = items.length ? `${next === null ? "" : "the newest "}${show.count(items.length)}` : "";
$("list").hidden = items.length === 0;
$("none").hidden = items.length > 0;
$("more").hidden = next === null;
