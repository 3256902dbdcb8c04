// One model: what is in its tar, where it comes from, what was made of it.

import { ask } from "./api.js";
import { $, el, firstData, json } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";
import { keep } from "./keeping.js";

const { model, lineage } = firstData();

const link = (one) => el("a", { href: `/models/${one.id}` }, one.name);

/** A task between two models: its name, what it ran on, how it went. */
function task(card, verb) {
  return el("li.step", {}, el("div.what", {}, `${verb} `, el("a", { href: `/tasks/${card.id}` }, card.name), el(`span.status.is-${card.status}`, {}, card.status)),
    el("div.under", {}, `${card.plugin.name} on `, el("a", { href: `/projects/${card.project.id}` }, card.project.name)));
}

function children({ task: card, models }) {
  const best = models.find((one) => one.is_best)?.id; // newest first
  const isTraining = card.type === "train";
  return el("li.step", {},
    el("div.what", {}, isTraining ? "Training " : "Inference ", el("a", { href: `/tasks/${card.id}` }, card.name), el(`span.status.is-${card.status}`, {}, card.status)),
    el("div.under", {}, `${card.plugin.name} on ${card.project.name}`,
      card.result_project_id && el("span", {}, ", gave ", el("a", { href: `/projects/${card.result_project_id}` }, `project ${card.result_project_id}`))),
    models.length > 0 && el("div.made", {}, ...models.map((one) => el("a.tag.made-one", { href: `/models/${one.id}`, title: one.name }, one.checkpoint_index ?? one.name, one.id === best ? " · best" : ""))));
}

function line() {
  const out = lineage.ancestors.map((one) => el("li.node", {}, link(one), el("div.under", {}, one.task_id === null ? "Brought along" : `Checkpoint ${one.checkpoint_index} of task ${one.task_id}`)));
  if (lineage.made_by) out.push(task(lineage.made_by, "Trained by"));
  const made = model.provenance.task_id === null ? "Brought along" : `Checkpoint ${model.provenance.checkpoint_index ?? "?"} of task ${model.provenance.task_id}`;
  const metrics = Object.entries(model.provenance.optional?.val_metrics ?? {}).filter(([, value]) => typeof value === "number");
  out.push(el("li.node.this", { "aria-current": "true" }, el("strong", {}, model.name),
    el("div.under", {}, [made, ...metrics.map(([name, value]) => `${name}\u00a0${show.number(value)}`)].join(" · "))));
  out.push(...(lineage.used_by.length ? lineage.used_by.map(children) : [el("li.step.quiet", {}, "No task has started from it yet.")]));
  $("lineage").replaceChildren(...out);
}

async function files() {
  try {
    const { items, count, size_bytes: size } = await ask(`/api/models/${model.id}/files`);
    $("files-count").textContent = count ? `${show.count(count)} file${count === 1 ? "" : "s"}, ${show.bytes(size)}` : "";
    $("files").replaceChildren(count
      ? el("table", {}, el("tbody", {}, ...items.map((file) => el("tr", {}, el("td.mono", {}, file.name), el("td.right", {}, show.bytes(file.size_bytes))))))
      : el("p.quiet", {}, "No files: plugins start from random weights, if they can."));
    if (count > items.length) $("files").append(el("p.quiet", {}, `and ${show.count(count - items.length)} more`));
  } catch (error) {
    $("files").replaceChildren(el("p.quiet", {}, error.message));
  }
}

$("size").textContent = show.bytes(model.size_bytes);
$("created").textContent = show.dateTime(model.created_at);
$("config").replaceChildren(model.config ? json(model.config) : el("span.quiet", {}, "The tar has none."));
if (model.provenance.train_config) $("train-config").replaceChildren(json(model.provenance.train_config));
keep(model);
line();
files();
