// Charts in their groups: made where they are seen, found by name, folded, pinned.

/** @import { Group } from "./pure/metric_groups.js" */
import { $, el, fill } from "./dom.js";
import * as show from "./pure/format.js";
import { PINNED } from "./pure/metric_groups.js";

const NEAR = "400px"; // around the window, where charts are drawn already
const MANY = 12; // charts, from which on they scroll in a box of their own, so that the log stays in reach

/**
 * What the list needs of a chart: `sleep` gives its memory back until it is drawn again.
 * @typedef {{root: HTMLElement, isPinned: boolean, sleep: () => void, close: () => void}} Listed
 */
/**
 * @template {Listed} C
 * @typedef {object} ChartListParts
 * @property {(name: string) => C} make a chart of a metric
 * @property {(names: string[]) => void} onSeen charts that have come into view
 * @property {(group: string) => void} fold
 */

/** @template {Listed} C */
export class ChartList {
  /** @type {Map<string, C>} by metric */ #charts = new Map();
  /** @type {Map<Element, string>} the metric of a box */ #names = new Map();
  /** @type {Set<string>} metrics in view */ #seen = new Set();
  /** @type {Map<string, {root: HTMLElement, head: HTMLButtonElement, title: HTMLElement, count: HTMLElement, grid: HTMLElement}>} */
  #groups = new Map();

  /** @param {ChartListParts<C>} parts */
  constructor(parts) {
    this.parts = parts;
    this.observer = new IntersectionObserver((entries) => this.#moved(entries), { rootMargin: `${NEAR} 0px` });
  }

  /** @param {string} name */
  isSeen(name) { return this.#seen.has(name); }

  /** @param {string} name @returns {C | undefined} */
  chart(name) { return this.#charts.get(name); }

  get seen() { return [...this.#seen]; }

  /**
   * @param {Group[]} groups
   * @param {string[]} pinned
   */
  show(groups, pinned) {
    const shown = groups.filter(({ isOpen }) => isOpen).flatMap(({ names }) => names);
    const wanted = new Set(shown);
    for (const [name, chart] of this.#charts) if (!wanted.has(name)) this.#forget(name, chart);
    fill($("charts"), ...groups.map((group) => this.#group(group, pinned)));
    $("charts").classList.toggle("many", shown.length > MANY || groups.length > MANY);
    const names = groups.flatMap((group) => group.names);
    $("metrics-count").textContent = names.length > 1 ? show.count(names.length) : "";
  }

  /** @param {Group} group @param {string[]} pinned */
  #group({ key, title, names, isOpen }, pinned) {
    let known = this.#groups.get(key);
    if (!known) {
      const [name, count, grid] = [el("span.group-title"), el("span.count"), el("div.chart-grid")];
      const head = el("button.group-head", { type: "button", onclick: () => this.parts.fold(key) }, name, count);
      known = { root: el("section.chart-group", {}, el("h3", {}, head), grid), head, title: name, count, grid };
      this.#groups.set(key, known);
    }
    known.title.textContent = title;
    known.count.textContent = show.count(names.length);
    known.head.setAttribute("aria-expanded", String(isOpen));
    /** @type {HTMLElement} */ (known.head.parentElement).hidden = title === "";
    known.root.classList.toggle("pinned", key === PINNED);
    fill(known.grid, ...(isOpen ? names.map((name) => this.#box(name, pinned.includes(name))) : []));
    return known.root;
  }

  /** @param {string} name @param {boolean} isPinned */
  #box(name, isPinned) {
    let chart = this.#charts.get(name);
    if (!chart) {
      chart = this.parts.make(name);
      this.#charts.set(name, chart);
      this.#names.set(chart.root, name);
      this.observer.observe(chart.root);
    }
    chart.isPinned = isPinned;
    return chart.root;
  }

  /** @param {string} name @param {C} chart */
  #forget(name, chart) {
    this.observer.unobserve(chart.root);
    this.#names.delete(chart.root);
    this.#charts.delete(name);
    this.#seen.delete(name);
    chart.close();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #moved(entries) {
    const come = [];
    for (const { target, isIntersecting } of entries) {
      const name = this.#names.get(target);
      if (name === undefined) continue;
      if (isIntersecting && !this.#seen.has(name)) come.push(name);
      if (isIntersecting) this.#seen.add(name);
      else if (this.#seen.delete(name)) this.#charts.get(name)?.sleep();
    }
    if (come.length) this.parts.onSeen(come);
  }
}
