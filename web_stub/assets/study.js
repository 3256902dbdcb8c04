// The page of a study. While it runs and is looked at, it is asked for again every few seconds.

/** @import { Study, StudyPage, StudyPart, Trial } from "./types" */
import { ask, attempt } from "./api.js";
import { $, button, el, fill, firstData } from "./dom.js";
import "./frame.js";
import { facts, status, trialTask } from "./pieces.js";
import { now } from "./pure/clock.js";
import * as show from "./pure/format.js";
import { countsText, sharesOf, stateOf, valueText } from "./pure/study.js";
import { historyPlot, parallelPlot } from "./study_plots.js";

const AGAIN_MS = 3000;

/** @type {StudyPage} */
const first = firstData();
let study = first.study;
let timer = 0;

/** A thing by its name, with a link where that leads somewhere. @param {string} address @param {StudyPart} part */
const partLink = (address, { name, has_page: hasPage }) => (hasPage ? el("a", { href: address }, name) : name);

/** @param {Trial} trial */
function row(trial) {
  const { started_at: start, finished_at: end } = trial;
  const took = start && show.duration((end ? Date.parse(end) : now()) - Date.parse(start));
  return el(`tr${trial.number === study.best?.number ? ".best" : ""}`, {},
    el("td.right", {}, trial.number),
    el("td", {}, status(trial.state)),
    el("td.right", {}, trial.value !== null && show.number(trial.value)),
    ...Object.keys(study.space).map((key) => el("td", {}, valueText(trial.params[key]))),
    el("td", {}, trialTask(trial)),
    el("td.right", {}, took),
    el("td.why", {}, trial.sentence));
}

function draw() {
  const state = stateOf(study);
  fill($("state"), status(state));
  facts($("facts"), [
    ["Plugin", partLink(`/plugins/${study.plugin_id}`, first.plugin)],
    ["Project", partLink(`/projects/${study.project_id}`, first.project)],
    ["Model", partLink(`/models/${study.model_id}`, first.model)],
    ["Metric", study.metric ? `${study.metric}, ${study.direction}` : "none: every combination is tried"],
    ["Best", study.best ? el("span", {}, `${show.number(study.best.value)}, `, trialTask(study.best)) : "–"],
    ["Search", `${study.sampler}, pruner ${study.pruner}, seed ${study.seed}, ${study.jobs} at once`],
  ]);
  $("resume").hidden = state === "running" || state === "finished";
  fill($("resume"), "Go on with it by ", el("code", {}, `agent tune resume ${study.id}`), ".");
  $("stop").hidden = study.state !== "running";
  $("charts").hidden = study.metric === null;
  $("parallel-card").hidden = study.metric === null || !study.counts.complete;
  fill($("history"), historyPlot(study));
  fill($("parallel"), parallelPlot(study));
  $("history-about").textContent = "the line is the best so far";
  const shares = sharesOf(study.importance);
  fill($("importance"), ...shares.map(([key, share]) => {
    const part = el("i");
    part.style.width = `${100 * share}%`;
    return el("div.line", {}, el("span.mono", {}, key), el("div.track", {}, part), el("span.right", {}, show.share(share)));
  }));
  $("importance").hidden = shares.length === 0;
  $("importance-none").hidden = shares.length > 0;
  $("importance-none").textContent = Object.keys(study.space).length < 2
    ? "Only one parameter varies." : "Told from ten complete trials on.";
  const heads = ["Trial", "State", "Value", ...Object.keys(study.space), "Task", "Took", "Why"];
  fill($("columns"), ...heads.map((head) => el(`th${["Trial", "Value", "Took"].includes(head) ? ".right" : ""}`, {}, head)));
  fill($("trials"), ...study.trials.map(row).reverse());
  $("trials-count").textContent = countsText(study);
  $("trials-none").hidden = study.trials.length > 0;
}

/** @param {Study} found */
function take(found) {
  if (JSON.stringify(found) !== JSON.stringify(study)) {
    study = found;
    draw();
  }
}

async function again() {
  clearTimeout(timer);
  const isOver = study.state !== "running" && !study.counts.running;
  if (isOver || document.hidden) return;
  await attempt(async () => take(await ask(`/api/studies/${study.id}`)));
  timer = setTimeout(again, AGAIN_MS);
}

button("stop").onclick = () => attempt(async () => take(await ask(`/api/studies/${study.id}/stop`, { method: "POST" })));
document.addEventListener("visibilitychange", again);
draw();
timer = setTimeout(again, AGAIN_MS);
