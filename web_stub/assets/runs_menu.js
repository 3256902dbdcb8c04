// A menu at a button: opened by click, walked by arrows, closed by Escape, by a choice, or by a click elsewhere.

import { el, fill } from "./dom.js";

const GAP = 4; // pixels

/** @typedef {{title: string, act: () => void, isOff?: boolean}} MenuItem */

export class Menu {
  /** @param {HTMLElement} root a popover */
  constructor(root) {
    this.root = root;
    root.addEventListener("keydown", (event) => this.#walk(event));
  }

  /** @param {HTMLElement} at @param {MenuItem[]} items */
  open(at, items) {
    fill(this.root, ...items.map(({ title, act, isOff = false }) => {
      const choose = () => { this.root.hidePopover(); act(); };
      return el("button", { type: "button", role: "menuitem", tabindex: "-1", disabled: isOff, onclick: choose }, title);
    }));
    this.root.showPopover();
    const [box, own] = [at.getBoundingClientRect(), this.root.getBoundingClientRect()];
    this.root.style.left = `${Math.max(GAP, Math.min(box.right - own.width, innerWidth - own.width - GAP))}px`;
    this.root.style.top = `${Math.min(box.bottom + GAP, innerHeight - own.height - GAP)}px`;
    this.#items[0]?.focus();
  }

  get #items() { return [...this.root.querySelectorAll("button")].filter((one) => !one.disabled); }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const items = this.#items;
    const here = items.findIndex((one) => one === document.activeElement);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Tab") this.root.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    items.at(to % items.length)?.focus();
  }
}
