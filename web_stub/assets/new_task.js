// New task: plugin, project, model, config, how to run; then the server has the last word.

/** @import { ConfigForms, NewTaskPage, TaskType } from "./types" */
import { Address } from "./address.js";
import { ask, attempt } from "./api.js";
import { ConfigForm } from "./config_form.js";
import { $, button, el, fill, firstData, input, select, valueOf } from "./dom.js";
import { Editor } from "./editor.js";
import "./frame.js";
import { pretty } from "./pure/json_text.js";
import { at } from "./pure/site.js";
import { fieldsOf, hasMore, optionsOf, requestText, suggestedName } from "./pure/task_request.js";
import { hideRefusal, showRefusal } from "./refused.js";
import { taskPickers } from "./task_pickers.js";

const OWN = "own"; // the preset's value for a config that is nobody's preset
const TEXTS = /** @type {const} */ (["engine", "gpus", "pull", "memory", "time-limit", "idle-limit", "grace", "on", "restarts", "env"]);
const CHECKS = /** @type {const} */ (["writable", "hardened", "evaluate"]);
const SCRATCH = input("scratch"); // a training without a model to start from

/** @type {NewTaskPage} */
const first = firstData();
const { draft } = first;
let { type } = draft;
let untouched = ""; // the text a preset gave: as long as it stands, another preset may replace it

const editor = new Editor(() => presetShown());
const configForm = new ConfigForm($("config-form"), (text) => { editor.set(text); presetShown(); }, () => edit("json"));
const address = new Address({ config: "form" }, () => configShown());
const [name, submit] = [input("name"), button("submit")];

/** Presets and schemas of plugins that were chosen, by the id of the plugin. @type {Map<number, ConfigForms>} */
const known = new Map(Object.entries(first.forms).map(([id, forms]) => [Number(id), forms]));

const { plugins, projects, models } = taskPickers(first, {
  type: () => type,
  onPlugin: () => { presets(); names(); },
  onProject: () => names(),
});

/** What is known of the configs of the chosen plugin. @returns {ConfigForms} */
const forms = () => known.get(plugins.chosen ?? 0) ?? { presets: [], schemas: {} };

/** The presets of the plugin for this kind of task. */
const fitting = () => forms().presets.filter((one) => one.type === type);

/** Offer the presets of the chosen plugin, which the server is asked for. */
function presets() {
  const { chosen } = plugins;
  if (chosen === null || known.has(chosen)) offer();
  else {
    attempt(async () => {
      known.set(chosen, await ask(`/plugins/${chosen}/forms`));
      if (plugins.chosen === chosen) offer();
    });
  }
}

/** The first preset is taken unless the text is the person's own. */
function offer() {
  const offered = fitting();
  fill($("preset"), ...offered.map((one, i) => el("option", { value: String(i) }, one.title)),
    el("option", { value: OWN }, offered.length ? "Own" : "None: write it yourself"));
  if (editor.text.trim() === "" || editor.text === untouched) use(offered[0]?.text ?? "{}");
  else drawForm();
  presetShown();
}

/** @param {string} text of a preset */
function use(text) {
  untouched = text;
  editor.set(text);
  drawForm();
}

/** The form of the text as it is, while the form is shown. */
function drawForm() {
  if (isForm()) configForm.draw(editor.text, fitting().map((one) => one.text), forms().schemas[type] ?? null);
}

const isForm = () => address.values.config !== "json";

/** Form or JSON, as the address says. */
function configShown() {
  for (const radio of $("config-view").querySelectorAll("input")) radio.checked = (radio.value === "form") === isForm();
  $("config-form").hidden = !isForm();
  for (const id of ["editor", "tidy"]) $(id).hidden = isForm();
  drawForm();
}

/** @param {string} view */
function edit(view) {
  address.set({ config: view });
  configShown();
}

function presetShown() {
  const at = fitting().findIndex((one) => one.text === editor.text);
  select("preset").value = at < 0 ? OWN : String(at);
}

function names() { name.placeholder = suggestedName(type, plugins.item, projects.item); }

/** @param {TaskType} wanted */
function kind(wanted) {
  type = wanted;
  for (const radio of $("type").querySelectorAll("input")) radio.checked = radio.value === type;
  $("evaluate-choice").hidden = type !== "inference";
  submit.textContent = type === "train" ? "Start training" : "Start inference";
  $("model-title").textContent = type === "train" ? "Model to start from" : "Model to apply";
  for (const picker of [plugins, models]) {
    picker.choose(picker.off ? null : /** @type {any} */ (picker.item));
  }
  presets();
  names();
  scratch();
}

/** Whether the task starts from no model. */
const isFromScratch = () => type === "train" && SCRATCH.checked;

function scratch() {
  $("scratch-choice").hidden = type !== "train";
  $("model").hidden = isFromScratch();
}

