// The list of models: new models appear, and the server searches all models.

/** @import { Model, ModelsPage } from "./types" */
import { $, el, firstData } from "./dom.js";
import "./frame.js";
import { List } from "./list.js";
import { metric } from "./pieces.js";
import * as show from "./pure/format.js";
import { sum } from "./pure/list_state.js";
import { valMetrics } from "./pure/provenance.js";
import { Selected } from "./selected.js";

const SHOWN_METRICS = 3;

/** @type {ModelsPage} */
const { answer, limit } = firstData();

/** Where a model comes from, with a link. @param {Model} model */
function origin({ provenance: { task_id: task, checkpoint_index: index } }) {
  if (task === null) return el("span.quiet", {}, "Brought along");
  const checkpoint = index === null ? "" : `Checkpoint ${index} of `;
  return el("span", {}, checkpoint, el("a", { href: `/tasks/${task}` }, `task ${task}`));
}

/** @param {Model} model */
function actions({ id, name, only_train: isTrainOnly, download }) {
  const next = (/** @type {string} */ type) => `/tasks/new?type=${type}&model=${id}`;
  return el("div.row-actions", {},
    el("a.button.small", { href: next("train"), "aria-label": `Train from ${name}` }, "Train"),
    isTrainOnly
      ? el("span.button.small.off", { title: "For transfer learning only" }, "Infer")
      : el("a.button.small", { href: next("inference"), "aria-label": `Infer with ${name}` }, "Infer"),
    el("a.button.small", { href: download, download: true, "aria-label": `Download ${name}` }, "Download"));
}

/**
 * @param {Model} model
 * @param {string} mark "best" for the best one of its task
 */
const row = (model, mark) => el("div.row", {},
  el("div.name", {},
    el("div", {}, selected.box(model), el("span.number", {}, model.id), el("a", { href: `/models/${model.id}` }, model.name),
      mark === "best" && el("span.tag.best", {}, "best"),
      model.only_train && el("span.tag.only-train", {}, "transfer learning only"),
      ...model.tags.map((tag) => el("span.tag.own", { title: tag }, tag))),
    el("div.under", {}, model.provenance.plugin_image ?? "plugin not known")),
  el("div.from", {}, origin(model), el("small", { title: show.dateTime(model.created_at) }, show.ago(model.created_at))),
  el("div.metrics", {}, ...valMetrics(model.provenance.optional).slice(0, SHOWN_METRICS)
    .map(([name, value]) => metric("val", name, value))),
  el("div.right.time", {}, show.bytes(model.size_bytes)),
  actions(model));

/** @type {Selected} */
const selected = new Selected({ noun: "model", shown: () => list.ids, refresh: () => list.refresh() });

/** @type {List<Model, ModelsPage["answer"]>} */
const list = new List({
  groups: [
    { key: "all", title: "All", query: {}, count: sum },
    { key: "trained", title: "Trained here", query: { origin: "made" }, count: ({ made }) => made },
    { key: "uploaded", title: "Brought along", query: { origin: "brought" }, count: ({ brought }) => brought },
  ],
  sorts: [["name", "Name"], ["-size", "Largest"], ["-task", "Task"], ["id", "Oldest first"]],
  first: answer,
  limit,
  rows: $("rows"),
  box: $("list"),
  row,
  marks: (/** @type {ModelsPage["answer"]} */ { best }) => {
    const isBest = new Set(best);
    return ({ id }) => (isBest.has(id) ? "best" : "");
  },
  noun: "model",
  none: "Upload a model state, or train one: every checkpoint of a training becomes a model here.",
  address: "/api/models",
  live: { address: "models/stream", name: "models" },
  onDraw: () => selected.draw(),
});
