// The legend: what is drawn, in which colour, and whether it is shown.

/** @import { Entry } from "../pure/compare/series.js" */
/** @import { Shown } from "../pure/compare/view.js" */
import { $, button, el, fill } from "../dom.js";
import { isShown } from "../pure/compare/view.js";
import * as show from "../pure/format.js";

export class Legend {
  /** @type {Map<string, HTMLElement>} by key */ #rows = new Map();

  /**
   * @param {{turn: (key: string, isAlone: boolean) => void, all: () => void, point: (key: string | null) => void}} on
   */
  constructor(on) {
    this.on = on;
    button("show-all").addEventListener("click", on.all);
  }

  /**
   * @param {Entry[]} entries
   * @param {Shown} shown
   * @param {(key: string) => string} colour
   * @param {string} title
   */
  draw(entries, shown, colour, title) {
    const old = this.#rows;
    this.#rows = new Map(entries.map((entry) => [entry.key, old.get(entry.key) ?? this.#row(entry)]));
    fill($("legend"), ...entries.map((entry) => {
      const row = /** @type {HTMLElement} */ (this.#rows.get(entry.key));
      const turn = /** @type {HTMLElement} */ (row.firstElementChild);
      turn.setAttribute("aria-pressed", String(isShown(entry.key, shown)));
      /** @type {HTMLElement} */ (turn.firstElementChild).style.background = colour(entry.key);
      /** @type {HTMLElement} */ (turn.lastElementChild).textContent = entry.under; // the status of a run changes
      return row;
    }));
    const on = entries.filter(({ key }) => isShown(key, shown)).length;
    $("legend-title").textContent = title;
    $("legend-count").textContent = on < entries.length
      ? `${show.count(on)} of ${show.count(entries.length)} shown` : show.count(entries.length);
    button("show-all").disabled = on === entries.length;
  }

  /** @param {Entry} entry */
  #row({ key, title, under, runs }) {
    const turn = el("button.legend-turn", {
      type: "button", title: `${title}: click to show or hide, Alt and click for only this`,
      onclick: (/** @type {MouseEvent} */ event) => this.on.turn(key, event.altKey),
    }, el("i.dot"), el("span", {}, title), el("small", {}, under));
    const row = el("div.legend-row", {}, turn, runs.length === 1 && el("a", {
      href: `/tasks/${runs[0]}`, "aria-label": `Open task ${runs[0]}`, title: "Open the task",
    }, "↗"));
    row.addEventListener("pointerenter", () => this.on.point(key));
    row.addEventListener("pointerleave", () => this.on.point(null));
    turn.addEventListener("focus", () => this.on.point(key));
    turn.addEventListener("blur", () => this.on.point(null));
    return row;
  }

  /** @param {string | null} key of an entry that is pointed at in a chart */
  highlight(key) {
    for (const [one, row] of this.#rows) row.classList.toggle("meant", one === key);
  }
}
