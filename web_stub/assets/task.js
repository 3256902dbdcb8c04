// One task: the page's pieces and the stream that keeps them current.

import { ask, attempt } from "./api.js";
import { Charts } from "./charts.js";
import { Compare } from "./compare.js";
import { $, el, firstData, json } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";
import { listen } from "./live.js";
import { Log } from "./log.js";

const first = firstData();
const id = first.task.id;
let task = first.task;
let troubleShown = false;

const STEPS = [["DOWNLOAD", "Prepare"], ["MAIN", task.type === "train" ? "Train" : "Apply"], ["UPLOAD", "Publish"]];

const link = (where, { id: which, name }) => el("a", { href: `/${where}/${which}` }, name);

function head() {
  $("status").className = `status is-${task.status}`;
  $("status").textContent = task.status;
  document.title = `${show.isFinal(task.status) ? "" : "● "}${task.name} · Supervisely local`;
  $("stop").hidden = show.isFinal(task.status);
  $("stop").disabled = task.stop_requested;
  $("stop").textContent = task.stop_requested ? "Stopping" : "Stop";
  const ms = show.taskDuration(task);
  const facts = [
    ["Plugin", link("plugins", task.plugin)], ["Project", link("projects", task.project)], ["Model", link("models", task.model)],
    ["Started", task.started_at ? show.dateTime(task.started_at) : "not yet"], ["Duration", ms === null ? "–" : show.duration(ms)],
    ["Engine", task.engine ?? "–"], ["Lines", show.count(task.lines_read)],
  ];
  if (task.result_project_id) {
    facts.push(["Result", el("a", { href: `/projects/${task.result_project_id}` }, `project ${task.result_project_id}`)]);
    facts.push(["Compare", el("a", { href: `/projects/${task.project.id}/images?with=${task.result_project_id}` }, "predictions over ground truth")]);
  }
  $("facts").replaceChildren(...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  const done = STEPS.findIndex(([key]) => key === task.step);
  const failed = task.status === "error" || task.status === "stopped";
  $("steps").replaceChildren(...STEPS.map(([, title], i) => {
    const state = i <= done ? "done" : i > done + 1 ? "" : failed ? "failed" : ["queued", "finished"].includes(task.status) ? "" : "now";
    return el(state ? `li.${state}` : "li", state === "now" ? { "aria-current": "step" } : {}, title);
  }));
}

async function trouble() {
  const bad = task.status === "error" || task.status === "stopped";
  $("trouble").hidden = !bad;
  if (!bad || troubleShown) return;
  troubleShown = true;
  $("trouble").classList.toggle("mild", task.status === "stopped");
  $("trouble-title").textContent = task.status === "stopped" ? "This task was stopped" : "This task failed";
  const code = task.exit_code ? ` (exit code ${task.exit_code})` : "";
  $("trouble-text").textContent = `${task.message ?? task.reason ?? "No reason was recorded."}${task.message?.includes("exit code") ? "" : code}`;
  if (task.status === "stopped") return;
  const crashes = await ask(`/api/tasks/${id}/events?type=TASK_CRASHED&newest=true&limit=10`);
  const crash = crashes.items.find((event) => event.stream !== "agent" && event.body?.stack?.length);
  const lines = crash ? crash.body.stack : await printed();
  if (!lines.length) return;
  $("trace").hidden = false;
  $("trace").replaceChildren(...lines.map((line, i) => el(i === lines.length - 1 ? "span.last" : /^\s/.test(line) ? "span.frame" : "span", {}, `${line}\n`)));
}

/** A traceback that was only printed: the lines from its beginning to the end of the output. */
async function printed() {
  const { items } = await ask(`/api/tasks/${id}/events?newest=true&limit=400`);
  const lines = items.reverse().filter((event) => event.stream !== "agent").map((event) => event.message);
  const start = lines.findLastIndex((line) => line.startsWith("Traceback (most recent call last)"));
  return start < 0 ? [] : lines.slice(start, start + 80);
}

function progress(bars) {
  const live = !show.isFinal(task.status);
  $("progress").replaceChildren(...(bars.length ? bars.map((bar) => {
    const label = bar.subtask.trim().replace(/:$/, "") || "Progress";
    const numbers = bar.current_label ? `${bar.current_label} / ${bar.total_label}` : `${show.count(bar.current)} / ${show.count(bar.total)}`;
    const tone = bar.current >= bar.total && bar.total > 0 ? "finished" : live ? "started" : task.status;
    return el(`div.progress-item.tone.is-${tone}`, {}, el("div.text", {}, el("span", {}, label), el("span", {}, numbers)),
      el("progress.bar", { max: 100, value: show.percent(bar), "aria-label": label }));
  }) : [el("p.quiet", {}, live ? "Nothing reported yet." : "The plugin reported no progress.")]));
}

function checkpoint(item, isLatest) {
  const metrics = Object.entries(item.optional?.val_metrics ?? {}).filter(([, value]) => typeof value === "number");
  const numbers = [item.optional?.epoch !== undefined && `epoch\u00a0${show.number(item.optional.epoch)}`, ...metrics.map(([name, value]) => `${name}\u00a0${show.number(value)}`), show.bytes(item.size_bytes).replace(" ", "\u00a0")].filter(Boolean);
  return el("div.checkpoint", {},
    el("div.title", {}, `Checkpoint ${item.index}`, item.is_best && el("span.tag.best", {}, "best"), isLatest && el("span.tag", {}, "latest")),
    el("div.actions", {}, item.download
      ? [el("a.button.small", { href: `/tasks/new?type=train&task=${id}&model=${item.model_id}`, "aria-label": `Continue training from checkpoint ${item.index}`, title: "Continue training" }, "Train on"),
        el("a.button.small", { href: `/tasks/new?type=inference&task=${id}&model=${item.model_id}`, "aria-label": `Use checkpoint ${item.index} for inference`, title: "Use for inference" }, "Infer"),
        el("a.button.small", { href: item.download, download: true, "aria-label": `Download checkpoint ${item.index}` }, "Download")]
      : el(`span.tag${item.state === "failed" ? ".failed" : ""}`, {}, item.state === "failed" ? "failed" : "packing")),
    el(`div.numbers${item.state === "failed" ? ".failed" : ""}`, {}, item.state === "failed" ? item.reason : numbers.join(" · ")));
}

function checkpoints(items) {
  const best = items.findLast((item) => item.is_best)?.id; // each was the best when it was reported; the last one still is
  $("checkpoints-count").textContent = items.length ? show.count(items.length) : "";
  $("checkpoints").replaceChildren(...(items.length
    ? [...items].reverse().map((item, i) => checkpoint({ ...item, is_best: item.id === best }, i === 0))
    : [el("p.quiet", {}, task.type === "train" ? "None yet. Each one can be downloaded as soon as the plugin reports it." : "Inference makes none.")]));
}

function series(items) {
  const none = items.length === 0;
  $("no-charts").hidden = !none;
  $("no-charts").textContent = show.isFinal(task.status) ? "This task reported no metrics." : "Curves appear with the first metric the plugin reports.";
  $("compare-open").hidden = none && task.type !== "train";
  if (!none && items.some((one) => !charts.series.has(one.id))) attempt(() => charts.load());
}

function details() {
  $("config").replaceChildren(json(first.task.config));
  $("options").replaceChildren(json(first.task.options));
  $("container").replaceChildren(first.task.container_spec ? json(first.task.container_spec) : el("span.quiet", {}, "Known once it is launched."));
}

async function refreshDetails() {
  Object.assign(first.task, await ask(`/api/tasks/${id}`));
  details();
}

$("stop").addEventListener("click", () => $("confirm-stop").showModal());
$("confirm-stop").addEventListener("close", () => {
  if ($("confirm-stop").returnValue !== "stop") return;
  attempt(async () => { task = { ...task, ...(await ask(`/api/tasks/${id}/stop`, { method: "POST" })) }; head(); });
});

function state(data) {
  const launched = !first.task.container_spec && data.task.container_spec !== null;
  task = { ...task, ...data.task };
  head();
  attempt(trouble);
  progress(data.progress);
  checkpoints(data.checkpoints);
  series(data.series);
  if (launched && task.step !== "NOTHING" && !first.task.container_spec) attempt(refreshDetails);
}

const charts = new Charts(id, task.started_at);
new Compare(id, charts).start();
const log = new Log(id, first.last_seq);
details();
state(first);
attempt(() => log.load());
setInterval(() => { if (!show.isFinal(task.status)) head(); }, 1000);
listen((cursor) => `/api/tasks/${id}/stream?after=${cursor}`, first.last_seq, {
  batch: ({ events, points }) => {
    log.append(events);
    if (points.length) charts.append(points);
  },
  state,
  end: () => attempt(refreshDetails),
}, { onResume: () => attempt(() => log.load()) });
