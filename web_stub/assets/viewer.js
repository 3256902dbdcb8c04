// One image with its labels, alone or beside what another project says of it.

import { ask, attempt } from "./api.js";
import { baseTitle, compare } from "./difference.js";
import { $, el, firstData } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";
import { classesOf, readLabels, tagText } from "./labels.js";
import { Stage } from "./stage.js";
import { swatch } from "./swatch.js";

const SHOWN_OBJECTS = 400;
const SHOWABLE = ["image/jpeg", "image/png", "image/webp", "image/bmp"]; // by every browser
const LARGEST_SHOWN = 40e6; // pixels; larger images come smaller from the server

const first = firstData();
const { project, others } = first;
const url = new URLSearchParams(location.search);
const filter = ["dataset", "class", "tag", "text"].filter((key) => url.get(key)).map((key) => [key, url.get(key)]);
const hidden = new Set();
let isHidden = false; // all labels, by the key H
let other = others.find((one) => String(one.id) === url.get("with")) ?? null;
let mode = ["swipe", "difference"].includes(url.get("mode")) ? url.get("mode") : "side";
let current = null; // {image, labels, picture, twin, twinLabels, problem}
let asked = 0;

const classes = classesOf(project.meta);
const metas = new Map(); // of other projects, by id

const stage = new Stage($("stage"), {
  onZoom: (scale) => { $("zoom-value").textContent = `${scale >= 0.095 ? Math.round(100 * scale) : (100 * scale).toFixed(1)}%`; },
  onHover: hover,
});
stage.isShown = (label) => !isHidden && !hidden.has(base(label.title));

// ---------------------------------------------------------------- which side is which

/** Ground truth stands left: the other project when this one holds predictions for it. */
const isSwapped = () => other?.role === "truth";
const bases = () => (other ? new Set(isSwapped() ? metas.get(other.id)?.keys() : classes.keys()) : new Set(classes.keys()));
const base = (title) => (other ? baseTitle(title, bases()) : title);

function sides() {
  const mine = { name: project.name, labels: current.labels };
  const theirs = { name: other?.name, labels: current.twinLabels ?? [] };
  const [left, right] = isSwapped() ? [theirs, mine] : [mine, theirs];
  const word = other?.role === "sibling" ? ["", ""] : ["Ground truth", "Predictions"];
  return { left: { ...left, title: [word[0], left.name].filter(Boolean).join(" · ") }, right: { ...right, title: [word[1], right.name].filter(Boolean).join(" · ") } };
}

/** Titles compared: those the predictions know. With a suffix on them, objects without it were only kept. */
function compared() {
  const names = [...(isSwapped() ? classes : metas.get(other.id) ?? new Map()).keys()];
  const known = bases();
  const renamed = names.filter((name) => base(name) !== name);
  const titles = new Set((renamed.length ? renamed : names).map(base).filter((name) => known.has(name)));
  return { titles, isKept: (label) => renamed.length > 0 && !renamed.includes(label.title) };
}

// ---------------------------------------------------------------- loading

function address(id) {
  const query = new URLSearchParams([...filter, ...(other ? [["with", other.id]] : []), ...(other && mode !== "side" ? [["mode", mode]] : [])]).toString();
  return `/projects/${project.id}/images/${id}${query ? `?${query}` : ""}`;
}

async function decoded(source) {
  const picture = new Image();
  picture.src = source;
  await picture.decode();
  return picture;
}

/** The image upright in its own size, or the server's picture of it where a browser would show something else. */
async function pictureOf(image) {
  const small = `${image.thumbnail.replace(/size=\d+/, "size=4096")}`;
  if (!SHOWABLE.includes(image.mime) || image.width * image.height > LARGEST_SHOWN) return decoded(small);
  const picture = await decoded(image.file).catch(() => decoded(small));
  return picture.naturalWidth === image.width && picture.naturalHeight === image.height ? picture : decoded(small);
}

async function annotationOf(image, known) {
  return readLabels(await ask(`/api/images/${image.id}/annotation`), known, image);
}

