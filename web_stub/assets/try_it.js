// Try a model: start it, choose images, see what it predicts, alone or beside another model.

/** @import { Inferred, Kept, OutputMeta, TryItPage } from "./types" */
/** @import { Label } from "./labels.js" */
/** @import { Way } from "./pure/try_it.js" */
/** @import { Found } from "./stage.js" */
/** @import { Chosen, Decoded } from "./try_it_images.js" */
import { ask, attempt, isAbort, sentenceOf, tell } from "./api.js";
import { Deployment } from "./deployment.js";
import { $, button, el, fill, firstData, input } from "./dom.js";
import "./frame.js";
import { readLabels } from "./labels.js";
import { swatch } from "./pieces.js";
import { Pixels } from "./pixels.js";
import { classesOf } from "./pure/classes.js";
import * as show from "./pure/format.js";
import { ROOT, at } from "./pure/site.js";
import { curlText, isSure, modeConfig, pythonText, timesText, wayOf } from "./pure/try_it.js";
import { scaleText } from "./pure/viewport.js";
import { RegionTool } from "./region.js";
import { Stage } from "./stage.js";
import { ChosenImages, addTo, decoded } from "./try_it_images.js";

/** @typedef {{answer: Inferred, chosen: Chosen, labels: Label[], pixels: Pixels}} Prediction */
/** @typedef {{deployment: Deployment, prediction: Prediction | null, meta: OutputMeta["meta"] | null}} Tried a model beside others */

/** @type {TryItPage} */
const first = firstData();
const ORIGIN = location.origin + ROOT.slice(0, -1);
const mode = $("mode", HTMLTextAreaElement);
const SIDES = /** @type {const} */ (["left", "top", "right", "bottom"]);

/** @type {Tried[]} */
const tried = [];
/** @type {Way} */
let way = "full_image";
let isOwnMode = false; // the text of the mode was edited: it stays
/**
 * What stands on the stage: it lags behind what is chosen, and stays where that cannot be shown.
 * @type {Decoded & {chosen: Chosen} | null}
 */
let shown = null;
/** Titles of classes that are not drawn. @type {Set<string>} */
const hidden = new Set();
let turn = 0; // grows with every question and every image; older answers are dropped
/** @type {AbortController | null} */
let asking = null;

const stage = new Stage($("stage"), {
  onZoom: (scale) => { $("zoom-value").textContent = scaleText(scale); region.place(); },
  onHover: hover,
});
stage.look.isShown = (/** @type {Label} */ label) => !hidden.has(label.title) && isSure(label.tags, Number(input("confidence").value));
const region = new RegionTool(stage, (isDone) => {
  modeShown();
  if (isDone) predict();
});
new ChosenImages((chosen) => attempt(() => open(chosen)));

/** Look at another image, and ask the models about it. @param {Chosen} chosen */
async function open(chosen) {
  turn += 1;
  const mine = turn;
  asking?.abort();
  const picture = await decoded(chosen).catch((error) => {
    if (mine === turn) rests(""); // the question about the image before was given up
    throw error;
  });
  if (mine !== turn) return;
  shown = { ...picture, chosen };
  for (const one of tried) forget(one);
  region.set(null);
  stage.isFitted = true;
  $("nothing-yet").hidden = true;
  modeShown();
  draw();
  predict();
}

/** @param {Tried} one */
function forget(one) {
  one.prediction?.pixels.close();
  one.prediction = null;
}

/** The config of the mode, as it stands in the text; null where that is none. */
function config() {
  try {
    const value = JSON.parse(mode.value);
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("It must be an object.");
    modeSaid("");
    return value;
  } catch (error) {
    modeSaid(`This is no JSON object: ${sentenceOf(error)}`);
    return null;
  }
}

/** @param {string} problem */
function modeSaid(problem) {
  $("mode-said").textContent = problem || (isOwnMode ? "Edited: the choice above does not change it." : "");
  $("mode-said").classList.toggle("bad", problem !== "");
}

/** The chosen way as config, unless the reader has written one; and the same question as a program. */
function modeShown() {
  const size = shown?.size ?? { width: 640, height: 480 };
  if (!isOwnMode) mode.value = JSON.stringify(modeConfig(way, size, region.region, tried[0]?.meta ?? null), null, 2);
  for (const one of $("ways").querySelectorAll("button")) one.setAttribute("aria-pressed", String(one.value === way));
  region.show(way === "roi" && !isOwnMode && shown !== null);
  $("bounds").hidden = way !== "roi" || isOwnMode;
  const [left, top, right, bottom] = region.region ?? [0, 0, size.width, size.height];
  [left, top, right, bottom].forEach((value, i) => { input(`bound-${SIDES[i]}`).value = String(value); });
  $("mode-reset").hidden = !isOwnMode;
  const given = config();
  if (given) $("program").textContent = curlText(ORIGIN, first.model.id, shown?.chosen.name ?? "image.jpg", given);
  canPredict();
}

