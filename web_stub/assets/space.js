// The use of the disk, measured when the page is opened and after something of the trash comes back or goes.

/** @import { Deletion, Space, TrashSpace } from "./types" */
/** @import { Child } from "./dom.js" */
import { ask, attempt, tell } from "./api.js";
import { $, dialog, el, fill } from "./dom.js";
import "./frame.js";
import { facts } from "./pieces.js";
import { barWidth, partsOf, summary } from "./pure/disk.js";
import * as show from "./pure/format.js";
import { showRefusal } from "./refused.js";

/** A line of a table. @typedef {{name: Child, under: string, size: number, action?: Child}} Row */

/**
 * @param {string} key of the table
 * @param {Row[]} rows
 * @param {string} none the text of an empty table
 * @param {number} [count] of all of them: the rows are the largest
 */
function table(key, rows, none, count = rows.length) {
  const largest = Math.max(0, ...rows.map((row) => row.size));
  fill($(key), ...rows.map(({ name, under, size, action }) => {
    const share = el("div.share", { "aria-hidden": "true" });
    share.style.width = `${barWidth(size, largest)}%`;
    return el("tr", {}, el("td", {}, name, el("span.under", {}, under), share), el("td.right", {}, show.bytes(size)),
      action && el("td.act", {}, action));
  }));
  $(`${key}-count`).textContent = count === 0 ? "" : rows.length < count
    ? `the largest ${show.count(rows.length)} of ${show.count(count)}` : show.count(count);
  $(`${key}-none`).hidden = rows.length > 0;
  $(`${key}-none`).textContent = none;
}

/**
 * @param {string} place
 * @param {number} id
 * @param {string} name
 */
const link = (place, id, name) => el("a", { href: `/${place}/${id}` }, name);

/** @param {Space} space */
function disk(space) {
  const parts = partsOf(space);
  const total = Math.max(1, parts.reduce((sum, { size }) => sum + size, 0));
  fill($("stack"), ...parts.filter(({ size }) => size > 0).map(({ key, size }) => {
    const part = el(`i.part-${key}`);
    part.style.width = `${(100 * size) / total}%`;
    return part;
  }));
  facts($("parts"), parts.map(({ key, title, size }) => [[el(`i.swatch.part-${key}`), title], show.bytes(size)]));
  $("summary").textContent = summary(space);
}

/** @param {Space} space */
function draw(space) {
  disk(space);
  table("tasks", space.tasks.map((one) => ({
    name: link("tasks", one.id, `${one.id} ${one.name}`),
    under: `${one.status}, folder ${show.bytes(one.folder_bytes)}, `
      + `${show.counted(one.models, "model")} ${show.bytes(one.models_bytes)}`
      + (one.logged_images ? `, ${show.counted(one.logged_images, "image")} ${show.bytes(one.logged_bytes)}` : ""),
    size: one.folder_bytes + one.models_bytes + one.logged_bytes,
  })), "No task has left anything.", space.tasks_count);
  table("models", space.models.map((one) => ({
    name: link("models", one.id, one.name),
    under: `${one.task_id === null ? "brought along" : `of task ${one.task_id}`}${one.pinned ? ", pinned" : ""}`,
    size: one.size_bytes,
  })), "No models yet.", space.models_count);
  table("projects", space.projects.map((one) => ({
    name: link("projects", one.id, one.name), under: show.counted(one.images_count, "image"), size: one.size_bytes,
  })), "No projects yet.", space.projects_count);
  table("images", (space.images?.items ?? []).map((one) => ({
    name: el("span.mono", {}, one.name), under: "layers that images share count in each", size: one.size_bytes,
  })), space.images ? `None, ${show.ago(space.images.seen_at)}.` : "No agent with a Docker engine has looked yet.");
  table("trash", space.trash.map((one) => ({
    name: ["task", "model"].includes(one.noun) ? link(`${one.noun}s`, one.id, one.name) : one.name,
    under: `${one.noun} ${one.id}, can be restored until ${show.dateTime(one.until)}`,
    size: one.size_bytes,
    action: el("div.acts", {}, el("button.button.small", {
      type: "button", "aria-label": `Restore ${one.name}`, onclick: () => attempt(() => restore(one)),
    }, "Restore"), el("button.danger.small", {
      type: "button", "aria-label": `Delete ${one.name} for good`, onclick: () => attempt(() => askForGood(one)),
    }, "Delete…")),
  })), "The trash is empty.");
  for (const id of ["disk", "tables"]) $(id).hidden = false;
}

/** @param {TrashSpace} thing */
async function restore({ noun, id }) {
  await ask(`/api/${noun}s/${id}/restore`, { method: "POST" });
  await measure();
}

/** @param {TrashSpace} thing */
async function askForGood(thing) {
  /** @type {Deletion} */
  const { sentence } = await ask(`/api/${thing.noun}s/deletion?ids=${thing.id}`);
  const box = dialog("for-good");
  $("for-good-title").textContent = `Delete ${thing.noun} ${thing.id} for good?`;
  $("for-good-text").textContent = sentence;
  box.returnValue = "";
  box.onclose = () => {
    if (box.returnValue === "delete") attempt(() => deleteForGood(thing));
  };
  box.showModal();
}

/** The server refuses what something needs by now, and says for what. @param {TrashSpace} thing */
async function deleteForGood({ noun, id, name }) {
  await ask(`/api/${noun}s/${id}?for_good=true`, { method: "DELETE" });
  tell(`${name} is deleted for good.`);
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