async function metaOf(id) {
  if (!metas.has(id)) metas.set(id, classesOf((await ask(`/api/projects/${id}`)).meta));
  return metas.get(id);
}

async function twinOf(image) {
  if (!other) return {};
  try {
    const known = await metaOf(other.id);
    const twin = await ask(`/api/images/${image.id}/twin?project=${other.id}`);
    return { twin, twinLabels: await annotationOf(twin, known) };
  } catch (error) {
    return { problem: error.message };
  }
}

async function open(id, { isNew = true, replace = true } = {}) {
  const mine = asked += 1;
  $("stage").setAttribute("aria-busy", "true");
  const image = await ask(`/api/images/${id}?${new URLSearchParams(filter)}`);
  const problems = [];
  const noted = (what) => (error) => { problems.push(`${what}: ${error.message}`); return null; };
  const [picture, annotation, twin] = await Promise.all([
    pictureOf(image).catch(() => noted("The image")({ message: "it is damaged or too large to be shown." })),
    ask(`/api/images/${id}/annotation`).catch(noted("The annotation")),
    twinOf(image),
  ]);
  const labels = await readLabels(annotation ?? {}, classes, image);
  if (mine !== asked) return;
  if (twin.problem) problems.push(twin.problem);
  current = { image, picture, labels, annotation, problems, ...twin };
  stage.highlighted = null;
  if (replace) history.replaceState(null, "", address(id));
  $("stage").removeAttribute("aria-busy");
  draw(isNew);
  ahead();
}

/** The next image's bytes are fetched while this one is looked at. */
function ahead() {
  const { next } = current.image.place;
  if (next) attempt(async () => { const image = await ask(`/api/images/${next}`); if (SHOWABLE.includes(image.mime)) new Image().src = image.file; });
}

const step = (id) => { if (id) attempt(() => open(id)); };

// ---------------------------------------------------------------- drawing

function draw(isNew = false) {
  const { image, labels, picture, problems } = current;
  document.title = `${image.name} · Supervisely local`;
  $("dataset").textContent = image.dataset.name;
  $("name").textContent = image.name;
  const { position, total, previous, next } = image.place;
  $("position").textContent = position ? `${show.count(position)} of ${show.count(total)}` : `not among the ${show.count(total)} chosen`;
  $("previous").disabled = !previous;
  $("next").disabled = !next;
  const broken = labels.filter((label) => label.broken).length;
  const notes = [...problems, ...(broken ? [`${broken} of ${labels.length} labels cannot be read and are not drawn.`] : [])];
  $("stage-note").hidden = notes.length === 0;
  $("stage-note").textContent = notes.join("\n");
  $("modes").hidden = !other;
  if (isNew) stage.isFitted = true;
  panes(picture, image);
  classList();
  objectList();
  about();
}

function panes(picture, image) {
  const size = { width: image.width, height: image.height };
  current.difference = other && current.twinLabels ? difference() : null;
  $("legend").hidden = !(mode === "difference" && current.difference);
  if (!other) return stage.show(picture, size, [{ layers: [{ labels: current.labels }] }]);
  const { left, right } = sides();
  if (mode === "side") return stage.show(picture, size, [{ title: left.title, layers: [{ labels: left.labels }] }, { title: right.title, layers: [{ labels: right.labels }] }]);
  if (mode === "swipe") return stage.show(picture, size, [{ title: left.title, right: right.title, swipe: stage.panes[0]?.swipe ?? 0.5, layers: [{ labels: left.labels }, { labels: right.labels }] }]);
  const layers = current.difference ? [{ picture: current.difference.picture, labels: [] }] : [];
  return stage.show(picture, size, [{ title: "Difference", layers }]);
}

function difference() {
  const { left, right } = sides();
  const { titles, isKept } = compared();
  const shown = [...titles].filter((title) => !hidden.has(title));
  const kept = right.labels.filter((label) => !isKept(label));
  return compare(left.labels, kept, shown, (label) => (stage.isShown(label) || isHidden ? base(label.title) : null), current.image);
}

