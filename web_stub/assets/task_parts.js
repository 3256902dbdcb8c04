// Parts of a task's page: its head, why it failed, its progress, its checkpoints.

/** @import { Checkpoint, Event, Page, Progress, Ref, TaskCard } from "./types" */
/** @import { Child } from "./dom.js" */
import { ask } from "./api.js";
import { $, button, el, fill } from "./dom.js";
import { facts } from "./pieces.js";
import * as show from "./pure/format.js";
import { stackOf, tracebackOf } from "./pure/log_lines.js";
import { isValid, leftText, rateText } from "./pure/pace.js";
import { barLabel, barNumbers, barTone, checkpointText, steps, troubleText } from "./pure/progress.js";

/**
 * @param {string} place
 * @param {Ref} to
 */
const link = (place, to) => el("a", { href: `/${place}/${to.id}` }, to.name);

/** @param {TaskCard} task */
export function drawHead(task) {
  const isFinal = show.isFinal(task.status);
  $("status").className = `status is-${task.status}`;
  $("status").textContent = task.status;
  document.title = `${isFinal ? "" : "● "}${task.name} · Supervisely local`;
  const stop = button("stop");
  stop.hidden = isFinal;
  stop.disabled = task.stop_requested;
  stop.textContent = task.stop_requested ? "Stopping" : "Stop";
  facts($("facts"), headFacts(task));
  fill($("steps"), ...steps(task).map(({ title, state }) =>
    el(state ? `li.${state}` : "li", state === "now" ? { "aria-current": "step" } : {}, title)));
}

/** @param {TaskCard} task @returns {[string, Child][]} */
function headFacts(task) {
  const ms = show.taskDuration(task);
  /** @type {[string, Child][]} */
  const pairs = [
    ["Plugin", link("plugins", task.plugin)],
    ...(task.project ? [/** @type {[string, Child]} */ (["Project", link("projects", task.project)])] : []),
    ["Model", link("models", task.model)],
    ["Started", task.started_at ? show.dateTime(task.started_at) : "not yet"],
    ["Duration", ms === null ? "–" : show.duration(ms)],
    ["Engine", task.engine ?? "–"],
    ...(task.job ? [/** @type {[string, Child]} */ (["Job", task.job])] : []),
    ["Lines", show.count(task.lines_read)],
  ];
  if (task.attempt > 1) pairs.push(["Attempt", `${task.attempt}`]);
  const { pace } = task;
  if (isValid(pace)) {
    const end = leftText(pace);
    pairs.push(["Rate", el("span", { title: pace.bar ? `Steps of “${pace.bar}”` : null }, rateText(pace))]);
    if (end) pairs.push(["End", end]);
  }
  const result = task.result_project_id;
  if (!result || !task.project) return pairs;
  const compared = `/projects/${task.project.id}/images?with=${result}`;
  return [
    ...pairs,
    ["Result", el("a", { href: `/projects/${result}` }, `project ${result}`)],
    ["Compare", el("a", { href: compared }, "predictions over ground truth")],
  ];
}

/** Why a task did not end well; its traceback is looked for once. */
export class Trouble {
  #isShown = false;

  /** @param {number} taskId */
  constructor(taskId) {
    this.taskId = taskId;
  }

