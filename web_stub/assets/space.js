// What takes the space: measured when the page is opened, again after something was restored.

import { ask, attempt } from "./api.js";
import { $, el } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";
import { showRefusal } from "./refused.js";

const plural = (n, word) => `${show.count(n)} ${word}${n === 1 ? "" : "s"}`;

function row(name, under, size, largest, action = null) {
  const share = el("div.share", { "aria-hidden": "true" });
  share.style.width = `${largest ? Math.max(1, (100 * size) / largest) : 0}%`;
  return el("tr", {}, el("td", {}, name, el("span.under", {}, under), share), el("td.right", {}, show.bytes(size)), action && el("td.act", {}, action));
}

function fill(key, items, make, size, none) {
  const largest = Math.max(0, ...items.map(size));
  $(key).replaceChildren(...items.map((item) => make(item, size(item), largest)));
  $(`${key}-count`).textContent = items.length ? show.count(items.length) : "";
  $(`${key}-none`).hidden = items.length > 0;
  $(`${key}-none`).textContent = none;
}

function disk(space) {
  const used = space.disk_total_bytes - space.disk_free_bytes;
  const ours = space.blobs_bytes + space.folders_bytes + (space.store_bytes ?? 0);
  const parts = [
    ["models", "Models and images of projects", space.blobs_bytes],
    ["folders", "Task folders", space.folders_bytes],
    ["store", "Database", space.store_bytes ?? 0],
    ["other", "Other files", Math.max(0, used - ours)],
    ["free", "Free", space.disk_free_bytes],
  ];
  const total = Math.max(1, parts.reduce((sum, [, , size]) => sum + size, 0));
  $("stack").replaceChildren(...parts.filter(([, , size]) => size > 0).map(([key, , size]) => {
    const part = el(`i.part-${key}`);
    part.style.width = `${(100 * size) / total}%`;
    return part;
  }));
  $("parts").replaceChildren(...parts.map(([key, title, size]) => el("div", {}, el("dt", {}, el(`i.swatch.part-${key}`), title), el("dd", {}, show.bytes(size)))));
  $("summary").textContent = `${show.bytes(ours)} are ours, ${show.bytes(space.disk_free_bytes)} are free`
    + (space.unnamed_bytes ? `; ${show.bytes(space.unnamed_bytes)} of it nothing names, and the next agent retention collects it` : "");
}

function draw(space) {
  disk(space);
  fill("tasks", space.tasks, (one, size, largest) => row(
    el("a", { href: `/tasks/${one.id}` }, `${one.id} ${one.name}`),
    `${one.status}, folder ${show.bytes(one.folder_bytes)}, ${plural(one.models, "model")} ${show.bytes(one.models_bytes)}`, size, largest),
  (one) => one.folder_bytes + one.models_bytes, "No task has left anything.");
  fill("models", space.models, (one, size, largest) => row(
    el("a", { href: `/models/${one.id}` }, one.name), [one.task_id === null ? "brought along" : `of task ${one.task_id}`, one.pinned && "pinned"].filter(Boolean).join(", "), size, largest),
  (one) => one.size_bytes, "No models yet.");
  fill("projects", space.projects, (one, size, largest) => row(
    el("a", { href: `/projects/${one.id}` }, one.name), plural(one.images_count, "image"), size, largest),
  (one) => one.size_bytes, "No projects yet.");
  fill("images", space.images?.items ?? [], (one, size, largest) => row(el("span.mono", {}, one.name), "layers that images share count in each", size, largest),
    (one) => one.size_bytes, space.images ? `None, ${show.ago(space.images.seen_at)}.` : "No agent with a Docker engine has looked yet.");
  fill("trash", space.trash, (one, size, largest) => row(
    el("a", { href: `/models/${one.id}` }, one.name), `can be restored until ${show.dateTime(one.until)}`, size, largest,
    el("button.button.small", { type: "button", "aria-label": `Restore ${one.name}`, onclick: () => attempt(() => restore(one.id)) }, "Restore")),
  (one) => one.size_bytes, "The trash is empty.");
  for (const id of ["disk", "tables"]) $(id).hidden = false;
}

async function restore(id) {
  await ask(`/api/models/${id}/restore`, { method: "POST" });
  await measure();
}

async function measure() {
  try {
    draw(await ask("/api/space"));
  } catch (error) {
    $("summary").textContent = "";
    showRefusal("refused", error, "The space could not be measured");
  }
}

measure();