function canPredict() {
  button("predict").disabled = shown === null || !tried.some((one) => one.deployment.isReady);
}

/** Ask every model that answers about the image. */
async function predict() {
  const given = config();
  const ready = tried.filter((one) => one.deployment.isReady);
  canPredict();
  if (shown && !ready.length) said("Start the model to see what it predicts.");
  if (!shown || !given || !ready.length) return;
  const { chosen } = shown;
  turn += 1;
  const mine = turn;
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  $("stage").setAttribute("aria-busy", "true");
  said("Asking the model …");
  const outcomes = await Promise.allSettled(ready.map((one) => askModel(one, chosen, given, signal)));
  if (mine !== turn) return;
  const failures = outcomes.flatMap((one) => (one.status === "rejected" && !isAbort(one.reason) ? [sentenceOf(one.reason)] : []));
  rests(failures.join("\n"));
  draw();
}

/**
 * @param {Tried} one
 * @param {Chosen} chosen
 * @param {Record<string, unknown>} given
 * @param {AbortSignal} signal
 */
async function askModel(one, chosen, given, signal) {
  const form = new FormData();
  addTo(form, chosen);
  form.set("mode", JSON.stringify(given));
  forget(one);
  /** @type {Inferred} */
  const answer = await ask(`/api/models/${one.deployment.model.id}/infer`, { method: "POST", form, signal });
  const pixels = new Pixels();
  const size = { width: answer.width, height: answer.height };
  const labels = await readLabels(answer.annotation, classesOf(answer.meta), size, pixels);
  if (signal.aborted) {
    pixels.close();
    throw signal.reason; // another question has been asked meanwhile
  }
  one.meta = answer.meta;
  one.prediction = { answer, chosen, labels, pixels };
}

/** No model is asked any more. @param {string} failure "" for none */
function rests(failure) {
  $("stage").removeAttribute("aria-busy");
  said(failure, failure !== "");
}

/** @param {string} sentence @param {boolean} [isBad] */
function said(sentence, isBad = false) {
  $("said").textContent = isBad ? "" : sentence;
  $("stage-note").hidden = !isBad;
  $("stage-note").textContent = isBad ? sentence : "";
}

function draw() {
  if (!shown) return;
  const isAlone = tried.length < 2;
  stage.show(shown.picture, shown.size, tried.map(({ deployment, prediction }) => (
    { title: isAlone ? "" : deployment.model.name, layers: [{ labels: prediction?.labels ?? [] }] })));
  const answers = tried.flatMap(({ prediction }) => (prediction ? [prediction] : []));
  $("keep").hidden = tried[0].prediction === null;
  $("times").textContent = answers.map(({ answer }) => timesText(answer.times)).join("  |  ");
  drawClasses(answers);
}

/** @param {Prediction[]} answers */
function drawClasses(answers) {
  /** @type {Map<string, {color: string, count: number}>} */
  const rows = new Map();
  let [all, sure] = [0, 0];
  for (const { labels } of answers) {
    for (const label of labels) {
      const isShown = isSure(label.tags, Number(input("confidence").value));
      const row = rows.get(label.title) ?? { color: label.color, count: 0 };
      rows.set(label.title, { ...row, count: row.count + Number(isShown) });
      all += 1;
      sure += Number(isShown);
    }
  }
  const broken = answers.flatMap(({ labels }) => labels).filter((label) => label.broken).length;
  $("predictions-count").textContent = all === sure ? show.counted(all, "object") : `${show.count(sure)} of ${show.counted(all, "object")}`;
  fill($("classes"), ...[...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([title, { color, count }]) => {
    const box = el("input", { type: "checkbox", checked: !hidden.has(title), "aria-label": title });
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(title); else hidden.add(title);
      stage.draw();
    });
    return el("label.class-row", {}, box, swatch(title, color), el("span.class-title", {}, title), el("span.n", {}, count));
  }), !rows.size && el("p.quiet", {}, answers.length ? "The model found nothing." : "None yet."),
  broken > 0 && el("p.quiet", {}, `${show.counted(broken, "object")} cannot be read and not drawn.`));
}

