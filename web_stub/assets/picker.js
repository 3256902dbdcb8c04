// One of many, as a list of radio buttons with a search over it: arrows move, typing narrows.

import { el } from "./dom.js";

const SEARCH_FROM = 7;

export class Picker {
  /**
   * `describe(item)` gives {title, under, off}: `off` says why it cannot be chosen now.
   * `find(words)` asks for more than the page has; it may be left out. `onPick(item)` follows a person's choice.
   */
  constructor(root, { name, label, items, describe, empty, find, onPick }) {
    Object.assign(this, { root, name, items, describe, empty, find, onPick });
    this.chosen = null;
    this.words = "";
    this.search = el("input", { type: "search", placeholder: "Search", "aria-label": `Search: ${label}` });
    this.list = el("div.choices", { role: "radiogroup", "aria-label": label });
    this.search.addEventListener("input", () => this.#searched());
    this.search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    if (items.length >= SEARCH_FROM || find) root.append(this.search);
    root.append(this.list);
  }

  get item() { return this.items.find((item) => item.id === this.chosen) ?? null; }

  choose(id) {
    this.chosen = this.items.some((item) => item.id === id) ? id : null;
    this.draw();
    const label = this.list.querySelector("input:checked")?.closest("label");
    if (label) this.list.scrollTop = label.offsetTop - this.list.offsetTop - 60; // scrollIntoView would move the page, too
  }

  draw() {
    const words = this.words.split(/\s+/);
    const shown = this.items.filter((item) => {
      const { title, under } = this.describe(item);
      return words.every((word) => `${item.id} ${title} ${under}`.toLowerCase().includes(word));
    });
    const hadFocus = this.list.contains(document.activeElement);
    this.list.replaceChildren(...shown.map((item) => this.#choice(item)));
    if (!shown.length) this.list.append(this.items.length ? el("p.quiet", {}, "Nothing matches.") : el("p.quiet", {}, ...this.empty));
    if (hadFocus) this.list.querySelector("input:checked")?.focus();
  }

  #choice(item) {
    const { title, under, off, tags = [] } = this.describe(item);
    const radio = el("input", { type: "radio", name: this.name, value: String(item.id), checked: item.id === this.chosen, disabled: Boolean(off) });
    radio.addEventListener("change", () => { this.chosen = item.id; this.onPick(item); });
    return el(`label.choice${off ? ".off" : ""}`, {}, radio, el("span.number", {}, item.id), el("span.title", {}, title, ...tags), el("span.under", {}, off || under));
  }

  #searched() {
    this.words = this.search.value.trim().toLowerCase();
    this.draw();
    clearTimeout(this.timer);
    if (!this.find || !this.words) return;
    this.timer = setTimeout(async () => {
      const more = await this.find(this.words).catch(() => []);
      const known = new Set(this.items.map((item) => item.id));
      this.items = [...this.items, ...more.filter((item) => !known.has(item.id))];
      this.draw();
    }, 250);
  }
}
