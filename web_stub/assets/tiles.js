// A grid of many tiles: of thousands, only those in sight and around it are on the page.

import { fill } from "./dom.js";
import { rowsInSight } from "./pure/rows.js";

const ALL = 480; // tiles up to this number are all on the page
const MARGIN = 1500; // pixels above and below the window

/** @template {{id: number}} T */
export class Tiles {
  /** @type {T[]} */ #items = [];
  /** Tiles on the page by the id of their item. @type {Map<number, HTMLElement>} */ #made = new Map();
  #row = 1; // height of a row in pixels, as last seen
  #isScheduled = false;

  /**
   * @param {HTMLElement} grid whose padding grows by `--before` and `--after`
   * @param {(item: T) => HTMLElement} tile all of one height
   */
  constructor(grid, tile) {
    this.grid = grid;
    this.tile = tile;
    const later = () => {
      if (this.#isScheduled || this.count <= ALL) return;
      this.#isScheduled = true;
      requestAnimationFrame(() => { this.#isScheduled = false; this.#draw(); });
    };
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later, { passive: true });
  }

  get count() { return this.#items.length; }

  /** @param {T[]} items in place of all others */
  replace(items) {
    this.#items = items;
    this.#made.clear();
    this.#draw();
  }

  /** @param {T[]} items */
  append(items) {
    this.#items.push(...items);
    this.#draw();
  }

  #draw() {
    const { from, to, before, after } = this.#rows();
    const items = this.#items.slice(from, to);
    this.#made = new Map(items.map((item) => [item.id, this.#made.get(item.id) ?? this.tile(item)]));
    fill(this.grid, ...this.#made.values());
    this.grid.style.setProperty("--before", `${before}px`);
    this.grid.style.setProperty("--after", `${after}px`);
  }

  #rows() {
    const { count, grid } = this;
    if (count <= ALL || !grid.clientWidth) return { from: 0, to: Math.min(count, ALL), before: 0, after: 0 };
    const style = getComputedStyle(grid);
    const first = grid.firstElementChild;
    if (first) this.#row = first.getBoundingClientRect().height + parseFloat(style.rowGap);
    return rowsInSight({
      top: grid.getBoundingClientRect().top,
      height: innerHeight,
      row: this.#row,
      columns: style.gridTemplateColumns.split(" ").length,
      count,
      margin: MARGIN,
    });
  }
}
