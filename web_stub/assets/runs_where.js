// The condition of the table of runs: an input that completes names of columns and shows the place of a fault.

import { $, el, fill, input } from "./dom.js";
import { completed, completions, wordAt } from "./pure/where_text.js";

/**
 * @typedef {object} WhereParts
 * @property {() => string[]} keys names of columns
 * @property {(where: string) => void} onChange follows Enter and the end of editing
 */

export class Where {
  #input = input("where");
  #options = $("where-options");
  /** @type {string[]} */ #offered = [];
  #active = -1;

  /** @param {WhereParts} parts */
  constructor(parts) {
    this.parts = parts;
    const field = this.#input;
    field.addEventListener("input", () => this.#offer());
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("blur", () => this.#close());
    field.addEventListener("change", () => this.#done());
    this.#options.addEventListener("mousedown", (event) => event.preventDefault()); // the input keeps the focus
  }

  /** The condition in use. @param {string} where */
  show(where) {
    if (this.#input.value.trim() === where) return;
    this.#input.value = where;
  }

  /** What is typed, whether in use or not. */
  get text() { return this.#input.value.trim(); }

  /**
   * Say what is wrong, and where; nothing is wrong with an empty sentence.
   * @param {string} said
   * @param {number | null} place in the condition
   */
  fault(said, place = null) {
    const box = $("where-fault");
    this.#input.setAttribute("aria-invalid", String(said !== ""));
    box.hidden = said === "";
    if (!said) return fill(box);
    const text = this.text;
    const at = place === null ? null : Math.min(place, text.length);
    const sign = at === null ? "" : String.fromCodePoint(text.codePointAt(at) ?? 32);
    fill(box, at !== null && el("code", {}, text.slice(0, at), el("mark", {}, sign), text.slice(at + sign.length)),
      el("p", {}, at === null ? said : `Character ${[...text.slice(0, at)].length + 1}: ${said}`));
    if (at !== null && document.activeElement === this.#input) this.#input.setSelectionRange(at, at);
  }

  #done() {
    this.#close();
    this.parts.onChange(this.text);
  }

  get #caret() { return this.#input.selectionStart ?? this.#input.value.length; }

  #offer() {
    const found = wordAt(this.#input.value, this.#caret);
    this.#offered = found ? completions(this.parts.keys(), found.word) : [];
    this.#active = -1;
    this.#draw();
  }

  #draw() {
    const isOpen = this.#offered.length > 0;
    fill(this.#options, ...this.#offered.map((key, i) => el("li.mono", {
      id: `where-option-${i}`, role: "option", "aria-selected": String(i === this.#active), onclick: () => this.#take(key),
    }, key)));
    this.#options.hidden = !isOpen;
    this.#input.setAttribute("aria-expanded", String(isOpen));
    if (this.#active >= 0) this.#input.setAttribute("aria-activedescendant", `where-option-${this.#active}`);
    else this.#input.removeAttribute("aria-activedescendant");
    this.#options.children[this.#active]?.scrollIntoView({ block: "nearest" });
  }

  #close() {
    this.#offered = [];
    this.#active = -1;
    this.#draw();
  }

  /** @param {string} key */
  #take(key) {
    const { text, caret } = completed(this.#input.value, this.#caret, key);
    this.#input.value = text;
    this.#input.setSelectionRange(caret, caret);
    this.#close();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const count = this.#offered.length;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && count) {
      this.#active = (this.#active + step + count + (this.#active < 0 && step < 0 ? 1 : 0)) % count;
      this.#draw();
    } else if (event.key === "Escape" && count) this.#close();
    else if ((event.key === "Enter" || event.key === "Tab") && this.#active >= 0) this.#take(this.#offered[this.#active]);
    else if (event.key === "Enter") this.#done();
    else return;
    event.preventDefault();
  }
}
