// New task: plugin, project, model, config, how to run; then the server has the last word.

import { ask, attempt } from "./api.js";
import { $, el, firstData } from "./dom.js";
import { Editor } from "./editor.js";
import * as show from "./format.js";
import "./frame.js";
import { pretty } from "./json_text.js";
import { bestOfTasks } from "./origin.js";
import { Picker } from "./picker.js";
import { hideRefusal, showRefusal } from "./refused.js";

const OWN = "own"; // the preset's value for a config that is nobody's preset
const GIB = 2 ** 30;

const first = firstData();
const { wish } = first;
let type = wish.type;
let untouched = ""; // the text a preset gave: as long as it stands, another preset may replace it

const best = bestOfTasks(first.models.map((one) => ({ id: one.id, provenance: one })));
const editor = new Editor(() => presetShown());

const plugins = new Picker($("plugin"), {
  name: "plugin-id",
  label: "Plugin",
  items: first.plugins,
  describe: (one) => ({ title: one.name, under: one.reference, off: one.modes.includes(type) ? "" : `${one.reference} has no ${type === "train" ? "training" : "inference"}` }),
  empty: ["No plugins yet. Add one from a terminal: ", el("code", {}, "agent plugin add FOLDER")],
  onPick: () => { presets(); names(); },
});
const projects = new Picker($("project"), {
  name: "project-id",
  label: "Project",
  items: first.projects,
  describe: (one) => ({ title: one.name, under: `${show.count(one.images_count)} image${one.images_count === 1 ? "" : "s"} · ${one.task_id ? `made by task ${one.task_id}` : `added ${show.ago(one.created_at)}`}` }),
  find: first.projects.length < first.choices ? null : async (words) => (await ask(`/api/projects?${new URLSearchParams({ text: words })}`)).items,
  empty: ["No projects yet. Add one from a terminal: ", el("code", {}, "agent project add FOLDER")],
  onPick: () => names(),
});
const models = new Picker($("model"), {
  name: "model-id",
  label: "Model to start from",
  items: first.models,
  describe: (one) => ({
    title: one.name,
    tags: [best.has(one.id) && el("span.tag.best", {}, "best"), one.only_train && el("span.tag.only-train", {}, "transfer learning only")].filter(Boolean),
    under: `${one.task_id ? `Checkpoint ${one.checkpoint_index} of task ${one.task_id}` : "Brought along"} · ${show.bytes(one.size_bytes)}`,
    off: one.only_train && type === "inference" ? "For transfer learning only: inference is refused" : "",
  }),
  empty: ["No models yet. ", el("a", { href: "/models/upload" }, "Upload a .tar")],
  find: first.models.length < first.choices ? null : async (words) => (await ask(`/api/models?${new URLSearchParams({ text: words })}`)).items.map((one) => ({ ...one, ...one.provenance, id: one.id })),
  onPick: () => {},
});

/** The presets of the plugin for this kind of task; the first is taken unless the text is the person's own. */
function presets() {
  const fitting = (plugins.item?.presets ?? []).filter((one) => one.type === type);
  $("preset").replaceChildren(...fitting.map((one, i) => el("option", { value: String(i) }, one.title)), el("option", { value: OWN }, fitting.length ? "Own" : "None: write it yourself"));
  if (editor.text.trim() === "" || editor.text === untouched) use(fitting[0]?.text ?? "{}");
  presetShown();
}

function use(text) {
  untouched = text;
  editor.set(text);
}

function presetShown() {
  const fitting = (plugins.item?.presets ?? []).filter((one) => one.type === type);
  const at = fitting.findIndex((one) => one.text === editor.text);
  $("preset").value = at < 0 ? OWN : String(at);
}

/** What the server would call the result. */
function names() {
  const [plugin, project] = [plugins.item, projects.item];
  if (!project) $("name").placeholder = "";
  else if (type === "train") $("name").placeholder = plugin ? `${project.name} ${plugin.name}` : "";
  else $("name").placeholder = `${project.name} predictions`;
}

function kind(wanted) {
  type = wanted;
  document.querySelector(`#type input[value=${type}]`).checked = true;
  $("submit").textContent = type === "train" ? "Start training" : "Start inference";
  $("model-title").textContent = type === "train" ? "Model to start from" : "Model to apply";
  for (const picker of [plugins, models]) {
    if (picker.item && picker.describe(picker.item).off) picker.chosen = null;
    picker.draw();
  }
  presets();
  names();
}

