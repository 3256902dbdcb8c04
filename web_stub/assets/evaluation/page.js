// The page of an evaluation: what its address names is asked of the server and drawn; while it is computed, how far it is.

/** @import { Evaluation, EvaluationCard, EvaluationFigures, EvaluationList, SliceName } from "../types" */
/** @import { Figures } from "../pure/evaluation/figures.js" */
/** @import { Chosen } from "../pure/evaluation/state.js" */
/** @import { View } from "./parts.js" */
import { Address } from "../address.js";
import { ask, attempt } from "../api.js";
import { $, button, el, fill, firstData, input, select, valueOf } from "../dom.js";
import "../frame.js";
import { facts, status } from "../pieces.js";
import { spanOf } from "../pure/evaluation/plot.js";
import { nameOf, sectionOf, sectionsOf } from "../pure/evaluation/figures.js";
import {
  DEFAULTS, figuresQuery, isSliced, NO_CHOICE, OBJECT_SIZES, othersOf, OVERLAPS, SIZES, WHOLE,
} from "../pure/evaluation/state.js";
import { at } from "../pure/site.js";
import * as show from "../pure/format.js";
import { newestOnly } from "../pure/newest.js";
import { Gallery } from "./gallery.js";
import { drawClasses, drawErrors, drawHeadline } from "./parts.js";
import { drawCurves, drawMatrix } from "./plots.js";
import { usedLink } from "./used.js";

const AGAIN_MS = 1000; // one that is computed is asked for again
const GALLERY = /** @type {const} */ (["kind", "truth", "predicted", "bar", "by", "of", "list"]); // changes that lead to images

/** @type {{id: number}} */
const { id } = firstData();
/** @type {Evaluation | null} */
let evaluation = null;
/** @type {Gallery | null} */
let gallery = null;
/** Figures by the id of their evaluation, as they were answered last. @type {Map<number, Figures>} */
const answered = new Map();
/** Curves by evaluation, section and slice: they do not depend on the confidence. @type {Map<string, any>} */
const curves = new Map();
/** Evaluations beside this one. @type {Evaluation[]} */
let others = [];
let timer = 0;

const address = new Address(DEFAULTS, () => attempt(refresh));

/** @param {Partial<Chosen>} changes */
function choose(changes) {
  const isStep = GALLERY.some((name) => name in changes && changes[name] !== address.values[name]);
  address.set(changes, { isStep });
  attempt(refresh);
  if (isStep && !("list" in changes && Object.keys(changes).length === 1)) $("images-card").scrollIntoView({ block: "nearest" });
}

/** Ask for what the address names, and draw it; of changes that come meanwhile only the newest is asked for. */
const refresh = newestOnly(async () => {
  if (evaluation?.status !== "done") return;
  const chosen = address.values;
  await findOthers(chosen);
  await Promise.all([evaluation, ...others].map((one) => figuresOf(one, chosen)));
  draw();
});

/** @param {Chosen} chosen */
async function findOthers(chosen) {
  const wanted = othersOf(chosen, id);
  if (wanted.join() === others.map((one) => one.id).join()) return;
  /** @type {Evaluation[]} */
  const found = await Promise.all(wanted.map((one) => ask(`/api/evaluations/${one}`)));
  others = found.filter((one) => one.status === "done");
}

/** @param {Evaluation} one @param {Chosen} chosen */
async function figuresOf(one, chosen) {
  const isWhole = one.figures && !isSliced(chosen) && chosen.confidence === "" && chosen.iou === DEFAULTS.iou;
  const key = `${one.id}?${figuresQuery({ ...chosen, confidence: "" }, true)}`;
  /** @type {Figures} */
  let found = one.figures ?? {};
  if (!isWhole) {
    /** @type {EvaluationFigures} */
    const answer = await ask(`/api/evaluations/${one.id}/figures?${figuresQuery(chosen, !curves.has(key))}`);
    found = answer.figures;
  }
  const sections = sectionsOf(found);
  if (!curves.has(key)) curves.set(key, Object.fromEntries(sections.map(({ name, section }) => [name, section.curves])));
  for (const { name, section } of sections) section.curves ??= curves.get(key)[name];
  answered.set(one.id, found);
}

