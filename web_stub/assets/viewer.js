// One image with its labels, alone or beside the labels of another project.

/** @import { ImagePage } from "./types" */
/** @import { Label } from "./labels.js" */
/** @import { Overlap } from "./pure/overlap.js" */
/** @import { NamedArea } from "./pixel_worker.js" */
/** @import { Found } from "./stage.js" */
/** @import { Shown } from "./viewer_image.js" */
import { attempt } from "./api.js";
import { $, button, el, fill, firstData, input, link, select, valueOf } from "./dom.js";
import { ImageErrors } from "./evaluation/image_errors.js";
import "./frame.js";
import { Pixels } from "./pixels.js";
import { classesOf } from "./pure/classes.js";
import { Comparison, modeOf, positionText, viewerAddress } from "./pure/comparison.js";
import { FILTERS } from "./pure/gallery.js";
import { at } from "./pure/site.js";
import { scaleText } from "./pure/viewport.js";
import { Stage } from "./stage.js";
import { Images } from "./viewer_image.js";
import { drawAbout, drawClasses, drawObjects, listedTitles, markObject, searchClasses } from "./viewer_side.js";

const MOVE = 60; // screen pixels for an arrow key

/** @type {ImagePage} */
const first = firstData();
const { project, others } = first;
const url = new URLSearchParams(location.search);
const filter = FILTERS.flatMap((key) => {
  const value = url.get(key);
  return value ? [/** @type {[string, string]} */ ([key, value])] : [];
});
const classes = classesOf(project.meta);
const images = new Images(classes);
/** Titles of classes that are not drawn. @type {Set<string>} */
const hidden = new Set();
let isHidden = false; // all labels, by the key H
let other = others.find((one) => String(one.id) === url.get("with")) ?? null;
let mode = modeOf(url.get("mode"));
let comparison = compared();
/** @type {Shown | null} */
let current = null;
/** The picture of the difference, once it is there. @type {ImageBitmap | null} */
let difference = null;
/** Pixels of each class on the image shown, as far as they were asked for. @type {Map<string, Overlap>} */
let overlap = new Map();
let asked = 0; // grows with every comparison asked for; the answer to an older one is dropped
/** Of the image that is being opened. @type {Pixels | null} */
let coming = null;
let turn = 0; // grows with every image opened; the answer for an older image is dropped

const stage = new Stage($("stage"), {
  onZoom: (scale) => { $("zoom-value").textContent = scaleText(scale); },
  onHover: hover,
});
/** What an evaluation says of the images, where the address names one. */
const errors = url.has("evaluation") && other ? new ImageErrors(url, stage) : null;
if (mode === "errors" && !errors) mode = "side";
stage.look.isShown = (/** @type {Label} */ label) => !isHidden && !hidden.has(comparison.base(label.title));

function compared() {
  return new Comparison({ project, classes, suffix: first.suffix, other, otherClasses: images.classesOf(other) });
}

/** @param {number} id of an image */
const address = (id) => viewerAddress(project.id, id, { filter: [...filter, ...errors?.pairs ?? []], other: other?.id ?? null, mode });

/** @param {number} id of an image */
async function open(id) {
  const mine = turn += 1;
  $("stage").setAttribute("aria-busy", "true");
  endDifference();
  coming?.close();
  const pixels = coming = new Pixels();
  let shown;
  try {
    shown = await images.open(id, new URLSearchParams(filter).toString(), other, pixels);
  } catch (error) {
    pixels.close();
    if (mine === turn) stay();
    throw error;
  }
  if (mine !== turn) return;
  coming = null;
  current?.pixels.close();
  current = shown;
  overlap = new Map();
  comparison = compared();
  stage.look.highlighted = null;
  stage.isFitted = true;
  history.replaceState(null, "", at(address(id)));
  $("stage").removeAttribute("aria-busy");
  draw(shown);
  images.fetchAhead(shown.image.place.next);
}

/** An image could not be opened: the old one stays. */
function stay() {
  coming = null;
  $("stage").removeAttribute("aria-busy");
  redraw();
}

/** To the previous or next image; nothing at the ends. @param {1 | -1} way */
const step = (way) => attempt(async () => {
  if (!current) return;
  const { id, place } = current.image;
  const next = errors ? await errors.neighbour(id, way) : way === 1 ? place.next : place.previous;
  if (next) await open(next);
});

/** To the next or previous error, perhaps on another image. @param {1 | -1} way */
function nextError(way) {
  if (mode === "errors" && errors && !errors.next(way)) step(way);
}

