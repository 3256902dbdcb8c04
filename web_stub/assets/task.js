// One task: the page's pieces and the stream that keeps them current.

/** @import { Series, TaskBatch, TaskDetail, TaskPage, TaskState } from "./types" */
import { ask, attempt } from "./api.js";
import { care, drawCare } from "./care.js";
import { Charts } from "./charts.js";
import { Compare } from "./compare.js";
import { $, button, dialog, el, fill, firstData, json } from "./dom.js";
import { drawEvaluations } from "./evaluation/cards.js";
import { judgeCheckpoints } from "./evaluation/of_task.js";
import "./frame.js";
import { listen } from "./live.js";
import { Log } from "./log.js";
import { portability } from "./portability.js";
import * as show from "./pure/format.js";
import { NearMisses } from "./near_misses.js";
import { merged } from "./pure/merged.js";
import { TaskImages } from "./task_images.js";
import { drawCheckpoints, drawHead, drawProgress, Trouble } from "./task_parts.js";
import { UsageCharts } from "./usage.js";

const BARS = 100; // in the page at once

/** @type {TaskPage} */
const first = firstData();
const { id } = first.task;
let task = first.task;

const trouble = new Trouble(id);
const charts = new Charts(id, task.started_at);
const log = new Log(id, first.last_seq);
const images = new TaskImages(id);
const nearMisses = new NearMisses(id);
const usage = new UsageCharts(task);

/** @param {Series[]} items */
function series(items) {
  const none = items.length === 0;
  $("no-charts").hidden = !none;
  $("no-charts").textContent = show.isFinal(task.status)
    ? "This task reported no metrics." : "Curves appear with the first metric the plugin reports.";
  button("compare-open").hidden = none && task.type !== "train";
  $("chart-controls").hidden = none && show.isFinal(task.status);
  charts.know(items);
}

function details() {
  fill($("config"), json(task.config));
  fill($("options"), json(task.options));
  $("jobs-of").hidden = !task.placements.length;
  fill($("jobs"), json(task.placements));
  fill($("container"), task.container_spec
    ? json(task.container_spec) : el("span.quiet", {}, "Known once it is launched."));
}

async function refreshDetails() {
  /** @type {TaskDetail} */
  const detail = await ask(`/api/tasks/${id}`);
  const { config, options, container_spec, placements } = detail;
  task = { ...task, config, options, container_spec, placements };
  details();
}

/** @type {Pick<TaskState, "progress" | "checkpoints" | "series">} */
const parts = { progress: [], checkpoints: [], series: [] };

/** @param {TaskState} data every item of its lists, or those that have changed */
function state(data) {
  const jobBefore = task.job;
  task = { ...task, ...data.task };
  drawHead(task);
  drawCare(task, show.isFinal(task.status));
  attempt(() => trouble.draw(task));
  parts.progress = merged(parts.progress, data.progress, (bar) => bar.subtask, BARS);
  parts.checkpoints = merged(parts.checkpoints, data.checkpoints, (item) => item.id);
  parts.series = merged(parts.series, data.series, (item) => item.id);
  drawProgress(parts.progress, data.progress_count, task.status);
  drawCheckpoints(parts.checkpoints, task);
  series(parts.series);
  images.update(data.last_image);
  usage.update(task);
  if (task.job !== jobBefore || (!task.container_spec && task.step !== "NOTHING")) attempt(refreshDetails);
}

button("stop").addEventListener("click", () => dialog("confirm-stop").showModal());
dialog("confirm-stop").addEventListener("close", () => {
  if (dialog("confirm-stop").returnValue !== "stop") return;
  attempt(async () => { task = { ...task, ...await ask(`/api/tasks/${id}/stop`, { method: "POST" }) }; drawHead(task); });
});

new Compare(id, charts).start();
care("task", first.task);
portability(`tasks/${id}`);
details();
state(first);
if (task.type === "train") judgeCheckpoints(id);
if (task.type === "inference") attempt(() => drawEvaluations("task", id));
attempt(() => log.load());
attempt(() => nearMisses.draw());
setInterval(() => { if (!show.isFinal(task.status)) drawHead(task); }, 1000);
listen(`tasks/${id}/stream`, first.last_seq, {
  batch: (/** @type {TaskBatch} */ { events, points }) => {
    log.append(events);
    if (events.some(({ near_miss }) => near_miss)) nearMisses.soon();
    if (points.length) charts.append(points);
  },
  state,
  end: () => { attempt(refreshDetails); nearMisses.soon(); },
}, { onResume: () => attempt(() => log.load()) });