function environment() {
  const lines = $("env").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const wrong = lines.find((line) => !/^[^=\s]+=/.test(line));
  if (wrong) throw new Error(`The environment line “${wrong}” is not NAME=VALUE.`);
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

function options() {
  const out = { writable_data: $("writable").checked, hardened: $("hardened").checked, env: environment() };
  for (const id of ["engine", "gpus", "pull"]) if ($(id).value.trim()) out[id] = $(id).value.replaceAll(" ", "");
  if ($("memory").value) out.memory_bytes = Math.round(Number($("memory").value) * GIB);
  if ($("time-limit").value) out.time_limit_s = Number($("time-limit").value) * 60;
  if ($("idle-limit").value) out.idle_limit_s = Number($("idle-limit").value) * 60;
  if ($("grace").value) out.stop_grace_s = Number($("grace").value);
  return out;
}

/** The request as text: the config goes as it was written, so that 1.0 stays 1.0 and keys keep their order. */
function request() {
  for (const [picker, what] of [[plugins, "plugin"], [projects, "project"], [models, "model"]]) {
    if (!picker.item) throw new Error(`Choose a ${what} first.`);
  }
  const wrong = editor.mistake;
  if (wrong) {
    editor.goTo(wrong);
    throw new Error(`The config is not valid, line ${wrong.line}, column ${wrong.column}: ${wrong.sentence}.`);
  }
  const rest = { type, plugin: plugins.chosen, project: projects.chosen, model: models.chosen, name: $("name").value.trim() || null, options: options() };
  return `${JSON.stringify(rest).slice(0, -1)},"config":${editor.text}}`;
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  hideRefusal("refused");
  $("submit").disabled = true;
  try {
    const task = await ask("/api/tasks", { method: "POST", text: request() });
    location.href = `/tasks/${task.id}`;
  } catch (error) {
    showRefusal("refused", error, "The task was not submitted");
  } finally {
    $("submit").disabled = false;
  }
});
$("type").addEventListener("change", (event) => kind(event.target.value));
$("preset").addEventListener("change", (event) => {
  const fitting = plugins.item.presets.filter((one) => one.type === type);
  if (event.target.value !== OWN) use(fitting[Number(event.target.value)].text);
  else editor.area.focus();
});
$("tidy").addEventListener("click", () => attempt(() => {
  const wrong = editor.mistake;
  if (wrong) return editor.goTo(wrong);
  editor.set(pretty(editor.text));
  return presetShown();
}));

function fillIn() {
  const { options: given } = wish;
  if (wish.name) $("name").value = wish.name;
  $("hardened").checked = first.defaults.hardened;
  $("gpus").placeholder = `as the agent is set (${first.defaults.gpus})`;
  if (given) {
    for (const id of ["engine", "gpus", "pull"]) if (given[id] !== first.defaults[id]) $(id).value = given[id];
    $("writable").checked = given.writable_data;
    $("hardened").checked = given.hardened;
    if (given.memory_bytes) $("memory").value = given.memory_bytes / GIB;
    if (given.time_limit_s) $("time-limit").value = given.time_limit_s / 60;
    if (given.idle_limit_s) $("idle-limit").value = given.idle_limit_s / 60;
    if (given.stop_grace_s) $("grace").value = given.stop_grace_s;
    $("env").value = Object.entries(given.env).map(([name, value]) => `${name}=${value}`).join("\n");
    $("more-options").open = Boolean(given.writable_data || given.hardened || given.memory_bytes || given.time_limit_s || given.idle_limit_s || given.stop_grace_s || $("env").value || $("pull").value);
  }
  if (wish.config !== null) editor.set(wish.config);
  plugins.choose(wish.plugin ?? first.plugins.find((one) => one.modes.includes(type))?.id);
  projects.choose(wish.project ?? (first.projects.length === 1 ? first.projects[0].id : null));
  models.choose(wish.model ?? (first.models.length === 1 ? first.models[0].id : null));
  kind(type);
  if (wish.task) {
    $("from").hidden = false;
    $("from").replaceChildren("Filled in from ", el("a", { href: `/tasks/${wish.task}` }, `task ${wish.task}`), ". Change what you like; that task stays as it is.");
  }
  $("notes").hidden = first.notes.length === 0;
  $("notes").replaceChildren(...first.notes.map((note) => el("p", {}, note)));
  $("agents").textContent = first.agents ? "" : "No agent has reported lately: the task waits in the queue until one is started with agent run.";
  $("agents").hidden = first.agents > 0;
}

fillIn();