/** @param {Shown} shown */
function draw(shown) {
  const { image } = shown;
  const { position, total, previous, next } = image.place;
  document.title = `${image.name} · Supervisely local`;
  $("dataset").textContent = image.dataset.name;
  $("name").textContent = image.name;
  $("position").textContent = positionText(position, total);
  button("previous").disabled = !previous;
  button("next").disabled = !next;
  drawNotes(shown);
  $("modes").hidden = !comparison.other;
  if (errors) attempt(() => drawErrors(errors, shown));
  drawPanes(shown);
  drawClassList(shown);
  drawObjects(comparison, shown, stage);
  drawAbout(project, shown);
}

/** What became of the objects, and the place in the evaluation's order. @param {ImageErrors} found @param {Shown} shown */
async function drawErrors(found, shown) {
  $("errors-card").hidden = false;
  const opened = found.open(shown, { own: classes, other: images.classesOf(other) }).then(() => {
    if (shown === current && mode === "errors") showPanes(shown);
  });
  const { position, total } = await found.placeOf(shown.image.id);
  if (shown === current) {
    $("position").textContent = positionText(position, total);
    button("previous").disabled = position === 1;
    button("next").disabled = position === total;
  }
  await opened;
}

/** What is wrong with the image, over it. @param {Shown} shown */
function drawNotes({ labels, problems, pixels: { died } }) {
  const broken = labels.filter((label) => label.broken).length;
  const notes = [...problems];
  if (died) notes.push(died.message);
  else if (broken) notes.push(`${broken} of ${labels.length} labels cannot be read and are not drawn.`);
  $("stage-note").hidden = notes.length === 0;
  $("stage-note-text").textContent = notes.join("\n");
  $("stage-again").hidden = died === null;
}

/** @param {Shown} shown */
function drawPanes(shown) {
  const isDifference = mode === "difference" && comparison.other !== null;
  endDifference();
  $("legend").hidden = !isDifference;
  showPanes(shown);
  if (isDifference && !coming) attempt(() => drawDifference(shown));
}

/** @param {Shown} shown */
function showPanes({ image, picture, labels, otherLabels }) {
  stage.show(picture, { width: image.width, height: image.height }, panes());

  function panes() {
    if (!comparison.other) return [{ layers: [{ labels }] }];
    const { left, right } = comparison.sides(labels, otherLabels ?? []);
    if (mode === "errors" && errors) return [{ title: "Errors", layers: [{ labels: errors.labels }] }];
    if (mode === "side") return [left, right].map((side) => ({ title: side.title, layers: [side] }));
    if (mode === "swipe") {
      return [{ title: left.title, right: right.title, swipe: stage.panes[0]?.swipe ?? 0.5, layers: [left, right] }];
    }
    return [{ title: "Difference", layers: difference ? [{ picture: difference, labels: [] }] : [] }];
  }
}

/** Compare the classes on the image, and show the result when it is there. @param {Shown} shown */
async function drawDifference(shown) {
  const mine = asked;
  const { image, otherLabels, pixels } = shown;
  if (!otherLabels) return;
  const { left, right } = comparison.sides(shown.labels, otherLabels);
  const [truth, predicted] = [areasOf(left.labels), areasOf(right.labels)];
  const wanted = comparison.compared.map((title) => ({
    title, isShown: !hidden.has(title), truth: truth.get(title) ?? [], predicted: predicted.get(title) ?? [],
  }));
  const present = wanted.filter(({ truth, predicted }) => truth.length + predicted.length > 0);
  for (const { title } of wanted) overlap.set(title, overlap.get(title) ?? { both: 0, truth: 0, predicted: 0, iou: null });
  for (const { title } of present) overlap.delete(title);
  if (!present.length) return;
  $("comparing").hidden = false;
  const made = await pixels.compare({ width: image.width, height: image.height }, present, (title, counted, done, total) => {
    if (mine !== asked) return;
    overlap.set(title, counted);
    $("comparing-progress", HTMLProgressElement).value = done / total;
    $("comparing-text").textContent = `Comparing pixels: ${done} of ${total} classes`;
  }).catch((error) => {
    if (error !== pixels.died) throw error;
    if (shown === current) drawNotes(shown);
    return null;
  }).finally(() => { if (mine === asked) $("comparing").hidden = true; });
  if (mine !== asked || !made) return;
  difference = made;
  showPanes(shown);
  drawClassList(shown);
}

/** What the labels of each class cover. @param {Label[]} labels @returns {Map<string, NamedArea[]>} */
function areasOf(labels) {
  /** @type {Map<string, NamedArea[]>} */
  const areas = new Map();
  for (const { title, covered } of labels) {
    if (!covered) continue;
    const base = comparison.base(title);
    const known = areas.get(base);
    if (known) known.push(covered); else areas.set(base, [covered]);
  }
  return areas;
}

