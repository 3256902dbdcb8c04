// The config's editor: a plain text area with line numbers, and a sentence about the first mistake with its place.

/** @import { Found } from "./pure/json_text.js" */
import { $, el, fill } from "./dom.js";
import { lineCount, newLine, scrollTo } from "./pure/editing.js";
import { mistake } from "./pure/json_text.js";

export class Editor {
  /** @param {(text: string) => void} onChange after every edit of the person, not after `set` */
  constructor(onChange) {
    this.area = $("config", HTMLTextAreaElement);
    this.area.addEventListener("input", () => { this.#look(); onChange(this.text); });
    this.area.addEventListener("scroll", () => { $("gutter").style.transform = `translateY(${-this.area.scrollTop}px)`; });
    this.area.addEventListener("keydown", (event) => this.#key(event));
  }

  get text() { return this.area.value; }

  /** The first mistake of the text, or null. */
  get mistake() { return mistake(this.text); }

  /** @param {string} text */
  set(text) {
    this.area.value = text;
    this.#look();
  }

  /** Put the cursor where the mistake is. @param {Found} mistake */
  goTo({ at, line }) {
    this.area.focus();
    this.area.setSelectionRange(at, at + 1);
    this.area.scrollTop = scrollTo(line, this.text, this.area.scrollHeight);
  }

  #look() {
    const wrong = this.mistake;
    fill($("gutter"), ...Array.from({ length: lineCount(this.text) }, (_, i) =>
      el(wrong?.line === i + 1 ? "span.wrong" : "span", {}, `${i + 1}\n`)));
    for (const id of ["editor", "config-said"]) $(id).classList.toggle("wrong", wrong !== null);
    this.area.setAttribute("aria-invalid", String(wrong !== null));
    if (!wrong) fill($("config-said"), "Valid JSON");
    else {
      const place = `Line ${wrong.line}, column ${wrong.column}`;
      const go = el("button.as-link", { type: "button", onclick: () => this.goTo(wrong) }, place);
      fill($("config-said"), go, `: ${wrong.sentence}.`);
    }
  }

  /** Enter keeps the indentation; Tab stays the key that leads on. @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { selectionStart: start, selectionEnd: end } = this.area;
    this.area.setRangeText(newLine(this.text, start), start, end, "end");
    this.area.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}
