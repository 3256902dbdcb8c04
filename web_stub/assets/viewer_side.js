// Beside the image: its classes, its objects, its facts.

/** @import { ProjectDetail } from "./types" */
/** @import { Label } from "./labels.js" */
/** @import { Comparison } from "./pure/comparison.js" */
/** @import { Overlap } from "./pure/overlap.js" */
/** @import { Stage } from "./stage.js" */
/** @import { Shown } from "./viewer_image.js" */
import { $, el, fill, input, link } from "./dom.js";
import { swatch } from "./pieces.js";
import { asList, tagText } from "./pure/classes.js";
import { areasText, labelText, overlapText } from "./pure/comparison.js";
import * as show from "./pure/format.js";
import { hasWords } from "./pure/search.js";
import { at } from "./pure/site.js";

const SHOWN_OBJECTS = 400; // of each side
const SEARCHED_FROM = 8; // classes; fewer are seen at a glance
const OVERLAP = "Part of the pixels with this class, in either, that has it in both (IoU)";

/** Rows of the list of objects, by their label. @type {WeakMap<Label, HTMLElement>} */
const rows = new WeakMap();

/**
 * @param {Comparison} comparison
 * @param {Shown} shown
 * @param {{hidden: Set<string>, overlap: Map<string, Overlap> | null, toggle: (title: string, isOn: boolean) => void}} view
 *   classes with `hidden` titles are not drawn; `overlap` by title, as far as it is known; null where it is not asked for
 */
export function drawClasses(comparison, shown, { hidden, overlap, toggle }) {
  const isCompared = comparison.other !== null;
  const compared = new Set(comparison.compared);
  const { left, right } = comparison.sides(shown.labels, shown.otherLabels ?? []);
  const counts = comparison.counts(left.labels, isCompared ? right.labels : []);
  const numbers = (/** @type {{title: string, left: number, right: number}} */ one) => [
    el("span.n", isCompared ? { title: "Objects: ground truth / predicted" } : {},
      isCompared ? `${one.left} / ${one.right}` : one.left || "–"),
    overlap && el("span.iou", { title: OVERLAP }, overlapText(overlap.get(one.title))),
    overlap && el("small.areas", { title: "Pixels" }, areasText(overlap.get(one.title), compared.has(one.title))),
  ];
  const head = isCompared && el("p.class-row.class-head", { "aria-hidden": "true" },
    el("span.class-title"), el("span.n", {}, "Objects"), overlap && el("span.iou", { title: OVERLAP }, "IoU"));
  const focused = document.activeElement?.closest(".class-row")?.getAttribute("data-title");
  fill($("classes"), ...(counts.length ? [head, ...counts.map((one) => {
    const box = el("input", { type: "checkbox", checked: !hidden.has(one.title), "aria-label": one.title });
    box.addEventListener("change", () => toggle(one.title, box.checked));
    return el(`label.class-row${one.left + one.right ? "" : ".absent"}`, { "data-title": one.title },
      box, swatch(one.title, one.color), el("span.class-title", {}, one.title), ...numbers(one));
  })] : [el("p.quiet", {}, "This project defines no classes.")]));
  $("class-find").hidden = counts.length < SEARCHED_FROM;
  searchClasses();
  if (typeof focused === "string") classRow(focused)?.querySelector("input")?.focus();
}

/** Show the classes that fit the text of the search. */
export function searchClasses() {
  const text = input("class-search").value;
  for (const row of classRows()) row.hidden = !hasWords(row.dataset.title ?? "", text);
  $("class-none").hidden = classRows().length === 0 || listedTitles().length > 0;
}

/** @returns {HTMLElement[]} */
const classRows = () => [...$("classes").querySelectorAll(/** @type {"p"} */ (".class-row[data-title]"))];

/** @param {string} title */
const classRow = (title) => classRows().find((row) => row.getAttribute("data-title") === title);

/** Titles in the list of classes, as far as they fit the search. */
export const listedTitles = () => classRows().filter((row) => !row.hidden).map((row) => row.getAttribute("data-title") ?? "");

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
