// The head of the table of runs: a button to sort by for each column, and one for its menu.

/** @import { SortKey } from "./pure/run_sort.js" */
import { el, fill } from "./dom.js";
import { heading } from "./pure/run_keys.js";
import { spoken } from "./pure/run_columns.js";
import { sortMark } from "./pure/run_sort.js";

/** @typedef {{key: string, isRight: boolean, hasMenu: boolean}} HeadColumn */
/**
 * @typedef {object} HeadParts
 * @property {HTMLElement} row
 * @property {HTMLElement} lead the first cell
 * @property {(key: string, isAdding: boolean) => void} sort
 * @property {(key: string, at: HTMLElement) => void} menu
 */

/** A column of a table of groups that is none of runs. @type {Record<string, string>} */
const OTHER = { count: "runs" };

export class RunHead {
  /** @type {Map<string, {cell: HTMLElement, mark: HTMLElement}>} */ #made = new Map();

  /** @param {HeadParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /** @param {HeadColumn[]} columns @param {SortKey[]} sort */
  draw(columns, sort) {
    const shown = columns.map((column) => {
      const known = this.#made.get(this.#name(column)) ?? this.#cell(column);
      this.#made.set(this.#name(column), known);
      const { aria, mark } = sortMark(sort, column.key);
      if (aria) known.cell.setAttribute("aria-sort", aria);
      else known.cell.removeAttribute("aria-sort");
      if (known.mark.textContent !== mark) known.mark.textContent = mark;
      return known.cell;
    });
    const { row, lead } = this.parts;
    const active = document.activeElement;
    const hadFocus = row.contains(active);
    fill(row, lead, ...shown);
    if (!hadFocus || row.contains(document.activeElement)) return; // a cell that moves loses it
    /** @type {HTMLElement | null} */ (row.contains(active) ? active : row.querySelector("button"))?.focus();
  }

  /** The button that opened the menu of a column. @param {string} key @returns {HTMLElement | null} */
  menuOf(key) {
    return [...this.parts.row.querySelectorAll("button")].find((one) => one.dataset.menu === key) ?? null;
  }

  /** @param {HeadColumn} column */
  #name({ key, isRight, hasMenu }) { return JSON.stringify([key, isRight, hasMenu]); }

  /** @param {HeadColumn} column */
  #cell({ key, isRight, hasMenu }) {
    const { over, name } = OTHER[key] ? { over: "", name: OTHER[key] } : heading(key);
    const mark = el("i.mark", { "aria-hidden": "true" });
    const sort = el("button.sort", {
      type: "button", title: `${key}\nClick to sort, with Shift to sort further`,
      onclick: (/** @type {MouseEvent} */ event) => this.parts.sort(key, event.shiftKey),
    }, el("small", {}, over), el("span", {}, name, " ", mark));
    const more = hasMenu && el("button.more-of", {
      type: "button", "data-menu": key, "aria-haspopup": "menu", "aria-label": `More for ${spoken(key)}`,
    }, "⋯");
    if (more) more.addEventListener("click", () => this.parts.menu(key, more));
    const cell = el(`th${isRight ? ".right" : ""}`, { scope: "col" }, el("div.head-cell", {}, sort, more));
    return { cell, mark };
  }
}