const OVERLAP = "Part of the pixels with this class, in either, that has it in both (IoU)";

function classList() {
  const counts = new Map();
  const add = (labels, side) => labels.forEach((label) => {
    const title = base(label.title);
    if (!counts.has(title)) counts.set(title, { title, color: label.color, left: 0, right: 0 });
    counts.get(title)[side] += 1;
  });
  const { left, right } = sides();
  const known = isSwapped() ? metas.get(other.id) ?? new Map() : classes;
  for (const one of known.values()) counts.set(one.title, { title: one.title, color: one.color, left: 0, right: 0 });
  add(left.labels, "left");
  if (other) add(right.labels, "right");
  const overlap = current.difference?.overlap;
  const rows = [...counts.values()].map((one) => {
    const iou = overlap?.get(one.title)?.iou;
    const numbers = other ? [el("span.n", { title: "Objects: ground truth, predicted" }, `${one.left} / ${one.right}`), el("span.iou", { title: OVERLAP }, iou === undefined || iou === null ? "–" : show.number(Math.round(100 * iou) / 100).padEnd(4, "0").slice(0, 4))]
      : [el("span.n", {}, one.left || "–")];
    return el(`label.class-row${one.left + one.right ? "" : ".absent"}`, {},
      el("input", { type: "checkbox", checked: !hidden.has(one.title), onchange: (event) => toggle(one.title, event.target.checked) }),
      swatch(one.title, one.color), el("span.class-title", {}, one.title), ...numbers);
  });
  const head = other && el("p.class-row.class-head", { "aria-hidden": "true" }, el("span.class-title", {}, ""), el("span.n", {}, "Objects"), el("span.iou", { title: OVERLAP }, "IoU"));
  $("classes").replaceChildren(...(rows.length ? [head, ...rows].filter(Boolean) : [el("p.quiet", {}, "This project defines no classes.")]));
}

function toggle(title, isOn) {
  if (isOn) hidden.delete(title); else hidden.add(title);
  redraw();
}

/** After a change of what is shown; the image stays where it is. */
function redraw() {
  panes(current.picture, current.image);
  if (current.difference) {
    const focused = document.activeElement?.closest(".class-row")?.querySelector(".class-title")?.textContent;
    classList();
    if (focused !== undefined) [...document.querySelectorAll(".class-row")].find((row) => row.querySelector(".class-title").textContent === focused)?.querySelector("input")?.focus();
  }
}

function objectList() {
  const { left, right } = sides();
  const groups = other ? [[left.title, left.labels], [right.title, right.labels]] : [[null, left.labels]];
  const total = groups.reduce((sum, [, labels]) => sum + labels.length, 0);
  $("objects-count").textContent = total ? show.count(total) : "";
  $("objects").replaceChildren(...groups.flatMap(([title, labels]) => [
    title && el("h3", {}, title),
    ...labels.slice(0, SHOWN_OBJECTS).map(objectRow),
    labels.length > SHOWN_OBJECTS && el("p.quiet", {}, `and ${show.count(labels.length - SHOWN_OBJECTS)} more`),
    labels.length === 0 && el("p.quiet", {}, current.annotation === null ? "The annotation cannot be read." : "No objects."),
  ]).filter(Boolean));
}

function objectRow(label) {
  const share = label.area / (current.image.width * current.image.height);
  const facts = label.broken ? "cannot be read" : [label.kind, label.area && `${share < 0.001 ? "<0.1" : (100 * share).toFixed(1)}%`].filter(Boolean).join(" · ");
  const highlight = (on) => () => { stage.highlighted = on ? label : null; stage.draw(); };
  const row = el(`button.object-row${label.broken ? ".broken" : ""}`, {
    type: "button", disabled: label.broken, title: label.broken ? "" : "Go to it",
    onclick: () => stage.lookAt(label.box), onmouseenter: highlight(true), onmouseleave: highlight(false), onfocus: highlight(true), onblur: highlight(false),
  }, swatch(label.title, label.color), el("span.class-title", {}, label.title, ...label.tags.map((tag) => el("small.tag", {}, tagText(tag)))), el("span.n", {}, facts));
  label.row = row;
  return row;
}

