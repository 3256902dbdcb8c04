// The task list: rows that stay current.

/** @import { TaskCard, TasksPage } from "./types" */
import { ask, attempt } from "./api.js";
import { $, el, fill, firstData } from "./dom.js";
import "./frame.js";
import { List } from "./list.js";
import { metric, status } from "./pieces.js";
import * as show from "./pure/format.js";
import { sum } from "./pure/list_state.js";
import { Selected } from "./selected.js";
import { inputsText, kindText } from "./pure/kinds.js";
import { isValid, leftText, rateText } from "./pure/pace.js";
import { barCount, barLabel, noBarText } from "./pure/progress.js";

const SHOWN_METRICS = 4;

/** @type {TasksPage} */
const { answer, limit } = firstData();
const FINAL = ["finished", "error", "stopped"];
const UNDER_WAY = ["queued", "consumed", "started", "deployed", "terminating"];

/** @param {TaskCard} card */
function progress(card) {
  if (card.status === "error" || (card.status === "stopped" && card.message)) {
    const why = card.message ?? card.reason ?? "";
    return el(`p.why.tone.is-${card.status}`, { title: card.message ?? "" }, why);
  }
  const bar = card.progress;
  if (!bar) return el("span.quiet", {}, noBarText(card));
  const label = barLabel(bar);
  return el(`div.progress.tone.is-${card.status}`, {},
    el("div.text", {}, el("span", {}, label), el("span", {}, barCount(bar))),
    el("progress.bar", { max: 100, value: show.percent(bar), "aria-label": label }));
}

/** @param {TaskCard} card */
function metrics(card) {
  const important = [...card.metrics].sort((a, b) => Number(b.kind === "val") - Number(a.kind === "val"));
  const more = card.metrics_count - SHOWN_METRICS;
  return el("div.metrics.cell-metrics", {}, ...important.slice(0, SHOWN_METRICS).map(({ kind, name, value }) =>
    metric(kind === "train" || kind === "val" ? kind : "other", name, value, `${kind}: ${name}`)),
  more > 0 && el("span.quiet", {}, `+${more}`));
}

/** @param {TaskCard} card */
function action(card) {
  if (show.isFinal(card.status)) {
    if (card.type === "deploy") {
      return el("a.button.small", { href: `/models/${card.model.id}/try`, "aria-label": `Try ${card.model.name}` }, "Try it");
    }
    return el("a.button.small", {
      href: `/tasks/new?task=${card.id}`, title: "Rerun with changes", "aria-label": `Rerun ${card.name} with changes`,
    }, "Rerun");
  }
  if (card.stop_requested) return null;
  return el("button.danger.small", { type: "button", onclick: () => stop(card), "aria-label": `Stop ${card.name}` }, "Stop");
}

/** @param {TaskCard} card */
const row = (card) => el("div.row", { id: `task-${card.id}` },
  el("div.name", {},
    el("div", {}, selected.box(card), el("span.number", {}, card.id), el("a", { href: `/tasks/${card.id}` }, card.name),
      ...card.tags.map((tag) => el("span.tag.own", { title: tag }, tag))),
    el("div.under", {}, `${kindText(card.type)} · ${inputsText(card)}`)),
  el("div.cell-status", {}, status(card.status)),
  el("div.cell-progress", {}, progress(card), el("p.pace", { "data-pace": card.id })),
  metrics(card),
  el("div.time.right", { "data-task": card.id }),
  el("div.right", {}, action(card)));

/** @param {TaskCard} card */
function stop(card) {
  const kept = card.type === "deploy" ? "Requests that wait are refused then." : "Checkpoints reported so far are kept.";
  if (!confirm(`Stop task ${card.id}, ${card.name}? ${kept}`)) return;
  attempt(async () => list.replace(await ask(`/api/tasks/${card.id}/stop`, { method: "POST" })));
}

/** @type {Selected} */
const selected = new Selected({
  noun: "task", shown: () => list.ids, refresh: () => list.refresh(),
  isArchive: () => new URLSearchParams(location.search).get("show") === "archived",
});

/** @type {Map<number, TaskCard>} */
let shown = new Map();

/** When a task will end, and how fast it goes; empty without a basis. @param {TaskCard} card */
const paceText = ({ pace }) => (isValid(pace) ? [leftText(pace), rateText(pace)].filter(Boolean).join(" · ") : "");

/** Durations, ages and what is left, as of now. */
function tick() {
  for (const cell of document.querySelectorAll(".pace[data-pace]")) {
    const card = shown.get(Number(cell.getAttribute("data-pace")));
    const said = card ? paceText(card) : "";
    if (cell.textContent !== said) cell.textContent = said;
  }
  for (const cell of document.querySelectorAll(".time[data-task]")) {
    const card = shown.get(Number(cell.getAttribute("data-task")));
    if (!card) continue;
    const ms = show.taskDuration(card);
    const said = `${ms === null ? "" : show.duration(ms)} ${show.ago(card.created_at)}`;
    if (cell.getAttribute("data-said") === said) continue; // a page at rest draws nothing
    cell.setAttribute("data-said", said);
    fill(cell, ms !== null && el("span", {}, show.duration(ms)),
      el("small", { title: show.dateTime(card.created_at) }, show.ago(card.created_at)));
  }
}

/** The number of tasks with one of these statuses, from the counts by status. @param {string[]} statuses */
const of = (statuses) => (/** @type {Record<string, number>} */ counts) =>
  statuses.reduce((all, status) => all + (counts[status] ?? 0), 0);

/**
 * @param {string} key
 * @param {string} title
 * @param {string[]} status
 */
const group = (key, title, status) => ({ key, title, query: { status }, count: of(status) });

/** @type {List<TaskCard, TasksPage["answer"]>} */
const list = new List({
  groups: [
    { key: "all", title: "All", query: {}, count: sum },
    group("running", "Running", UNDER_WAY),
    ...FINAL.map((status) => group(status, status === "error" ? "Failed" : show.capitalized(status), [status])),
    { key: "archived", title: "Archived", query: { archived: "true" }, count: (_, { archived }) => archived ?? 0 },
  ],
  sorts: [
    ["id", "Oldest first"], ["name", "Name"], ["status", "Status"], ["-started", "Started last"], ["-finished", "Ended last"],
    ["-duration", "Longest"], ["duration", "Shortest"],
  ],
  first: answer,
  limit,
  rows: $("rows"),
  box: $("list"),
  row,
  noun: "task",
  none: "Fill in the first one here, or submit it from a terminal; it appears as soon as it is queued.",
  summary: ({ counts }, chosen) => {
    if (chosen !== "all") return "";
    const running = of(UNDER_WAY)(counts);
    return running ? `${show.count(running)} running or waiting` : "";
  },
  address: "/api/tasks",
  live: { address: "stream", name: "cards" },
  onDraw: (items) => { shown = new Map(items.map((card) => [card.id, card])); tick(); selected.draw(); },
});
setInterval(tick, 1000);
