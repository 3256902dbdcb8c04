// The task list: cards that stay current.

import { ask, attempt } from "./api.js";
import { $, el, firstData } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";
import { listen } from "./live.js";

const GROUPS = [
  ["all", "All", () => true],
  ["running", "Running", (s) => !show.isFinal(s)],
  ["finished", "Finished", (s) => s === "finished"],
  ["error", "Failed", (s) => s === "error"],
  ["stopped", "Stopped", (s) => s === "stopped"],
];
const SHOWN_METRICS = 4;

const first = firstData();
const cards = new Map(first.cards.map((card) => [card.id, card]));
let live = first.cards.map((card) => card.id); // what the stream watches; older ones are loaded on request
const rows = new Map();
let group = new URLSearchParams(location.search).get("show") ?? "all";
let words = "";
let cursor = first.cards.length >= first.limit ? first.cards.at(-1).id : null;

function matches(card) {
  const inGroup = (GROUPS.find(([key]) => key === group) ?? GROUPS[0])[2](card.status);
  const text = `${card.id} ${card.name} ${card.plugin.name} ${card.project.name} ${card.model.name}`.toLowerCase();
  return inGroup && words.split(/\s+/).every((word) => text.includes(word));
}

function metric({ kind, name, value }) {
  const tone = kind === "train" || kind === "val" ? kind : "other";
  return el(`span.metric.k-${tone}`, { title: `${kind}: ${name}` }, el("i.dot"), el("span", {}, name), el("b", {}, show.number(value)));
}

function progress(card) {
  if (card.status === "error" || (card.message && show.isFinal(card.status) && card.status !== "finished")) {
    return el(`p.why.tone.is-${card.status}`, { title: card.message ?? "" }, card.message ?? card.reason ?? "");
  }
  const bar = card.progress;
  if (!bar) return el("span.quiet", {}, card.status === "queued" ? "Waiting for an agent" : card.step === "NOTHING" ? "Preparing" : "");
  const label = bar.subtask.trim().replace(/:$/, "");
  return el(`div.progress.tone.is-${card.status}`, {},
    el("div.text", {}, el("span", {}, label), el("span", {}, `${show.count(bar.current)} / ${show.count(bar.total)}`)),
    el("progress.bar", { max: 100, value: show.percent(bar), "aria-label": label }));
}

function row(card) {
  const important = [...card.metrics].sort((a, b) => (b.kind === "val") - (a.kind === "val"));
  return el("div.row", { id: `task-${card.id}` },
    el("div.name", {},
      el("div", {}, el("span.number", {}, card.id), el("a", { href: `/tasks/${card.id}` }, card.name)),
      el("div.under", {}, `${card.type === "train" ? "Training" : "Inference"} · ${card.plugin.name} · ${card.project.name}`)),
    el("div.cell-status", {}, el(`span.status.is-${card.status}`, {}, card.status)),
    el("div.cell-progress", {}, progress(card)),
    el("div.metrics.cell-metrics", {}, ...important.slice(0, SHOWN_METRICS).map(metric),
      important.length > SHOWN_METRICS && el("span.quiet", {}, `+${important.length - SHOWN_METRICS}`)),
    el("div.time.right", { "data-task": card.id }),
    el("div.right", {}, show.isFinal(card.status)
      ? el("a.button.small", { href: `/tasks/new?task=${card.id}`, title: "Rerun with changes", "aria-label": `Rerun ${card.name} with changes` }, "Rerun")
      : !card.stop_requested && el("button.danger.small", { type: "button", onclick: () => stop(card), "aria-label": `Stop ${card.name}` }, "Stop")));
}

function stop(card) {
  if (!confirm(`Stop task ${card.id}, ${card.name}? Checkpoints reported so far are kept.`)) return;
  attempt(async () => update([await ask(`/api/tasks/${card.id}/stop`, { method: "POST" })]));
}

function tick() {
  for (const cell of document.querySelectorAll(".time[data-task]")) {
    const card = cards.get(Number(cell.dataset.task));
    const ms = show.taskDuration(card);
    cell.replaceChildren(...(ms === null ? [] : [el("span", {}, show.duration(ms))]), el("small", { title: show.dateTime(card.created_at) }, show.ago(card.created_at)));
  }
}

function draw() {
  const all = [...cards.values()].sort((a, b) => b.id - a.id);
  const wanted = all.filter(matches);
  $("rows").replaceChildren(...wanted.map((card) => {
    if (!rows.has(card.id)) rows.set(card.id, row(card));
    return rows.get(card.id);
  }));
  $("chips").replaceChildren(...GROUPS.map(([key, title, test]) => el("button.chip", {
    type: "button",
    "aria-pressed": String(key === group),
    onclick: () => { group = key; draw(); $("chips").querySelector("[aria-pressed=true]").focus(); },
  }, title, " ", el("b", {}, all.filter((card) => test(card.status)).length))));
  const running = all.filter((card) => !show.isFinal(card.status)).length;
  $("summary").textContent = running ? `${running} running or waiting` : "";
  $("list").hidden = wanted.length === 0;
  $("none").hidden = wanted.length > 0;
  $("none-title").textContent = all.length ? "No task matches" : "No tasks yet";
  $("none-text").textContent = all.length ? "Choose another group or search for less." : "Fill in the first one here, or submit it from a terminal; it appears as soon as it is queued.";
  $("none-command").hidden = $("none-action").hidden = all.length > 0;
  $("more").hidden = cursor === null;
  tick();
}

function update(changed, isNew = false) {
  for (const card of changed) {
    const known = cards.has(card.id);
    cards.set(card.id, card);
    rows.delete(card.id);
    if (isNew && !known) {
      rows.set(card.id, row(card));
      rows.get(card.id).classList.add("fresh");
    }
  }
  draw();
}

$("search").addEventListener("input", (event) => { words = event.target.value.trim().toLowerCase(); draw(); });
$("more").addEventListener("click", () => attempt(async () => {
  const page = await ask(`/api/tasks?limit=${first.limit}&cursor=${cursor}`);
  cursor = page.next;
  update(page.items);
}));
setInterval(tick, 1000);
draw();
listen(() => `/api/stream?limit=${first.limit}`, null, {
  cards: ({ cards: changed, ids }) => {
    for (const gone of live.filter((id) => !ids.includes(id) && id > Math.min(...ids))) cards.delete(gone);
    live = ids;
    update(changed, true);
  },
});