function draw() {
  const figures = answered.get(id) ?? null;
  const chosen = address.values;
  const shown = sectionOf(figures, chosen.section);
  $("parts").hidden = shown === null;
  if (!shown || !evaluation || !figures) return;
  const { section, name } = shown;
  /** @type {View} */
  const view = {
    id, chosen, section, choose,
    others: others.map((one) => ({
      id: one.id, name: nameOf(one), section: sectionOf(answered.get(one.id) ?? null, name)?.section ?? null,
    })),
    classes: new Map(evaluation.classes.map((one) => [one.title, one])),
  };
  drawControls(view, name, figures);
  drawHeadline(view);
  drawClasses(view);
  drawErrors(view);
  drawCurves(view, { confidence: section.headline.confidence ?? null, focus: chosen.of });
  drawMatrix(view, name);
  gallery ??= new Gallery(evaluation);
  attempt(async () => gallery?.show(view, name));
}

/** @param {View} view @param {string} name of the section @param {Figures} figures */
function drawControls({ section, chosen }, name, figures) {
  const sections = sectionsOf(figures);
  $("sections").hidden = sections.length < 2;
  if (!$("sections").childElementCount) {
    fill($("sections"), ...sections.map((one) => el("label", {},
      el("input", { type: "radio", name: "section", value: one.name, autocomplete: "off" }), el("span", {}, one.title))));
  }
  for (const radio of $("sections").querySelectorAll("input")) radio.checked = radio.value === name;
  const { confidence } = section.headline;
  const range = section.curves?.confidences;
  const hasConfidence = typeof confidence === "number" && Boolean(range);
  if (range) [input("confidence").min, input("confidence").max] = spanOf(range);
  for (const part of ["confidence-box", "best"]) $(part).hidden = !hasConfidence;
  $("iou-box").hidden = typeof section.headline.iou !== "number";
  if (typeof confidence === "number" && document.activeElement !== input("confidence")) input("confidence").value = String(confidence);
  $("confidence-value").textContent = typeof confidence === "number" ? confidence.toFixed(2) : "";
  button("best").disabled = chosen.confidence === "";
  for (const one of ["iou", "dataset", "tag", "only", "size", "object", "with"]) {
    select(one).value = chosen[/** @type {keyof Chosen} */ (one)];
  }
  $("whole").hidden = !isSliced(chosen);
  const { images } = figures;
  $("judged").textContent = show.counted(Number(images), "image");
}

/** @param {string} id @param {[value: string, title: string][]} options */
const offer = (id, options) => fill(select(id), ...options.map(([value, title]) => el("option", { value }, title)));

/** What may be chosen, once the evaluation is there. @param {Evaluation} whole */
async function offerAll(whole) {
  const counted = (/** @type {SliceName[]} */ names) => names.map(({ name, images }) =>
    /** @type {[string, string]} */ ([name, `${name} (${show.count(images)})`]));
  offer("iou", OVERLAPS.map((value) => [value, value]));
  offer("dataset", [["", "all"], ...counted(whole.datasets)]);
  offer("tag", [["", "any"], ...counted(whole.tags)]);
  offer("only", [["", "any class"], ...whole.classes.map(({ title }) => /** @type {[string, string]} */ ([title, title]))]);
  offer("size", [["", "any"], ...SIZES.map(([key, title]) => /** @type {[string, string]} */ ([key, title]))]);
  offer("object", [["", "any size"], ...OBJECT_SIZES]);
  $("object-box").hidden = whole.figures?.detection === undefined;
  $("dataset-box").hidden = whole.datasets.length < 2;
  $("tag-box").hidden = whole.tags.length === 0;
  /** @type {EvaluationList} */
  const list = await ask(`/api/evaluations?project=${whole.truth.id}&limit=100`);
  const beside = list.items.filter((one) => one.id !== id && one.status === "done" && one.truth.id === whole.truth.id);
  $("with-box").hidden = beside.length === 0 && address.values.with === "";
  const known = beside.map((one) => /** @type {[string, string]} */ ([String(one.id), `${one.id}: ${nameOf(one)}`]));
  const named = address.values.with;
  const more = named.includes(",") ? [/** @type {[string, string]} */ ([named, named])] : [];
  offer("with", [["", "nothing"], ...known, ...more]);
  select("with").value = address.values.with;
}

