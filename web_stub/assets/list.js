// The list of a page: chips for its groups, a search, an order, rows page by page, a text for an empty list.

/** @import { Answer, Chosen, Group } from "./pure/list_state.js" */
import { Address } from "./address.js";
import { ask, attempt } from "./api.js";
import { $, button, el, input, select } from "./dom.js";
import { listen } from "./live.js";
import { chips, ignoreEnter, onPause } from "./pieces.js";
import * as show from "./pure/format.js";
import { ListState, NOTHING_CHOSEN } from "./pure/list_state.js";

const PAUSE_MS = 200; // in typing, before the server is asked

/** A stream begins with items that the page has already. @param {unknown} one @param {unknown} other */
const isSame = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);

/**
 * @template {{id: number}} T
 * @template {Answer<T>} A
 * @typedef {object} ListParts
 * @property {Group[]} groups
 * @property {[key: string, title: string][]} sorts orders beside the first, which is the server's own
 * @property {number} limit of rows on a page
 * @property {A | null} first the answer for an address without a query
 * @property {HTMLElement} rows where the rows go
 * @property {HTMLElement} box hidden while no row is shown
 * @property {(item: T, mark: string) => HTMLElement} row
 * @property {(answer: A) => (item: T) => string} [marks] of an item: a word that its row depends on
 * @property {string} noun
 * @property {string} none for a list without any item: what to do
 * @property {(answer: A, group: string) => string} [summary] more about all that match
 * @property {string} address of the list under /api
 * @property {{address: string, name: string}} [live] the stream of the list under /api, and the name of its messages
 * @property {(items: T[]) => void} [onDraw] follows every drawing
 */

/**
 * @template {{id: number}} T
 * @template {Answer<T>} A
 */
export class List {
  /** @type {Map<number, {item: T, mark: string, row: HTMLElement}>} */ #made = new Map();
  /** @type {Address<Chosen>} */ #address;
  #turn = 0; // grows with every question; the answer to an older question is dropped
  #stop = () => {};

  /** @param {ListParts<T, A>} parts */
  constructor(parts) {
    this.parts = parts;
    /** @type {ListState<T, A>} */
    this.state = new ListState(parts.groups, parts.limit);
    this.#address = new Address(NOTHING_CHOSEN, () => this.#moved());
    onPause(input("search"), PAUSE_MS, (text) => { if (text !== this.state.chosen.text) this.#choose({ page: "1" }); });
    ignoreEnter(input("search"));
    for (const [key, title] of parts.sorts) select("sort").append(el("option", { value: key }, title));
    select("sort").addEventListener("change", () => this.#choose({ sort: select("sort").value, page: "1" }, true));
    button("previous").addEventListener("click", () => this.#turnTo(this.state.page - 1));
    button("next").addEventListener("click", () => this.#turnTo(this.state.page + 1));
    addEventListener("pageshow", () => this.#controls()); // a browser may fill in old values by itself
    this.state.chosen = this.#address.values;
    this.#controls();
    if (location.search === "" && parts.first) this.#answered(parts.first);
    else attempt(() => this.#ask());
  }

  /** Show an item as it is now. @param {T} item */
  replace(item) {
    this.state.replace(item);
    this.draw();
  }

  /** Ids of the rows, in their order. */
  get ids() { return this.state.items.map((item) => item.id); }

  /** Ask for the same page again, after a change that no stream tells. */
  refresh() { return attempt(() => this.#ask()); }

  /** @param {Partial<Chosen>} changes @param {boolean} [isStep] */
  #choose(changes, isStep = false) {
    const text = input("search").value.trim(); // perhaps typed a moment ago
    this.#address.set({ text, ...changes }, { isStep });
    this.#moved();
  }

  /** @param {number} page */
  #turnTo(page) {
    this.#choose({ page: String(page) }, true);
    scrollTo({ top: 0 });
  }

  #moved() {
    this.state.chosen = this.#address.values;
    this.#controls();
    attempt(() => this.#ask());
  }

  #controls() {
    const { text, sort } = this.state.chosen;
    if (input("search").value.trim() !== text) input("search").value = text;
    select("sort").value = sort;
    if (select("sort").value !== sort) select("sort").value = "";
  }

  async #ask() {
    const turn = this.#turn += 1;
    this.#stop();
    const answer = await ask(`${this.parts.address}?${this.state.query}`);
    if (turn === this.#turn) this.#answered(answer);
  }

  /** @param {A} answer */
  #answered(answer) {
    const { state } = this;
    state.answer = answer;
    if (!answer.items.length && answer.total > 0) { // rows were removed, or the address names a page too far
      this.#choose({ page: String(state.pages) });
      return;
    }
    this.draw();
    this.#follow();
  }

  /** Keep the page current by a stream, whose messages have the changed items and the ids of all. */
  #follow() {
    const { live } = this.parts;
    if (!live) return;
    const { query } = this.state;
    this.#stop = listen(`${live.address}?${query}`, 0, {
      [live.name]: (/** @type {{ids: number[]} & Record<string, any>} */ { ids, [live.name]: changed, ...facts }) => {
        const fresh = this.state.change(changed, ids, /** @type {any} */ (facts));
        this.draw();
        for (const id of fresh) this.#made.get(id)?.row.classList.add("fresh");
      },
    });
  }

  draw() {
    const { state } = this;
    const { answer, items } = state;
    if (!answer) return;
    const { box, noun, none, summary, onDraw } = this.parts;
    this.#place(this.#rows(items, answer));
    const first = state.groups[0].key;
    chips($("chips"), state.groups.length > 1 ? state.counts : [], (key) =>
      this.#choose({ show: key === first ? "" : key, page: "1" }, true));
    const texts = [state.rangeText(noun), summary?.(answer, state.group.key)];
    $("summary").textContent = answer.total ? texts.filter(Boolean).join(" · ") : "";
    box.hidden = items.length === 0;
    $("none").hidden = items.length > 0;
    const { isWhole } = state;
    $("none-title").textContent = isWhole ? `No ${noun}s yet` : `No ${noun} matches`;
    $("none-text").textContent = isWhole ? none : "Choose another group or search for less.";
    for (const id of ["none-command", "none-action"]) document.getElementById(id)?.toggleAttribute("hidden", !isWhole);
    this.#pager();
    onDraw?.(items);
  }

  #pager() {
    const { page, pages } = this.state;
    $("pager").hidden = pages === 1;
    button("previous").disabled = page <= 1;
    button("next").disabled = page >= pages;
    $("page-of").textContent = `Page ${show.count(page)} of ${show.count(pages)}`;
  }

  /** Rows of these items; a row is made anew when something in its item or its mark has changed. @param {T[]} items @param {A} answer */
  #rows(items, answer) {
    const mark = this.parts.marks?.(answer);
    const made = new Map(items.map((item) => {
      const wanted = { item, mark: mark?.(item) ?? "" };
      const known = this.#made.get(item.id);
      const isKnown = known && known.mark === wanted.mark && isSame(known.item, item);
      return [item.id, isKnown ? known : { ...wanted, row: this.parts.row(item, wanted.mark) }];
    }));
    this.#made = made;
    return [...made.values()].map(({ row }) => row);
  }

  /** Rows that stay where they are are not touched: a button in them keeps the focus. @param {HTMLElement[]} rows */
  #place(rows) {
    const box = this.parts.rows;
    const wanted = new Set(rows);
    for (const row of [...box.children]) if (!wanted.has(/** @type {HTMLElement} */ (row))) row.remove();
    rows.forEach((row, i) => { if (box.children[i] !== row) box.insertBefore(row, box.children[i] ?? null); });
  }
}
