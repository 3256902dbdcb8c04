// The pickers of a plugin, a project and a model, in the forms of a new task and a new study.

/** @import { ModelChoice, ModelList, NewStudyPage, PluginChoice, PluginList, ProjectChoice, TaskType } from "./types" */
import { $, el } from "./dom.js";
import { Finder } from "./finder.js";
import { Picker } from "./picker.js";
import * as show from "./pure/format.js";
import { originText } from "./pure/provenance.js";

/**
 * In the page's elements #plugin, #project and #model. The first items are in the page.
 * @param {NewStudyPage} first
 * @param {{type: () => TaskType, onPlugin: () => void, onProject: () => void}} parts
 */
export function taskPickers(first, { type, onPlugin, onProject }) {
  /**
   * @template {{id: number}} T
   * @param {"plugins" | "projects" | "models"} noun
   * @param {(answer: any) => T[]} itemsOf
   */
  const finder = (noun, itemsOf) => {
    /** @type {Finder<T>} */
    const found = new Finder(`/api/${noun}`, { limit: String(first.choices) }, itemsOf);
    found.start(/** @type {any} */ (first[noun]));
    return found;
  };

  /** @type {Picker<PluginChoice>} */
  const plugins = new Picker($("plugin"), {
    name: "plugin-id",
    label: "Plugin",
    noun: "plugin",
    finder: finder("plugins", (/** @type {PluginList} */ { items }) =>
      items.map(({ id, title, image, tag, modes }) => ({ id, name: title, reference: `${image}:${tag}`, modes }))),
    describe: (one) => {
      const none = `${one.reference} has no ${type() === "train" ? "training" : "inference"}`;
      return { title: one.name, under: one.reference, off: one.modes.includes(type()) ? "" : none };
    },
    empty: ["No plugins yet. Add one from a terminal: ", el("code", {}, "agent plugin add FOLDER")],
    onPick: onPlugin,
  });

  /** @type {Picker<ProjectChoice>} */
  const projects = new Picker($("project"), {
    name: "project-id",
    label: "Project",
    noun: "project",
    finder: finder("projects", ({ items }) => items),
    describe: (one) => {
      const origin = one.task_id ? `made by task ${one.task_id}` : `added ${show.ago(one.created_at)}`;
      return { title: one.name, under: `${show.counted(one.images_count, "image")} · ${origin}` };
    },
    empty: ["No projects yet. Add one from a terminal: ", el("code", {}, "agent project add FOLDER")],
    onPick: onProject,
  });

  /** @type {Picker<ModelChoice>} */
  const models = new Picker($("model"), {
    name: "model-id",
    label: "Model to start from",
    noun: "model",
    finder: finder("models", (/** @type {ModelList} */ { items, best }) =>
      items.map(({ id, name, only_train, size_bytes, provenance: { task_id, checkpoint_index } }) => (
        { id, name, only_train, size_bytes, task_id, checkpoint_index, is_best: best.includes(id) }))),
    describe: (one) => ({
      title: one.name,
      tags: [
        one.is_best && el("span.tag.best", {}, "best"),
        one.only_train && el("span.tag.only-train", {}, "transfer learning only"),
      ],
      under: `${originText(one.task_id, one.checkpoint_index)} · ${show.bytes(one.size_bytes)}`,
      off: one.only_train && type() === "inference" ? "For transfer learning only: inference is refused" : "",
    }),
    empty: ["No models yet. ", el("a", { href: "/models/upload" }, "Upload a .tar")],
  });

  return { plugins, projects, models };
}
