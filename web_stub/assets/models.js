// The list of models: new ones appear, a search looks through all of them.

import { ask, attempt } from "./api.js";
import { $, el, firstData } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";
import { listen } from "./live.js";
import { bestOfTasks, origin } from "./origin.js";

const GROUPS = [
  ["all", "All", () => true],
  ["trained", "Trained here", (model) => model.provenance.task_id !== null],
  ["uploaded", "Brought along", (model) => model.provenance.task_id === null],
];
const SHOWN_METRICS = 3;

const first = firstData();
const models = new Map(first.models.map((model) => [model.id, model]));
const rows = new Map();
let found = null; // what a search gave; null: no search
let group = "all";
let words = "";
let cursor = first.models.length >= first.limit ? first.models.at(-1).id : null;
let foundCursor = null;

function metrics(model) {
  const all = Object.entries(model.provenance.optional?.val_metrics ?? {}).filter(([, value]) => typeof value === "number");
  return el("div.metrics", {}, ...all.slice(0, SHOWN_METRICS).map(([name, value]) => el("span.metric.k-val", {}, el("i.dot"), el("span", {}, name), el("b", {}, show.number(value)))));
}

function row(model, isBest) {
  return el("div.row", { "data-best": String(isBest) },
    el("div.name", {},
      el("div", {}, el("span.number", {}, model.id), el("a", { href: `/models/${model.id}` }, model.name),
        isBest && el("span.tag.best", {}, "best"), model.only_train && el("span.tag.only-train", {}, "transfer learning only")),
      el("div.under", {}, model.provenance.plugin_image ?? "plugin not known")),
    el("div.from", {}, origin(model), el("small", { title: show.dateTime(model.created_at) }, show.ago(model.created_at))),
    metrics(model),
    el("div.right.time", {}, show.bytes(model.size_bytes)),
    el("div.row-actions", {},
      el("a.button.small", { href: `/tasks/new?type=train&model=${model.id}`, "aria-label": `Train from ${model.name}` }, "Train"),
      model.only_train
        ? el("span.button.small.off", { title: "For transfer learning only" }, "Infer")
        : el("a.button.small", { href: `/tasks/new?type=inference&model=${model.id}`, "aria-label": `Use ${model.name} for inference` }, "Infer"),
      el("a.button.small", { href: model.download, download: true, "aria-label": `Download ${model.name}` }, "Download")));
}

function draw() {
  const all = found ?? [...models.values()].sort((a, b) => b.id - a.id);
  const best = bestOfTasks(models.values());
  const wanted = all.filter((GROUPS.find(([key]) => key === group))[2]);
  $("rows").replaceChildren(...wanted.map((model) => {
    const fits = rows.get(model.id)?.dataset.best === String(best.has(model.id));
    if (!fits) rows.set(model.id, row(model, best.has(model.id)));
    return rows.get(model.id);
  }));
  $("chips").replaceChildren(...GROUPS.map(([key, title, test]) => el("button.chip", {
    type: "button",
    "aria-pressed": String(key === group),
    onclick: () => { group = key; draw(); $("chips").querySelector("[aria-pressed=true]").focus(); },
  }, title, " ", el("b", {}, all.filter(test).length))));
  const more = found ? foundCursor : cursor;
  $("summary").textContent = more ? `the newest ${show.count(all.length)}` : "";
  $("list").hidden = wanted.length === 0;
  $("none").hidden = wanted.length > 0;
  $("none-title").textContent = models.size ? "No model matches" : "No models yet";
  $("none-text").textContent = models.size ? "Choose another group or search for less." : "Upload a model state, or train one: every checkpoint of a training becomes a model here.";
  $("none-action").hidden = models.size > 0;
  $("more").hidden = more === null;
}

async function search() {
  const asked = words;
  const page = asked ? await ask(`/api/models?${new URLSearchParams({ text: asked, limit: first.limit })}`) : { items: null, next: null };
  if (asked !== words) return;
  found = page.items;
  foundCursor = page.next;
  draw();
}

let timer;
$("search").addEventListener("input", (event) => {
  words = event.target.value.trim();
  clearTimeout(timer);
  timer = setTimeout(() => attempt(search), 200);
});
$("more").addEventListener("click", () => attempt(async () => {
  const query = new URLSearchParams({ limit: first.limit, cursor: found ? foundCursor : cursor });
  if (found) query.set("text", words);
  const page = await ask(`/api/models?${query}`);
  if (found) {
    found = [...found, ...page.items];
    foundCursor = page.next;
  } else {
    for (const model of page.items) models.set(model.id, model);
    cursor = page.next;
  }
  draw();
}));
draw();
listen(() => `/api/models/stream?limit=${first.limit}`, null, {
  models: ({ models: changed }) => {
    const fresh = changed.filter((model) => !models.has(model.id));
    for (const model of changed) {
      models.set(model.id, model);
      rows.delete(model.id);
    }
    if (words) attempt(search);
    else draw();
    for (const model of fresh) rows.get(model.id)?.classList.add("fresh");
  },
});
