// The page of a study. While it runs and is looked at, it is asked for again every few seconds.

/** @import { Study, Trial, Used } from "./types" */
import { ask, attempt } from "./api.js";
import { $, button, el, fill, firstData } from "./dom.js";
import "./frame.js";
import { facts, status } from "./pieces.js";
import { now } from "./pure/clock.js";
import * as show from "./pure/format.js";
import { countsText, sharesOf, stateOf, valueText } from "./pure/study.js";
import { taskOf } from "./study_parts.js";
import { historyPlot, parallelPlot } from "./study_plots.js";

const AGAIN_MS = 3000;

/** @type {Study} */
let study = firstData();
let timer = 0;

/** @param {string} path @param {Used} used */
const usedLink = (path, { id, name, is_deleted: isDeleted }) => el("span", {},
  isDeleted ? `${name ?? id} (deleted)` : el("a", { href: `${path}/${id}` }, name));

/** @param {Trial} trial */
function row(trial) {
  const { started_at: start, finished_at: end } = trial;
  const took = start && show.duration((end ? Date.parse(end) : now()) - Date.parse(start));
  return el(`tr${trial.number === study.best?.number ? ".best" : ""}`, {},
    el("td.right", {}, trial.number),
    el("td", {}, status(trial.state)),
    el("td.right", {}, trial.value !== null && show.number(trial.value)),
    ...Object.keys(study.space).map((key) => el("td", {}, valueText(trial.params[key]))),
    el("td", {}, taskOf(trial)),
    el("td.right", {}, took),
    el("td.why", {}, trial.sentence));
}

function draw() {
  const state = stateOf(study);
  fill($("state"), status(state));
  facts($("facts"), [
    ["Plugin", usedLink("/plugins", study.plugin)],
    ["Project", usedLink("/projects", study.project)],
    ["Model", usedLink("/models", study.model)],
    ["Metric", study.metric ? `${study.metric}, ${study.direction}` : "none: every combination is tried"],
    ["Best", study.best ? el("span", {}, `${show.number(study.best.value)}, `, taskOf(study.best)) : "–"],
    ["Search", `${study.sampler}, pruner ${study.pruner}, seed ${study.seed}, ${study.jobs} at once`],
  ]);
  $("resume").hidden = state === "running" || state === "finished";
  const byHand = el("code", {}, `agent tune resume ${study.id}`);
  fill($("resume"), ...(state === "stopped" ? ["Go on with it by ", byHand, "."]
    : ["No agent has it now. One that takes tasks from the queue goes on with it (", el("code", {}, "agent up"), "), or ", byHand, "."]));
  $("stop").hidden = study.state !== "running";
  $("history-card").hidden = study.metric === null;
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
  $("importance-none").textContent = study.no_importance;
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