function about() {
  const { image, annotation } = current;
  const tags = Array.isArray(annotation?.tags) ? annotation.tags : [];
  const colors = new Map((Array.isArray(project.meta.tags) ? project.meta.tags : []).map((tag) => [tag?.name, tag?.color]));
  $("tags").replaceChildren(...tags.map((tag) => el("span.class-chip", {}, swatch(tagText(tag), colors.get(tag?.name ?? tag)), tagText(tag))));
  const pairs = [["Size", `${show.count(image.width)} × ${show.count(image.height)} pixels`], ["File", `${image.mime.replace("image/", "").toUpperCase()}, ${show.bytes(image.size_bytes)}`], ["Added", show.dateTime(image.created_at)]];
  if (annotation?.description) pairs.push(["Note", String(annotation.description)]);
  $("about").replaceChildren(...pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  $("original").href = image.file;
  $("annotation").href = `/api/images/${image.id}/annotation`;
}

function hover(found) {
  const label = found?.label ?? null;
  $("under").textContent = found ? `${found.x}, ${found.y}${label ? ` · ${label.title}` : ""}` : "";
  document.querySelector(".object-row.under")?.classList.remove("under");
  label?.row?.classList.add("under");
  if (stage.highlighted === label) return;
  stage.highlighted = label;
  stage.draw();
}

// ---------------------------------------------------------------- controls

function choices() {
  $("compare-box").hidden = others.length === 0;
  const word = { truth: "Ground truth: ", predictions: "Predictions: ", sibling: "Also: " };
  $("with").replaceChildren(el("option", { value: "" }, "nothing"), ...others.map((one) => el("option", { value: String(one.id), selected: one.id === other?.id }, word[one.role] + one.name)));
  document.querySelector(`#modes input[value=${mode}]`).checked = true;
}

$("with").addEventListener("change", (event) => attempt(() => {
  other = others.find((one) => String(one.id) === event.target.value) ?? null;
  return open(current.image.id);
}));
$("modes").addEventListener("change", (event) => {
  mode = event.target.value;
  history.replaceState(null, "", address(current.image.id));
  redraw();
});
$("previous").addEventListener("click", () => step(current?.image.place.previous));
$("next").addEventListener("click", () => step(current?.image.place.next));
$("zoom-in").addEventListener("click", () => stage.zoom(1.5));
$("zoom-out").addEventListener("click", () => stage.zoom(1 / 1.5));
$("zoom-fit").addEventListener("click", () => stage.fit());
$("opacity").addEventListener("input", (event) => {
  stage.opacity = Number(event.target.value);
  $("opacity-value").textContent = `${Math.round(100 * stage.opacity)}%`;
  stage.draw();
});
$("all-classes").addEventListener("click", () => { hidden.clear(); redraw(); classList(); });
$("no-classes").addEventListener("click", () => {
  for (const row of document.querySelectorAll("#classes label .class-title")) hidden.add(row.textContent);
  redraw();
  classList();
});

const KEYS = {
  ArrowLeft: (event) => (event.shiftKey ? stage.move(60, 0) : step(current?.image.place.previous)),
  ArrowRight: (event) => (event.shiftKey ? stage.move(-60, 0) : step(current?.image.place.next)),
  ArrowUp: (event) => event.shiftKey && stage.move(0, 60),
  ArrowDown: (event) => event.shiftKey && stage.move(0, -60),
  "+": () => stage.zoom(1.25),
  "=": () => stage.zoom(1.25),
  "-": () => stage.zoom(0.8),
  0: () => stage.fit(),
  h: () => { isHidden = !isHidden; redraw(); },
};
addEventListener("keydown", (event) => {
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input[type=range], input[type=radio], select, input[type=text]")) return;
  if (event.key.startsWith("Arrow") && !event.shiftKey && event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
  event.preventDefault();
  act(event);
});

choices();
attempt(() => open(first.image_id));