/** No difference is shown or awaited any more. */
function endDifference() {
  asked += 1;
  current?.pixels.stop();
  difference = null;
  $("comparing").hidden = true;
  $("comparing-progress", HTMLProgressElement).value = 0;
  $("comparing-text").textContent = "Comparing pixels";
}

/** @param {Shown} shown */
function drawClassList(shown) {
  const isDifference = mode === "difference" && comparison.other !== null;
  drawClasses(comparison, shown, { hidden, overlap: isDifference ? overlap : null, toggle });
}

/** @param {string} title @param {boolean} isOn */
function toggle(title, isOn) {
  if (isOn) hidden.delete(title); else hidden.add(title);
  redraw();
}

/** Draw again after labels were hidden or shown; the image stays in its place. */
function redraw() {
  if (!current) return;
  drawPanes(current);
}

/** Hide these classes, and no others. @param {string[]} titles */
function hideOnly(titles) {
  hidden.clear();
  for (const title of titles) hidden.add(title);
  redraw();
  if (current) drawClassList(current);
}

/** @param {Found | null} found */
function hover(found) {
  const label = found?.label ?? null;
  $("under").textContent = found ? `${found.x}, ${found.y}${label ? ` · ${label.title}` : ""}` : "";
  markObject(label);
  stage.highlight(label);
}

function choices() {
  $("compare-box").hidden = others.length === 0;
  const word = { truth: "Ground truth: ", predictions: "Predictions: ", sibling: "Also: " };
  fill($("with"), el("option", { value: "" }, "nothing"), ...others.map((one) =>
    el("option", { value: String(one.id), selected: one.id === other?.id }, word[one.role] + one.name)));
  markMode();
}

function markMode() {
  for (const one of $("modes").querySelectorAll("button")) one.setAttribute("aria-pressed", String(one.value === mode));
}

select("with").addEventListener("change", (event) => attempt(async () => {
  other = others.find((one) => String(one.id) === valueOf(event)) ?? null;
  await open(current?.image.id ?? first.image_id);
}));
$("modes").addEventListener("click", (event) => {
  const chosen = /** @type {Element} */ (event.target).closest("button");
  if (!chosen) return;
  mode = modeOf(chosen.value);
  markMode();
  if (current) history.replaceState(null, "", at(address(current.image.id)));
  redraw();
  if (current) drawClassList(current);
});
$("stage-again").addEventListener("click", () => attempt(() => open(current?.image.id ?? first.image_id)));
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("zoom-in").addEventListener("click", () => stage.zoom(1.5));
$("zoom-out").addEventListener("click", () => stage.zoom(1 / 1.5));
$("zoom-fit").addEventListener("click", () => stage.fit());
input("opacity").addEventListener("input", () => {
  stage.look.opacity = Number(input("opacity").value);
  $("opacity-value").textContent = `${Math.round(100 * stage.look.opacity)}%`;
  stage.draw();
});
input("class-search").addEventListener("input", searchClasses);
$("all-classes").addEventListener("click", () => hideOnly([...hidden].filter((title) => !listedTitles().includes(title))));
$("no-classes").addEventListener("click", () => hideOnly([...hidden, ...listedTitles()]));

/** The action of each key, with Shift or without. @type {Record<string, (isShift: boolean) => void>} */
const KEYS = {
  ArrowLeft: (isShift) => (isShift ? stage.move(MOVE, 0) : step(-1)),
  ArrowRight: (isShift) => (isShift ? stage.move(-MOVE, 0) : step(1)),
  ArrowUp: () => stage.move(0, MOVE),
  ArrowDown: () => stage.move(0, -MOVE),
  "+": () => stage.zoom(1.25),
  "=": () => stage.zoom(1.25),
  "-": () => stage.zoom(0.8),
  0: () => stage.fit(),
  n: () => nextError(1),
  p: () => nextError(-1),
  h: () => { isHidden = !isHidden; redraw(); },
};
addEventListener("keydown", (event) => {
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof Element && event.target.closest("input:not([type=checkbox]), select, textarea")) return;
  if ((event.key === "ArrowUp" || event.key === "ArrowDown") && !event.shiftKey) return; // they scroll the page
  event.preventDefault();
  act(event.shiftKey);
});

if (errors) {
  for (const id of ["errors-mode", "errors-keys"]) $(id).hidden = false;
  link("errors-evaluation").href = at(`/evaluations/${errors.evaluation}`);
}
choices();
attempt(() => open(first.image_id));