  /** @param {TaskCard} task */
  async draw(task) {
    const isStopped = task.status === "stopped";
    const isBad = isStopped || task.status === "error";
    $("trouble").hidden = !isBad && !task.waits_for;
    if (task.waits_for) {
      $("trouble").classList.add("mild");
      $("trouble-title").textContent = "This task waits";
      $("trouble-text").textContent = task.waits_for;
    }
    if (!isBad || this.#isShown) return;
    this.#isShown = true;
    $("trouble").classList.toggle("mild", isStopped);
    $("trouble-title").textContent = isStopped ? "This task was stopped" : "This task failed";
    $("trouble-text").textContent = troubleText(task);
    if (isStopped) return;
    const lines = await this.#traceback();
    if (!lines.length) return;
    $("trace").hidden = false;
    fill($("trace"), ...lines.map((line, i) =>
      el(i === lines.length - 1 ? "span.last" : /^\s/.test(line) ? "span.frame" : "span", {}, `${line}\n`)));
  }

  /** The stack the plugin reported, or the traceback it printed. */
  async #traceback() {
    const crashes = await this.#events("type=TASK_CRASHED&newest=true&limit=10");
    const reported = crashes.find((event) => event.stream !== "agent" && stackOf(event.body).length);
    return reported ? stackOf(reported.body) : tracebackOf((await this.#events("newest=true&limit=400")).reverse());
  }

  /** @param {string} query @returns {Promise<Event[]>} */
  async #events(query) {
    /** @type {Page<Event>} */
    const page = await ask(`/api/tasks/${this.taskId}/events?${query}`);
    return page.items;
  }
}

/**
 * @param {Progress[]} bars
 * @param {number} count of all bars: of many only those that moved last are here
 * @param {string} status of the task
 */
export function drawProgress(bars, count, status) {
  const none = show.isFinal(status) ? "The plugin reported no progress." : "Nothing reported yet.";
  fill($("progress"), ...(bars.length ? bars.map((bar) => {
    const label = barLabel(bar) || "Progress";
    return el(`div.progress-item.tone.is-${barTone(bar, status)}`, {},
      el("div.text", {}, el("span", {}, label), el("span", {}, barNumbers(bar))),
      el("progress.bar", { max: 100, value: show.percent(bar), "aria-label": label }));
  }) : [el("p.quiet", {}, none)]));
  if (bars.length < count) {
    $("progress").append(el("p.quiet", {}, `${show.count(bars.length)} of ${show.count(count)} bars, those that moved last`));
  }
}

/**
 * @param {Checkpoint[]} items oldest first
 * @param {TaskCard} task
 */
export function drawCheckpoints(items, task) {
  const best = items.findLast((item) => item.is_best); // a plugin marks a checkpoint that is better than all before it
  $("checkpoints-count").textContent = items.length ? show.count(items.length) : "";
  const none = task.type === "train"
    ? "None yet. Each one can be downloaded as soon as the plugin reports it."
    : task.type === "inference" ? "Inference makes none." : "A deployed model makes none.";
  fill($("checkpoints"), ...(items.length
    ? [...items].reverse().map((item, i) => checkpoint(item, { taskId: task.id, isBest: item === best, isLatest: i === 0 }))
    : [el("p.quiet", {}, none)]));
}

/**
 * @param {Checkpoint} item
 * @param {{taskId: number, isBest: boolean, isLatest: boolean}} place
 */
function checkpoint(item, { taskId, isBest, isLatest }) {
  const failed = item.state === "failed" ? ".failed" : "";
  return el("div.checkpoint", {},
    el("div.title", {}, `Checkpoint ${item.index}`,
      isBest && el("span.tag.best", {}, "best"), isLatest && el("span.tag", {}, "latest")),
    el("div.actions", {}, ...(item.download
      ? actions(item, taskId) : [el(`span.tag${failed}`, {}, failed ? "failed" : "packing")])),
    el(`div.numbers${failed}`, {}, failed ? item.reason : checkpointText(item)));
}

/**
 * @param {Checkpoint} item
 * @param {number} taskId
 */
function actions(item, taskId) {
  const next = (/** @type {string} */ type) => `/tasks/new?type=${type}&task=${taskId}&model=${item.model_id}`;
  const name = `checkpoint ${item.index}`;
  return [
    el("a.button.small", {
      href: next("train"), "aria-label": `Train on from ${name}`, title: "Continue training",
    }, "Train on"),
    el("a.button.small", {
      href: next("inference"), "aria-label": `Infer with ${name}`, title: "Use for inference",
    }, "Infer"),
    el("a.button.small", { href: item.download, download: true, "aria-label": `Download ${name}` }, "Download"),
  ];
}
