// One model: the files in its tar, its origin, the tasks that started from it, how good its predictions were.

/** @import { LineageTask, ModelFile, ModelFiles, ModelPage, Ref, TaskCard } from "./types" */
/** @import { Child } from "./dom.js" */
import { ask, attempt, sentenceOf } from "./api.js";
import { care } from "./care.js";
import { $, el, fill, firstData, json } from "./dom.js";
import { drawEvaluations } from "./evaluation/cards.js";
import "./frame.js";
import { keep } from "./keeping.js";
import { status } from "./pieces.js";
import * as show from "./pure/format.js";
import { kindText } from "./pure/kinds.js";
import { metricTexts, originText, valMetrics } from "./pure/provenance.js";

/** @type {ModelPage} */
const { model, lineage } = firstData();

/**
 * @param {string} place
 * @param {Ref} to
 */
const link = (place, to) => el("a", { href: `/${place}/${to.id}` }, to.name);

/** A task between two models: its name, how it went. @param {string} verb @param {TaskCard} card */
const what = (verb, card) => el("div.what", {}, `${verb} `, link("tasks", card), status(card.status));

/** @param {Child[]} children */
const under = (...children) => el("div.under", {}, ...children);

/** The task that made the model. @param {TaskCard} card */
const maker = (card) => el("li.step", {}, what("Trained by", card),
  under(card.plugin.name, card.project && el("span", {}, " on ", link("projects", card.project))));

/** A task that started from the model, and the models it made. @param {LineageTask} use */
function user({ task: card, models, models_count: count }) {
  const best = models.find((one) => one.is_best); // newest first
  const result = card.result_project_id;
  return el("li.step", {},
    what(kindText(card.type), card),
    under(card.project ? `${card.plugin.name} on ${card.project.name}` : card.plugin.name,
      result && el("span", {}, ", gave ", el("a", { href: `/projects/${result}` }, `project ${result}`))),
    models.length > 0 && el("div.made", {}, ...models.map((one) =>
      el("a.tag.made-one", { href: `/models/${one.id}`, title: one.name },
        one.checkpoint_index ?? one.name, one === best && " · best")),
      count > models.length && el("span.quiet", {}, `the newest ${models.length} of ${show.count(count)}`)));
}

function line() {
  const { ancestors, made_by: made, used_by: users, used_by_count: count } = lineage;
  const { task_id: task, checkpoint_index: index, optional } = model.provenance;
  const facts = [originText(task, index), ...metricTexts(valMetrics(optional))];
  fill($("lineage"),
    ...ancestors.map((one) =>
      el("li.node", {}, link("models", one), under(originText(one.task_id, one.checkpoint_index)))),
    made && maker(made),
    el("li.node.this", { "aria-current": "true" }, el("strong", {}, model.name), under(facts.join(" · "))),
    ...(users.length ? users.map(user) : [el("li.step.quiet", {}, "No task has started from it yet.")]),
    count > users.length && el("li.step.quiet", {}, `The newest ${users.length} of ${show.counted(count, "task")} that start from it`));
}

/** @param {ModelFile} file */
const fileRow = (file) => el("tr", {}, el("td.mono", {}, file.name), el("td.right", {}, show.bytes(file.size_bytes)));

async function files() {
  try {
    /** @type {ModelFiles} */
    const { items, count, size_bytes: size } = await ask(`/api/models/${model.id}/files`);
    $("files-count").textContent = count ? `${show.counted(count, "file")}, ${show.bytes(size)}` : "";
    fill($("files"), count
      ? el("table", {}, el("tbody", {}, ...items.map(fileRow)))
      : el("p.quiet", {}, "No files: plugins start from random weights, if they can."),
    count > items.length && el("p.quiet", {}, `and ${show.count(count - items.length)} more`));
  } catch (error) {
    fill($("files"), el("p.quiet", {}, sentenceOf(error)));
  }
}

$("size").textContent = show.bytes(model.size_bytes);
$("created").textContent = show.dateTime(model.created_at);
fill($("config"), model.config ? json(model.config) : el("span.quiet", {}, "The tar has none."));
if (model.provenance.train_config) fill($("train-config"), json(model.provenance.train_config));
keep(model);
care("model", model);
line();
attempt(() => drawEvaluations("model", model.id));
files();