/** @param {string} id of a field that holds a text */
const field = (id) => /** @type {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} */ ($(id));

function options() {
  const texts = TEXTS.map((id) => [id, field(id).value.trim()]);
  return optionsOf(Object.fromEntries([...texts, ...CHECKS.map((id) => [id, input(id).checked])]));
}

function request() {
  for (const [picker, what] of /** @type {const} */ ([[plugins, "plugin"], [projects, "project"], [models, "model"]])) {
    if (!picker.item && !(picker === models && isFromScratch())) throw new Error(`Choose a ${what} first.`);
  }
  if (isForm() && configForm.mistake) throw new Error(`The config has a mistake: ${configForm.mistake}.`);
  const wrong = editor.mistake;
  if (wrong) {
    edit("json");
    editor.goTo(wrong);
    throw new Error(`The config is not valid, line ${wrong.line}, column ${wrong.column}: ${wrong.sentence}.`);
  }
  const [plugin, project, model] = [plugins.chosen, projects.chosen, isFromScratch() ? null : models.chosen];
  return requestText({ type, plugin, project, model, name: name.value.trim() || null, options: options() }, editor.text);
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (submit.disabled) return;
  hideRefusal("refused");
  submit.disabled = true;
  try {
    const task = await ask("/api/tasks", { method: "POST", text: request() });
    location.href = at(`/tasks/${task.id}`);
  } catch (error) {
    showRefusal("refused", error, "The task was not submitted");
    submit.disabled = false; // not after a success: another click, while the task's page loads, would queue another task
  }
});
addEventListener("pageshow", (event) => { if (event.persisted) submit.disabled = false; });
SCRATCH.addEventListener("change", scratch);
$("type").addEventListener("change", (event) => kind(/** @type {TaskType} */ (valueOf(event))));
$("preset").addEventListener("change", (event) => {
  const preset = fitting()[Number(valueOf(event))];
  if (preset) use(preset.text);
  else if (isForm()) configForm.focus();
  else editor.area.focus();
});
$("config-view").addEventListener("change", (event) => edit(valueOf(event)));
$("tidy").addEventListener("click", () => attempt(() => {
  const wrong = editor.mistake;
  if (wrong) {
    editor.goTo(wrong);
    return;
  }
  editor.set(pretty(editor.text));
  presetShown();
}));

function fillIn() {
  const { options: given } = draft;
  if (draft.name) name.value = draft.name;
  input("hardened").checked = first.defaults.hardened;
  input("gpus").placeholder = `as the agent is set (${first.defaults.gpus})`;
  if (given) {
    const fields = fieldsOf(given, first.defaults);
    for (const id of TEXTS) field(id).value = fields[id];
    for (const id of CHECKS) input(id).checked = fields[id];
    $("more-options", HTMLDetailsElement).open = hasMore(fields);
  }
  if (draft.config !== null) editor.set(draft.config);
  plugins.choose(first.chosen.plugin);
  projects.choose(first.chosen.project);
  models.choose(first.chosen.model);
  SCRATCH.checked = first.models.total === 0;
  kind(type);
  if (draft.task) {
    $("from").hidden = false;
    const task = el("a", { href: `/tasks/${draft.task}` }, `task ${draft.task}`);
    fill($("from"), "Filled in from ", task, ". Change what you like; that task stays as it is.");
  }
  $("notes").hidden = first.notes.length === 0;
  fill($("notes"), ...first.notes.map((note) => el("p", {}, note)));
  $("agents").textContent = first.agents
    ? "" : "No agent has reported lately: the task waits in the queue until one is started with agent run.";
  $("agents").hidden = first.agents > 0;
}

/** What a person has changed goes with the entry of the browser's history: a reload and Back bring it again. */
function keep() {
  const fields = [...TEXTS.map((id) => [id, field(id).value]), ...CHECKS.map((id) => [id, input(id).checked])];
  const chosen = { plugin: plugins.item, project: projects.item, model: models.item };
  const draft = {
    type, chosen, name: name.value, config: editor.text, untouched, scratch: SCRATCH.checked, fields: Object.fromEntries(fields),
  };
  history.replaceState({ ...history.state, draft }, "");
}

function bringAgain() {
  const kept = history.state?.draft;
  if (!kept) return;
  plugins.choose(kept.chosen.plugin);
  projects.choose(kept.chosen.project);
  models.choose(kept.chosen.model);
  untouched = kept.untouched;
  editor.set(kept.config);
  drawForm();
  SCRATCH.checked = kept.scratch;
  kind(kept.type);
  name.value = kept.name;
  for (const id of TEXTS) field(id).value = kept.fields[id];
  for (const id of CHECKS) input(id).checked = kept.fields[id];
  $("more-options", HTMLDetailsElement).open = hasMore(kept.fields);
}

fillIn();
bringAgain();
configShown();
for (const event of ["input", "change"]) $("form").addEventListener(event, keep);