/** @param {Found | null} found */
function hover(found) {
  const label = found?.label ?? null;
  const tags = label ? label.tags.map((tag) => ` · ${/** @type {any} */ (tag)?.name}: ${/** @type {any} */ (tag)?.value}`).join("") : "";
  $("under").textContent = found ? `${found.x}, ${found.y}${label ? ` · ${label.title}${tags}` : ""}` : "";
  stage.highlight(label);
}

/** @param {{id: number, name: string}} model */
function add(model) {
  const listeners = { onReady: () => attempt(predict), onChange: () => canPredict() };
  const deployment = new Deployment(model, listeners, first.gpus);
  tried.push({ deployment, prediction: null, meta: null });
  $("deployments").insertBefore(deployment.line, $("deployments").lastElementChild);
}

/** Beside which model: those that can be asked, the newest first. */
function offerOthers() {
  const choice = el("select", { "aria-label": "Compare with another model" },
    el("option", { value: "" }, first.others.length ? "compare with …" : "no other model"),
    ...first.others.map((one) => el("option", { value: String(one.id) }, one.name)));
  choice.disabled = !first.others.length;
  choice.addEventListener("change", () => {
    for (const one of tried.splice(1)) {
      forget(one);
      one.deployment.close();
    }
    const other = first.others.find((one) => String(one.id) === choice.value);
    if (other) add(other);
    draw();
  });
  $("deployments").append(el("div.beside", {}, choice));
}

$("ways").addEventListener("click", (event) => {
  const chosen = /** @type {Element} */ (event.target).closest("button");
  if (!chosen) return;
  way = wayOf(chosen.value);
  isOwnMode = false;
  modeShown();
  if (way !== "roi" || region.region) predict();
  else said("Draw the region on the image.");
});
for (const side of SIDES) {
  input(`bound-${side}`).addEventListener("change", () => {
    const numbers = SIDES.map((one) => Number(input(`bound-${one}`).value));
    const [left, top, right, bottom] = numbers;
    if (numbers.every(Number.isInteger) && left < right && top < bottom) region.set([left, top, right, bottom]);
    modeShown();
    predict();
  });
}
mode.addEventListener("input", () => { isOwnMode = true; modeShown(); });
$("mode-reset").addEventListener("click", () => { isOwnMode = false; modeShown(); });
$("predict").addEventListener("click", () => attempt(predict));
input("confidence").addEventListener("input", () => {
  $("confidence-value").textContent = Number(input("confidence").value).toFixed(2);
  drawClasses(tried.flatMap(({ prediction }) => (prediction ? [prediction] : [])));
  stage.draw();
});
input("opacity").addEventListener("input", () => {
  stage.look.opacity = Number(input("opacity").value);
  $("opacity-value").textContent = `${Math.round(100 * stage.look.opacity)}%`;
  stage.draw();
});
$("zoom-in").addEventListener("click", () => stage.zoom(1.5));
$("zoom-out").addEventListener("click", () => stage.zoom(1 / 1.5));
$("zoom-fit").addEventListener("click", () => stage.fit());
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof Element && event.target.closest("input, select, textarea")) return;
  if (event.key === "+" || event.key === "=") stage.zoom(1.25);
  else if (event.key === "-") stage.zoom(0.8);
  else if (event.key === "0") stage.fit();
});

/** Keep what the page's model has answered: with the image, whatever of it is hidden now. */
async function keep() {
  const { prediction } = tried[0];
  if (!prediction) return;
  const { answer, chosen } = prediction; // another image may be chosen by now
  const project = input("keep-project").value.trim();
  const form = new FormData();
  addTo(form, chosen);
  form.set("project", project);
  form.set("name", chosen.name);
  form.set("annotation", JSON.stringify(answer.annotation));
  form.set("meta", JSON.stringify(answer.meta));
  button("keep-send").disabled = true;
  try {
    /** @type {Kept} */
    const kept = await ask("/api/predictions", { method: "POST", form });
    const address = at(`/projects/${kept.project}/images/${kept.image}`);
    tell(`Kept in project ${project}.`, { title: "Look at it", act: () => { location.href = address; } });
  } finally {
    button("keep-send").disabled = false;
  }
}

/** @param {string} id @param {typeof curlText} text @param {string} what */
function copies(id, text, what) {
  $(id).addEventListener("click", () => attempt(async () => {
    const given = config();
    if (!given) throw new Error("The config of the mode is no JSON object.");
    await navigator.clipboard.writeText(text(ORIGIN, first.model.id, shown?.chosen.name ?? "image.jpg", given));
    tell(`Copied as ${what}. It needs a token: agent token create NAME`);
  }));
}
$("keep").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(keep);
});
copies("copy-curl", curlText, "curl");
copies("copy-python", pythonText, "Python");

offerOthers();
add(first.model);
modeShown();
