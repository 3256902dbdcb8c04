// The selection of the table of runs, of all its pages: boxes, Shift for a range, arrows from row to row, and what it leads to.

import { $, button, el, link } from "./dom.js";
import * as show from "./pure/format.js";
import { between, coverage, withIds } from "./pure/run_selection.js";
import { compareAddress } from "./pure/run_state.js";
import { at } from "./pure/site.js";

/**
 * @typedef {object} SelectionParts
 * @property {() => number[]} ids of the runs on this page, in the order of their rows
 * @property {() => number[]} selected ids
 * @property {(ids: number[]) => void} select
 */

export class RunSelection {
  /** The row from which Shift selects. @type {number | null} */ #anchor = null;

  #all = el("input", { type: "checkbox", "aria-label": "Select all runs of this page" });
  /** The cell of the head with the box for all. */
  lead = el("th.lead", { scope: "col" }, el("div", {}, el("label.pick", {}, this.#all), el("span.number", {}, "Run")));

  /** @param {SelectionParts} parts */
  constructor(parts) {
    this.parts = parts;
    this.#all.addEventListener("change", () => this.#select(withIds(parts.selected(), parts.ids(), this.#all.checked)));
    button("clear").addEventListener("click", () => { this.#select([]); this.#all.focus(); });
    $("rows").addEventListener("keydown", (event) => this.#walk(event));
  }

  /** @param {number} id @param {boolean} isOn @param {boolean} isRange */
  pick(id, isOn, isRange) {
    const ids = isRange ? between(this.parts.ids(), this.#anchor, id) : [id];
    this.#anchor = id;
    this.#select(withIds(this.parts.selected(), ids, isOn));
  }

  /** @param {number[]} ids */
  #select(ids) {
    this.parts.select(ids);
    this.draw();
  }

  draw() {
    const [selected, page] = [this.parts.selected(), this.parts.ids()];
    const known = new Set(selected);
    for (const row of $("rows").children) {
      const isOn = known.has(Number(/** @type {HTMLElement} */ (row).dataset.id));
      row.classList.toggle("chosen", isOn);
      const box = row.querySelector("input");
      if (box) box.checked = isOn;
    }
    const covered = coverage(page, selected);
    this.#all.checked = covered === "all" && page.length > 0;
    this.#all.indeterminate = covered === "some";
    this.#all.disabled = page.length === 0;
    const count = selected.length;
    $("selected-count").textContent = count ? `${show.count(count)} selected` : "";
    link("compare-runs").href = at(compareAddress(selected));
    link("compare-runs").hidden = count < 2;
    button("clear").hidden = count === 0;
  }

  /** Arrows lead from row to row. @param {KeyboardEvent} event */
  #walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !(event.target instanceof HTMLInputElement)) return;
    const boxes = [...$("rows").querySelectorAll("input")];
    boxes[boxes.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  }
}
