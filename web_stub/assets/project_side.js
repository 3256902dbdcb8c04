// Beside a project's images: its facts, its classes and tags counted, predictions for it.

/** @import { ClassCount, ProjectPage, Statistics, TagCount } from "./types" */
/** @import { Child } from "./dom.js" */
import { $, el, fill, link } from "./dom.js";
import { facts, swatch } from "./pieces.js";
import { classColor } from "./pure/classes.js";
import * as show from "./pure/format.js";
import { leftOut, usesText } from "./pure/gallery.js";
import { at } from "./pure/site.js";

/** @typedef {(kind: "class" | "tag", value: string) => void} Choose */

/** @param {ProjectPage} first */
export function drawHead({ project, datasets, others }) {
  const { id, task_id: task, source } = project;
  /** @type {[string, Child][]} */
  const pairs = [
    ["Images", show.count(project.images_count)],
    ["Size", show.bytes(project.size_bytes)],
    ["Datasets", show.count(datasets.length)],
    ["Added", show.dateTime(project.created_at)],
  ];
  if (task !== null) pairs.push(["Made by", el("a", { href: `/tasks/${task}` }, `Task ${task}`)]);
  if (source) pairs.push(["Predictions for", el("a", { href: `/projects/${source.id}` }, source.name)]);
  facts($("facts"), pairs);
  const made = others.find((one) => one.role === "predictions");
  const [truth, result] = source ? [source.id, id] : [id, made?.id];
  if (result !== undefined && project.images_count > 0) {
    link("compare").hidden = false;
    link("compare").href = at(`/projects/${truth}/images?with=${result}`);
  }
}

/** @param {ProjectPage} first */
export function drawResults({ project: { id }, others }) {
  const results = others.filter((one) => one.role === "predictions");
  $("results-card").hidden = results.length === 0;
  $("results-count").textContent = show.count(results.length);
  fill($("results"), ...results.map((one) => el("div.result", {},
    el("a", { href: `/projects/${one.id}` }, one.name),
    el("a.button.small", {
      href: `/projects/${id}/images?with=${one.id}`, "aria-label": `Compare ${one.name} with the ground truth`,
    }, "Compare"))));
}

/**
 * @param {Statistics} counted
 * @param {Choose} choose
 */
export function drawStatistics(counted, choose) {
  const most = Math.max(...counted.classes.map((one) => one.area_share), 0);
  const rows = [...counted.classes].sort((a, b) => b.objects - a.objects).map((one) => classRow(one, most, choose));
  const notes = leftOut(counted);
  $("classes-count").textContent = `${show.count(counted.objects)} objects`;
  fill($("classes"), ...(rows.length ? [head(), ...rows] : [el("p.quiet", {}, "This project defines no classes.")]),
    notes !== "" && el("p.stat-note", {}, notes));
  $("tags-card").hidden = counted.tags.length === 0;
  $("tags-count").textContent = show.count(counted.tags.length);
  fill($("tags"), ...counted.tags.map((one) => tagRow(one, choose)));
}

const head = () => el("p.stat-head", { "aria-hidden": "true" }, el("span", {}, "Class"), el("span.stat-numbers", {},
  el("span", {}, "Objects"), el("span", {}, "Images"), el("span", { title: "Covered part of all pixels" }, "Area")));

/**
 * A row that chooses the images with its class or tag.
 * @param {"class" | "tag"} kind
 * @param {string} value
 * @param {Choose} choose
 * @param {Child[]} children
 */
const row = (kind, value, choose, ...children) => el("button.stat", {
  type: "button", "data-kind": kind, "data-value": value, "aria-pressed": "false",
  title: `Show only images with ${value}`, onclick: () => choose(kind, value),
}, ...children);

/**
 * @param {ClassCount} one
 * @param {number} most the largest share of the area
 * @param {Choose} choose
 */
function classRow(one, most, choose) {
  const bar = el("i");
  bar.style.width = `${most > 0 ? (100 * one.area_share) / most : 0}%`;
  bar.style.backgroundColor = classColor(one.title, one.color);
  return row("class", one.title, choose,
    el("span.stat-name", {}, swatch(one.title, one.color),
      el("span", {}, one.title || "(no class)"), el("small", {}, one.shape || "not in the meta")),
    el("span.stat-numbers", {},
      el("b", {}, show.count(one.objects)), el("b", {}, show.count(one.images)), el("b", {}, show.share(one.area_share))),
    el("span.share", { "aria-hidden": "true" }, bar));
}

/**
 * @param {TagCount} one
 * @param {Choose} choose
 */
const tagRow = (one, choose) => row("tag", one.name, choose,
  el("span.stat-name", {}, swatch(one.name, one.color), el("span", {}, one.name),
    one.value_type && one.value_type !== "none" && el("small", {}, one.value_type.replace(/_/g, " "))),
  el("span.stat-uses", {}, usesText(one)));