function listen() {
  input("confidence").addEventListener("input", () => choose({ confidence: input("confidence").value }));
  button("best").addEventListener("click", () => choose({ confidence: "" }));
  $("sections").addEventListener("change", (event) => choose({ ...NO_CHOICE, section: valueOf(event) }));
  for (const name of ["iou", "dataset", "tag", "only", "size", "object", "with", "by", "of", "order"]) {
    select(name).addEventListener("change", () => choose({ [name]: select(name).value }));
  }
  button("whole").addEventListener("click", () => choose(WHOLE));
  input("details").addEventListener("change", draw);
  $("lists").addEventListener("click", (event) => {
    const chosen = /** @type {Element} */ (event.target).closest("button");
    if (chosen) choose({ list: chosen.value });
  });
  button("again").addEventListener("click", () => attempt(again));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) attempt(follow); });
}

/** Queue one that failed anew. */
async function again() {
  if (!evaluation) return;
  const asked = { ...evaluation.asked, truth: evaluation.truth.id, predictions: evaluation.predictions.id };
  /** @type {Evaluation} */
  const found = await ask("/api/evaluations", { method: "POST", text: JSON.stringify(asked) });
  if (found.id === id) take(found);
  else location.assign(at(`/evaluations/${found.id}`)); // of a project that was changed
}

/** Ask how far it is while it is looked at. */
async function follow() {
  clearTimeout(timer);
  if (document.hidden || (evaluation && evaluation.status !== "queued" && evaluation.status !== "running")) return;
  take(await ask(`/api/evaluations/${id}`));
}

/** @param {Evaluation} found */
function take(found) {
  const isFirst = evaluation?.status !== "done" && found.status === "done";
  evaluation = found;
  drawHead(found);
  clearTimeout(timer);
  if (found.status === "queued" || found.status === "running") timer = setTimeout(() => attempt(follow), AGAIN_MS);
  if (isFirst) attempt(() => Promise.all([offerAll(found), refresh()]));
}

/** @param {Evaluation} found */
function drawHead(found) {
  const { truth, predictions, model, task_id: task, images_total: total, images_done: done, started_at: start, finished_at: end } = found;
  document.title = `${nameOf(found)} · Supervisely local`;
  $("name").textContent = nameOf(found);
  fill($("state"), status(found.status));
  facts($("facts"), [
    ["Ground truth", usedLink("projects", truth)],
    ["Predictions", usedLink("projects", predictions)],
    ["Model", model ? usedLink("models", model) : "–"],
    ["Inference", task === null ? "–" : el("a", { href: `/tasks/${task}` }, `Task ${task}`)],
    ["Images", show.count(total)],
    ["Evaluated", end ? show.dateTime(end) : "not yet"],
    ["Took", start && end ? show.duration(Date.parse(end) - Date.parse(start)) : "–"],
  ]);
  const isUnderWay = found.status === "queued" || found.status === "running";
  $("under-way").hidden = !isUnderWay;
  $("under-way-text").textContent = progressText(found);
  $("under-way-bar", HTMLProgressElement).value = total ? done / total : 0;
  $("failed").hidden = found.status !== "error";
  $("failed-reason").textContent = found.reason ?? "";
  $("exports").hidden = found.status !== "done";
  const outdated = found.is_outdated ? ["A project was changed since. These figures are of how it was."] : [];
  const remarks = [...outdated, ...found.remarks];
  $("remarks").hidden = remarks.length === 0;
  fill($("remarks"), ...remarks.map((remark) => el("li", {}, remark)));
}

/** @param {EvaluationCard} card */
function progressText({ status: state, images_done: done, images_total: total }) {
  if (state === "queued") return "In the queue: an agent evaluates it (agent up, agent run).";
  return total ? `${show.count(done)} of ${show.counted(total, "image")} evaluated` : "Reading the projects";
}

listen();
attempt(follow);
