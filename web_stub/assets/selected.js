// The rows that a person has selected in a list, and the bar with what can be done to all of them at once.

/** @import { Outcome, OutcomeList } from "./types" */
import { ask, attempt, say, tell } from "./api.js";
import { $, button, dialog, el, fill, input } from "./dom.js";
import * as show from "./pure/format.js";
import { Selection, tagsOf, wayBack } from "./pure/selection.js";
import { removalText } from "./removal.js";

const SHOWN_ERRORS = 3;

/**
 * @typedef {object} SelectedParts
 * @property {"task" | "model" | "project"} noun
 * @property {() => number[]} shown ids of the page, in its order
 * @property {() => void} refresh ask for the list again
 * @property {() => boolean} [isArchive] the list shows archived tasks
 */

/** The first of the sentences, and how many more there are. @param {string[]} reasons */
function sayAll(reasons) {
  for (const reason of reasons.slice(0, SHOWN_ERRORS)) say(reason);
  if (reasons.length > SHOWN_ERRORS) say(`And ${show.count(reasons.length - SHOWN_ERRORS)} more of this kind.`);
}

export class Selected {
  #selection = new Selection();

  /** @param {SelectedParts} parts */
  constructor(parts) {
    this.parts = parts;
    const bar = $("selected");
    bar.addEventListener("keydown", (event) => { if (event.key === "Escape") this.#clear(); });
    button("select-all").addEventListener("click", () => { this.#selection.replace(parts.shown()); this.draw(); });
    button("select-none").addEventListener("click", () => this.#clear());
    button("bulk-tag").addEventListener("click", () => this.#open("bulk-tags"));
    button("bulk-remove").addEventListener("click", () => attempt(() => this.#askRemoval()));
    dialog("bulk-tags").addEventListener("close", () => {
      if (dialog("bulk-tags").returnValue === "save") {
        this.#act("edit", "changed", { tag: tagsOf(input("bulk-on").value), untag: tagsOf(input("bulk-off").value) });
      }
    });
    dialog("bulk-removal").addEventListener("close", () => {
      const results = /** @type {HTMLInputElement | null} */ (document.getElementById("bulk-results"));
      if (dialog("bulk-removal").returnValue === "remove") {
        this.#act("remove", "moved to the trash", results ? { with_results: results.checked } : {}, "restore");
      }
    });
    if (parts.noun === "task") {
      button("bulk-archive").addEventListener("click", () => (parts.isArchive?.()
        ? this.#act("unarchive", "back in the list", {}, "archive") : this.#act("archive", "archived", {}, "unarchive")));
      button("bulk-stop").addEventListener("click", () => {
        const count = show.counted(this.#selection.size, "task");
        if (confirm(`Stop ${count}? Checkpoints reported so far are kept.`)) this.#act("stop", "asked to stop");
      });
    }
  }

  /** A box that selects a row. @param {{id: number, name: string}} item */
  box(item) {
    const box = el("input", { type: "checkbox", "data-id": item.id, "aria-label": `Select ${item.name}`, autocomplete: "off" });
    box.checked = this.#selection.ids.has(item.id);
    box.addEventListener("click", (event) => {
      this.#selection.set(item.id, box.checked, this.parts.shown(), event.shiftKey);
      this.draw();
    });
    return el("label.pick", {}, box);
  }

  /** Boxes and bar as the selection is. */
  draw() {
    const { size, ids } = this.#selection;
    for (const box of document.querySelectorAll(".pick input")) {
      /** @type {HTMLInputElement} */ (box).checked = ids.has(Number(box.getAttribute("data-id")));
    }
    document.body.classList.toggle("selecting", size > 0);
    $("selected").hidden = size === 0;
    $("selected-count").textContent = `${show.counted(size, this.parts.noun)} selected`;
    if (this.parts.noun === "task") button("bulk-archive").textContent = this.parts.isArchive?.() ? "Unarchive" : "Archive";
  }

  #clear() {
    this.#selection.replace([]);
    this.draw();
  }

  /** @param {string} id of a dialog */
  #open(id) {
    for (const field of dialog(id).querySelectorAll("input")) {
      field.value = "";
      field.checked = false;
    }
    dialog(id).returnValue = "";
    dialog(id).showModal();
  }

  async #askRemoval() {
    const ids = [...this.#selection.ids];
    fill($("bulk-removal-text"), await removalText(this.parts.noun, ids));
    $("bulk-removal-title").textContent = `Delete ${show.counted(ids.length, this.parts.noun)}?`;
    this.#open("bulk-removal");
  }

  /**
   * Act on all that are selected. Those that refuse stay selected, and say why.
   * @param {string} action
   * @param {string} done
   * @param {Record<string, unknown>} [more] of the request
   * @param {string} [undo] the action that takes it back
   */
  #act(action, done, more = {}, undo) {
    return attempt(async () => {
      const ids = [...this.#selection.ids];
      const items = await this.#ask(this.parts.noun, ids, action, more);
      const failed = items.filter((one) => one.error !== null);
      const went = items.filter((one) => one.error === null).map((one) => one.id);
      this.#selection.replace(failed.map((one) => one.id));
      this.draw();
      this.parts.refresh();
      const back = undo && (() => attempt(() => this.#takeBack(items, undo)));
      if (went.length) tell(`${show.counted(went.length, this.parts.noun)} ${done}.`, back ? { title: "Undo", act: back } : undefined);
      sayAll([...failed.map((one) => one.error ?? ""), ...items.flatMap((one) => one.stayed)]);
    });
  }

  /** @param {Outcome[]} items what was done @param {string} undo the action that takes it back */
  async #takeBack(items, undo) {
    /** @type {Outcome[]} */
    const outcomes = [];
    for (const { noun, ids } of wayBack(this.parts.noun, items)) outcomes.push(...await this.#ask(noun, ids, undo, {}));
    this.parts.refresh();
    sayAll(outcomes.flatMap(({ error }) => (error === null ? [] : [error])));
  }

  /**
   * @param {SelectedParts["noun"]} noun
   * @param {number[]} ids
   * @param {string} action
   * @param {Record<string, unknown>} more
   * @returns {Promise<Outcome[]>}
   */
  async #ask(noun, ids, action, more) {
    /** @type {OutcomeList} */
    const { items } = await ask(`/api/${noun}s/bulk`, {
      method: "POST", text: JSON.stringify({ ids, action, ...more }),
    });
    return items;
  }
}
