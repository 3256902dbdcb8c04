// The config's editor: a plain text area with line numbers, and a word about what is wrong and where.

import { $, el } from "./dom.js";
import { mistake } from "./json_text.js";

export class Editor {
  /** `onChange(text)` after every edit of the person, not after `set`. */
  constructor(onChange) {
    this.area = $("config");
    this.area.addEventListener("input", () => { this.#look(); onChange(this.text); });
    this.area.addEventListener("scroll", () => { $("gutter").style.transform = `translateY(${-this.area.scrollTop}px)`; });
    this.area.addEventListener("keydown", (event) => this.#key(event));
  }

  get text() { return this.area.value; }

  /** What is wrong with the text, or null. */
  get mistake() { return mistake(this.text); }

  set(text) {
    this.area.value = text;
    this.#look();
  }

  /** Put the cursor where the mistake is. */
  goTo({ at, line }) {
    this.area.focus();
    this.area.setSelectionRange(at, at + 1);
    const height = this.area.scrollHeight / Math.max(1, this.text.split("\n").length);
    this.area.scrollTop = Math.max(0, (line - 4) * height);
  }

  #look() {
    const wrong = this.mistake;
    const lines = this.text.split("\n").length;
    $("gutter").replaceChildren(...Array.from({ length: lines }, (_, i) => el(wrong?.line === i + 1 ? "span.wrong" : "span", {}, `${i + 1}\n`)));
    $("editor").classList.toggle("wrong", wrong !== null);
    this.area.setAttribute("aria-invalid", String(wrong !== null));
    $("config-said").classList.toggle("wrong", wrong !== null);
    if (!wrong) $("config-said").replaceChildren("Valid JSON");
    else {
      $("config-said").replaceChildren(
        el("button.as-link", { type: "button", onclick: () => this.goTo(wrong) }, `Line ${wrong.line}, column ${wrong.column}`), `: ${wrong.sentence}.`);
    }
  }

  /** Enter keeps the indentation; Tab stays the key that leads on. */
  #key(event) {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { selectionStart: start } = this.area;
    const line = this.text.slice(this.text.lastIndexOf("\n", start - 1) + 1, start);
    const deeper = /[[{]\s*$/.test(line) ? "  " : "";
    this.area.setRangeText(`\n${/^\s*/.exec(line)[0]}${deeper}`, start, this.area.selectionEnd, "end");
    this.area.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}
