// Beside the image: its classes, its objects, its facts.

/** @import { ProjectDetail } from "./types" */
/** @import { Label } from "./labels.js" */
/** @import { Comparison } from "./pure/comparison.js" */
/** @import { Overlap } from "./pure/overlap.js" */
/** @import { Stage } from "./stage.js" */
/** @import { Shown } from "./viewer_image.js" */
import { $, el, fill, link } from "./dom.js";
import { swatch } from "./pieces.js";
import { asList, tagText } from "./pure/classes.js";
import { labelText, overlapText } from "./pure/comparison.js";
import * as show from "./pure/format.js";
import { at } from "./pure/site.js";

const SHOWN_OBJECTS = 400; // of each side
const OVERLAP = "Part of the pixels with this class, in either, that has it in both (IoU)";

/** Rows of the list of objects, by their label. @type {WeakMap<Label, HTMLElement>} */
const rows = new WeakMap();

/**
 * @param {Comparison} comparison
 * @param {Shown} shown
 * @param {{hidden: Set<string>, overlap?: Map<string, Overlap>, toggle: (title: string, isOn: boolean) => void}} view
 *   classes with `hidden` titles are not drawn; `overlap` by title
 */
export function drawClasses(comparison, shown, { hidden, overlap, toggle }) {
  const isCompared = comparison.other !== null;
  const { left, right } = comparison.sides(shown.labels, shown.otherLabels ?? []);
  const counts = comparison.counts(left.labels, isCompared ? right.labels : []);
  const numbers = (/** @type {{title: string, left: number, right: number}} */ one) => (isCompared ? [
    el("span.n", { title: "Objects: ground truth, predicted" }, `${one.left} / ${one.right}`),
    el("span.iou", { title: OVERLAP }, overlapText(overlap?.get(one.title))),
  ] : [el("span.n", {}, one.left || "–")]);
  const head = isCompared && el("p.class-row.class-head", { "aria-hidden": "true" },
    el("span.class-title"), el("span.n", {}, "Objects"), el("span.iou", { title: OVERLAP }, "IoU"));
  const focused = document.activeElement?.closest(".class-row")?.getAttribute("data-title");
  fill($("classes"), ...(counts.length ? [head, ...counts.map((one) => {
    const box = el("input", { type: "checkbox", checked: !hidden.has(one.title) });
    box.addEventListener("change", () => toggle(one.title, box.checked));
    return el(`label.class-row${one.left + one.right ? "" : ".absent"}`, { "data-title": one.title },
      box, swatch(one.title, one.color), el("span.class-title", {}, one.title), ...numbers(one));
  })] : [el("p.quiet", {}, "This project defines no classes.")]));
  if (typeof focused === "string") classRow(focused)?.querySelector("input")?.focus();
}

const classRows = () => [...document.querySelectorAll("#classes .class-row[data-title]")];

/** @param {string} title */
const classRow = (title) => classRows().find((row) => row.getAttribute("data-title") === title);

/** Titles in the list of classes. */
export const listedTitles = () => classRows().map((row) => row.getAttribute("data-title") ?? "");

/**
 * @param {Comparison} comparison
 * @param {Shown} shown
 * @param {Stage} stage
 */
export function drawObjects(comparison, shown, stage) {
  const { left, right } = comparison.sides(shown.labels, shown.otherLabels ?? []);
  const groups = comparison.other ? [left, right] : [{ ...left, title: "" }];
  const total = groups.reduce((sum, { labels }) => sum + labels.length, 0);
  const none = shown.annotation === null ? "The annotation cannot be read." : "No objects.";
  $("objects-count").textContent = total ? show.count(total) : "";
  fill($("objects"), ...groups.flatMap(({ title, labels }) => [
    title !== "" && el("h3", {}, title),
    ...labels.slice(0, SHOWN_OBJECTS).map((label) => objectRow(label, shown, stage)),
    labels.length > SHOWN_OBJECTS && el("p.quiet", {}, `and ${show.count(labels.length - SHOWN_OBJECTS)} more`),
    labels.length === 0 && el("p.quiet", {}, none),
  ]));
}

/**
 * @param {Label} label
 * @param {Shown} shown
 * @param {Stage} stage
 */
function objectRow(label, { image }, stage) {
  const [on, off] = [() => stage.highlight(label), () => stage.highlight(null)];
  const row = el(`button.object-row${label.broken ? ".broken" : ""}`, {
    type: "button", disabled: label.broken, title: label.broken ? "" : "Go to it",
    onclick: () => stage.lookAt(label.box), onmouseenter: on, onmouseleave: off, onfocus: on, onblur: off,
  },
  swatch(label.title, label.color),
  el("span.class-title", {}, label.title, ...label.tags.map((tag) => el("small.tag", {}, tagText(tag)))),
  el("span.n", {}, labelText(label, image.width * image.height)));
  rows.set(label, row);
  return row;
}

/** Mark the row of the label under the pointer. @param {Label | null} label */
export function markObject(label) {
  document.querySelector(".object-row.under")?.classList.remove("under");
  if (label) rows.get(label)?.classList.add("under");
}

/**
 * @param {ProjectDetail} project
 * @param {Shown} shown
 */
export function drawAbout(project, { image, annotation }) {
  const colors = new Map(asList(project.meta.tags).map((tag) => [tag?.name, tag?.color]));
  fill($("tags"), ...asList(annotation?.tags).map((tag) =>
    el("span.class-chip", {}, swatch(tagText(tag), colors.get(tag?.name ?? tag)), tagText(tag))));
  const pairs = [
    ["Size", `${show.count(image.width)} × ${show.count(image.height)} pixels`],
    ["File", `${image.mime.replace("image/", "").toUpperCase()}, ${show.bytes(image.size_bytes)}`],
    ["Added", show.dateTime(image.created_at)],
    ...(annotation?.description ? [["Note", String(annotation.description)]] : []),
  ];
  fill($("about"), ...pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  link("original").href = at(image.file);
  link("annotation").href = at(`/api/images/${image.id}/annotation`);
}
