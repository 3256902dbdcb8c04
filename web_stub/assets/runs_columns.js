// The dialog in which the columns of the table of runs are chosen, found by name and put into order.

/** @import { RunColumns } from "./types" */
/** @import { Choice } from "./pure/run_columns.js" */
import { $, button, dialog, el, fill, input } from "./dom.js";
import { ignoreEnter, onPause } from "./pieces.js";
import * as show from "./pure/format.js";
import { choices, defaultColumns, isKey, moved, spoken } from "./pure/run_columns.js";

const PAUSE_MS = 100;
const MOST = 100; // choices of a group that are drawn

export class ColumnsDialog {
  /** The columns as they would be. @type {string[]} */ #draft = [];
  /** @type {RunColumns | null} */ #known = null;

  /** @param {(columns: string[], isUsual: boolean) => void} onApply */
  constructor(onApply) {
    const root = dialog("columns");
    onPause(input("columns-search"), PAUSE_MS, () => this.#drawChoices());
    ignoreEnter(input("columns-search"));
    button("columns-usual").addEventListener("click", () => this.#set(this.#usual));
    root.addEventListener("close", () => {
      if (root.returnValue !== "apply") return;
      onApply(this.#draft, this.#draft.join() === this.#usual.join());
    });
  }

  get #usual() { return this.#known ? defaultColumns(this.#known) : []; }

  /** @param {RunColumns} known @param {string[]} shown */
  open(known, shown) {
    this.#known = known;
    input("columns-search").value = "";
    dialog("columns").returnValue = "";
    dialog("columns").showModal();
    this.#set(shown);
  }

  /** @param {string[]} columns */
  #set(columns) {
    this.#draft = columns;
    this.#drawChoices();
    this.#drawOrder();
    button("columns-apply").disabled = columns.length === 0;
  }

  #drawChoices() {
    if (!this.#known) return;
    const words = input("columns-search").value.trim();
    const groups = choices(this.#known, words);
    const count = groups.reduce((all, one) => all + one.choices.length, 0);
    const isOwn = isKey(words) && !groups.some((one) => one.choices.some(({ values }) => values.some(([, key]) => key === words)));
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
    const list = $("columns-choices");
    const { scrollTop } = list;
    fill(list,
      isOwn && el("label.column-choice", {}, el("span.title", {}, `${words}, as typed`), this.#box(words, "")),
      ...groups.flatMap((group) => (group.choices.length ? [
        el("h3", {}, `${group.title} `, el("small", {}, this.#of(Math.min(MOST, group.choices.length), group.of))),
        ...group.choices.slice(0, MOST).map((choice) => this.#choice(choice)),
      ] : [])),
      count === 0 && !isOwn && el("p.quiet", {}, "Nothing matches. A value at an epoch is typed: metrics.val.loss@10"));
    list.scrollTop = scrollTop;
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {number} shown @param {number} all */
  #of(shown, all) { return shown === all ? show.count(all) : `${show.count(shown)} of ${show.count(all)}`; }

  /** @param {Choice} choice */
  #choice({ title, under, values }) {
    const text = [el("span.title", {}, title), el("span.under", {}, under)];
    if (values.length === 1) return el("label.column-choice", {}, ...text, this.#box(values[0][1], ""));
    return el("div.column-choice", { role: "group", "aria-label": title }, ...text,
      el("span.values", {}, ...values.map(([name, key]) => el("label.check", {}, this.#box(key, `${title} ${name}`), name))));
  }

  /** @param {string} key @param {string} label */
  #box(key, label) {
    const box = el("input", { type: "checkbox", checked: this.#draft.includes(key), "data-key": key, "aria-label": label || null });
    box.addEventListener("change", () =>
      this.#set(box.checked ? [...this.#draft, key] : this.#draft.filter((one) => one !== key)));
    return box;
  }

  #drawOrder() {
    const last = this.#draft.length - 1;
    fill($("columns-shown"), ...this.#draft.map((key, i) => {
      const act = (/** @type {string} */ sign, /** @type {string} */ what, /** @type {boolean} */ isOff, /** @type {string[]} */ after) =>
        el("button.icon-small", {
          type: "button", "data-act": `${what} ${key}`, "aria-label": `${what}: ${spoken(key)}`, disabled: isOff,
          onclick: () => { this.#set(after); this.#focus(`${what} ${key}`, i); },
        }, sign);
      return el("li", {}, el("span.title", { title: key }, spoken(key)),
        act("↑", "Move left", i === 0, moved(this.#draft, key, -1)),
        act("↓", "Move right", i === last, moved(this.#draft, key, 1)),
        act("×", "Remove", false, this.#draft.filter((one) => one !== key)));
    }));
  }

  /** The button that was pressed, or a near one where it is off or gone. @param {string} act @param {number} i */
  #focus(act, i) {
    const buttons = [...$("columns-shown").querySelectorAll("button")];
    const same = buttons.find((one) => one.dataset.act === act && !one.disabled);
    const row = $("columns-shown").children[Math.min(i, this.#draft.length - 1)];
    /** @type {HTMLElement} */ (same ?? row?.querySelector("button:not(:disabled)") ?? input("columns-search")).focus();
  }
}
