// New study: plugin, project, model, what varies, how to search; then the server has the last word.

/** @import { NewStudyPage } from "./types" */
/** @import { SpaceRow } from "./pure/study_request.js" */
import { ask, attempt } from "./api.js";
import { $, button, el, fill, firstData, input, select } from "./dom.js";
import "./frame.js";
import { at } from "./pure/site.js";
import { keysOf, searchOf, spaceOf } from "./pure/study_request.js";
import { hideRefusal, showRefusal } from "./refused.js";
import { taskPickers } from "./task_pickers.js";

const FIELDS = /** @type {const} */ (["name", "metric", "direction", "trials", "jobs", "sampler", "pruner", "seed"]);
const SCRATCH = input("scratch"); // trainings without a model to start from

/** @type {NewStudyPage} */
const first = firstData();
const submit = button("submit");

/** Presets of plugins that were chosen, by the id of the plugin. */
const known = new Map(Object.entries(first.forms).map(([id, forms]) => [Number(id), forms.presets]));
const { plugins, projects, models } = taskPickers(first, { type: () => "train", onPlugin: presets, onProject: () => {} });

/** Offer the presets of the chosen plugin, which the server is asked for. */
function presets() {
  const { chosen } = plugins;
  if (chosen === null || known.has(chosen)) offer();
  else {
    attempt(async () => {
      known.set(chosen, (await ask(`/plugins/${chosen}/forms`)).presets);
      if (plugins.chosen === chosen) offer();
    });
  }
}

const offered = () => (known.get(plugins.chosen ?? 0) ?? []).filter((one) => one.type === "train");

function offer() {
  const titles = offered().map((one) => one.title);
  fill($("preset"), ...titles.map((title) => el("option", { value: title }, title)),
    !titles.length && el("option", { value: "" }, "None"));
  suggest();
}

/** Suggest the keys of the preset. */
function suggest() {
  const preset = offered().find((one) => one.title === select("preset").value);
  fill($("keys"), ...keysOf(preset ? JSON.parse(preset.text) : {}).map((key) => el("option", { value: key })));
}

/** The rows of what varies, and how each is read. @type {Map<HTMLElement, () => SpaceRow>} */
const rows = new Map();

/** Add an empty row. */
function addRow() {
  const text = (/** @type {string} */ label, /** @type {string} */ placeholder, /** @type {Record<string, string>} */ more = {}) =>
    el("input", { type: "text", "aria-label": label, placeholder, autocomplete: "off", spellcheck: "false", ...more });
  const key = text("Key", "lr", { list: "keys" });
  const kind = el("select", { "aria-label": "Kind" }, el("option", { value: "choices" }, "Values"),
    el("option", { value: "range" }, "Range"));
  const values = text("Values", "0.1, 0.01");
  const [low, high, step] = [text("From", "1e-5"), text("To", "0.1"), text("Step", "step")];
  const log = el("input", { type: "checkbox" });
  const range = el("span.range", {}, low, high, step, el("label.check", {}, log, el("span", {}, "log")));
  const away = el("button.button.small", { type: "button", "aria-label": "Remove this key" }, "Remove");
  const row = el("div.space-row", { role: "group", "aria-label": "A key that varies" }, key, kind, values, range, away);
  const showKind = () => {
    values.hidden = kind.value !== "choices";
    range.hidden = kind.value !== "range";
  };
  kind.addEventListener("change", showKind);
  away.addEventListener("click", () => {
    rows.delete(row);
    row.remove();
    if (rows.size === 0) addRow();
  });
  showKind();
  $("space").append(row);
  rows.set(row, () => ({
    key: key.value, kind: kind.value === "range" ? "range" : "choices", values: values.value, low: low.value, high: high.value,
    step: step.value, log: log.checked,
  }));
  return key;
}

/** @param {string} id of a field that holds a text */
const field = (id) => /** @type {HTMLInputElement | HTMLSelectElement} */ ($(id)).value;

function request() {
  for (const [picker, what] of /** @type {const} */ ([[plugins, "plugin"], [projects, "project"], [models, "model"]])) {
    if (!picker.item && !(picker === models && SCRATCH.checked)) throw new Error(`Choose a ${what} first.`);
  }
  const search = searchOf(/** @type {Parameters<typeof searchOf>[0]} */ (Object.fromEntries(FIELDS.map((id) => [id, field(id)]))));
  return {
    plugin: plugins.chosen, project: projects.chosen, model: SCRATCH.checked ? null : models.chosen,
    ...(field("preset") && { preset: field("preset") }), space: spaceOf([...rows.values()].map((read) => read())), ...search,
  };
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (submit.disabled) return;
  hideRefusal("refused");
  submit.disabled = true;
  try {
    const study = await ask("/api/studies", { method: "POST", text: JSON.stringify(request()) });
    location.href = at(`/studies/${study.id}`);
  } catch (error) {
    showRefusal("refused", error, "The study was not begun");
    submit.disabled = false; // not after a success: another click, while the study's page loads, would begin another study
  }
});
addEventListener("pageshow", (event) => { if (event.persisted) submit.disabled = false; });
SCRATCH.addEventListener("change", () => { $("model").hidden = SCRATCH.checked; });
$("add").addEventListener("click", () => addRow().focus());
$("preset").addEventListener("change", suggest);

plugins.choose(first.chosen.plugin);
projects.choose(first.chosen.project);
models.choose(first.chosen.model);
SCRATCH.checked = first.models.total === 0;
$("model").hidden = SCRATCH.checked;
addRow();
presets();
$("agents").hidden = first.agents > 0;
$("agents").textContent = "No agent has reported lately: the study waits until one is started with agent run.";
