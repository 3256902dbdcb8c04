// Choosing one item of many: a list of radio buttons, with a search over everything the server has.

/** @import { Child } from "./dom.js" */
/** @import { Finder } from "./finder.js" */
import { attempt } from "./api.js";
import { el, fill } from "./dom.js";
import { ignoreEnter, onPause } from "./pieces.js";

const SEARCH_FROM = 7; // items
const PAUSE_MS = 200;

/**
 * A choice in words; `off` says why it cannot be chosen now, and is empty where it can.
 * @typedef {{title: string, under: string, off?: string, tags?: Child[]}} Described
 */
/**
 * @template {{id: number}} T
 * @typedef {object} PickerParts
 * @property {string} name of the radio buttons
 * @property {string} label
 * @property {string} noun
 * @property {Finder<T>} finder with the first items
 * @property {(item: T) => Described} describe
 * @property {Child[]} empty for a picker without items: what to do
 * @property {(item: T) => void} [onPick] follows a person's choice
 */

/**
 * @template {{id: number}} T
 */
export class Picker {
  /** The chosen item, which may be none of those listed now. @type {T | null} */ item = null;

  /**
   * @param {HTMLElement} root
   * @param {PickerParts<T>} parts
   */
  constructor(root, parts) {
    this.parts = parts;
    const search = el("input", {
      type: "search", placeholder: "Search", autocomplete: "off", "aria-label": `Search all: ${parts.label}`,
    });
    this.list = el("div.choices", { role: "radiogroup", "aria-label": parts.label });
    this.foot = el("p.choices-foot.quiet", { role: "status" });
    this.more = el("button.button.small", { type: "button" }, "Show more");
    onPause(search, PAUSE_MS, (words) => attempt(async () => { if (await parts.finder.find(words)) this.draw(); }));
    this.more.addEventListener("click", () => attempt(async () => { if (await parts.finder.more()) this.draw(); }));
    ignoreEnter(search);
    if (parts.finder.total >= SEARCH_FROM) root.append(search);
    root.append(this.list, el("div.choices-end", {}, this.foot, this.more));
  }

  /** Id of the chosen item. */
  get chosen() { return this.item?.id ?? null; }

  /** Why the chosen item cannot be taken now; empty where it can, or where none is chosen. */
  get off() { return (this.item && this.parts.describe(this.item).off) ?? ""; }

  /** @param {T | null | undefined} item */
  choose(item) {
    this.item = item ?? null;
    this.draw();
    const label = this.list.querySelector("input:checked")?.closest("label");
    if (label) this.list.scrollTop = label.offsetTop - this.list.offsetTop - 60; // scrollIntoView would move the page, too
  }

  draw() {
    const { finder, noun, empty } = this.parts;
    const { item } = this;
    const isListed = item === null || finder.items.some((one) => one.id === item.id);
    const shown = isListed ? finder.items : [item, ...finder.items];
    const hadFocus = this.list.contains(document.activeElement);
    const none = finder.words ? ["Nothing matches."] : empty;
    fill(this.list, ...shown.map((one) => this.#choice(one)), !finder.items.length && el("p.quiet", {}, ...none));
    if (hadFocus) /** @type {HTMLElement | null} */ (this.list.querySelector("input:checked"))?.focus();
    this.foot.textContent = finder.words || finder.hasMore ? finder.text(noun) : "";
    this.more.hidden = !finder.hasMore;
  }

  /** @param {T} item */
  #choice(item) {
    const { title, under, off = "", tags = [] } = this.parts.describe(item);
    const radio = el("input", {
      type: "radio", name: this.parts.name, value: String(item.id), checked: item.id === this.chosen, disabled: off !== "",
    });
    radio.addEventListener("change", () => { this.item = item; this.parts.onPick?.(item); });
    return el(`label.choice${off ? ".off" : ""}`, {}, radio, el("span.number", {}, item.id),
      el("span.title", {}, title, ...tags), el("span.under", {}, off || under));
  }
}
