// Saved views of the table of runs: addresses under names, kept by this browser.

/** @import { View } from "./pure/saved_views.js" */
import { $, button, dialog, el, fill, input } from "./dom.js";
import { renamed, viewAt, viewQuery, viewsOf, withView, withoutView } from "./pure/saved_views.js";

const KEY = "runs-views";

export class ViewsDialog {
  constructor() {
    button("views-open").addEventListener("click", () => this.#open());
    $("views-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = input("views-name").value;
      if (!name.trim()) return this.#refuse("Type a name for the view.");
      this.#keep(withView(this.#views, name, location.search));
      input("views-name").value = "";
    });
    addEventListener("storage", ({ key }) => { if (key === KEY) this.mark(); });
  }

  get #views() {
    try { return viewsOf(localStorage.getItem(KEY)); } catch { return []; }
  }

  /** The button says which view is shown. */
  mark() {
    const view = viewAt(this.#views, location.search);
    button("views-open").textContent = view ? `View: ${view.name}` : "Views";
  }

  /** @param {View[]} views */
  #keep(views) {
    try {
      localStorage.setItem(KEY, JSON.stringify(views));
    } catch {
      return this.#refuse("This browser keeps nothing for this page: allow it to store data, or keep the address.");
    }
    this.#refuse("");
    this.#draw();
    this.mark();
  }

  /** @param {string} sentence */
  #refuse(sentence) {
    $("views-refusal").textContent = sentence;
    $("views-refusal").hidden = sentence === "";
  }

  #open() {
    this.#refuse("");
    this.#draw();
    dialog("views").showModal();
  }

  #draw() {
    const here = viewQuery(location.search);
    const views = this.#views;
    fill($("views-list"), ...views.map((view) => this.#item(view, view.query === here)),
      !views.length && el("li.quiet", {}, "None yet."));
  }

  /** @param {View} view @param {boolean} isHere */
  #item(view, isHere) {
    const { name, query } = view;
    const item = el("li", {},
      el("a", { href: `/runs${query && `?${query}`}`, "aria-current": isHere ? "true" : null }, name),
      el("button.button.small", { type: "button", "aria-label": `Rename ${name}`, onclick: () => this.#rename(item, view) }, "Rename"),
      el("button.button.small", {
        type: "button", "aria-label": `Remove ${name}`,
        onclick: () => { this.#keep(withoutView(this.#views, name)); input("views-name").focus(); },
      }, "Remove"));
    return item;
  }

  /** @param {HTMLElement} item @param {View} view */
  #rename(item, { name }) {
    const field = el("input", { type: "text", value: name, maxLength: 80, "aria-label": `New name of ${name}` });
    const form = el("form.view-form", {}, field, el("button.button.small", {}, "Save"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [before, to] = [this.#views, field.value.trim()];
      const views = renamed(before, name, to);
      if (!to) return this.#refuse("Type a name for the view.");
      if (views === before && to !== name) return this.#refuse(`There is a view ${to} already.`);
      this.#keep(views);
    });
    fill(item, form);
    field.select();
  }
}
