// The form of a config: a field for each value, groups for objects. The text stays the truth: each edit changes one value
// in it, and the form is drawn anew from it whenever its keys change.

/** @import { Field, Group, Missing } from "./pure/config_form.js" */
/** @import { Schema } from "./pure/config_schema.js" */
import { el, fill } from "./dom.js";
import { choiceText, formOf, isEqual, problem, shown } from "./pure/config_form.js";
import { read } from "./pure/config_input.js";
import { mistake } from "./pure/json_text.js";
import { added, removed, replaced } from "./pure/json_tree.js";

const MODES = /** @type {const} */ ({ integer: "numeric", number: "decimal" });

export class ConfigForm {
  #text = "";
  /** @type {string[]} */ #presets = [];
  /** @type {Schema | null} */ #schema = null;
  /** Keys that were taken out of this form, with their values: each can come back. @type {Map<string, Missing>} */
  #taken = new Map();
  /** Fields whose writing is not in the text, by the id of the field. @type {Map<string, string>} */
  #wrong = new Map();
  #count = 0;

  /**
   * @param {HTMLElement} root
   * @param {(text: string) => void} onEdit
   * @param {() => void} onJson the person wants the JSON
   */
  constructor(root, onEdit, onJson) {
    this.root = root;
    this.onEdit = onEdit;
    this.onJson = onJson;
  }

  /**
   * @param {string} text
   * @param {string[]} presets
   * @param {Schema | null} schema
   */
  draw(text, presets, schema) {
    const isOther = presets.join() !== this.#presets.join();
    if (isOther) this.#taken.clear();
    [this.#text, this.#presets, this.#schema, this.#count] = [text, presets, schema, 0];
    this.#wrong.clear();
    const found = mistake(text);
    if (found) {
      this.#say(`The JSON has a mistake in line ${found.line}: ${found.sentence}.`);
      return;
    }
    const form = formOf(text, presets, schema);
    if (form) fill(this.root, ...this.#group(form, []));
    else this.#say("This config has too many keys for a form.");
  }

  /** The first field that is wrong, in a sentence without its point; empty: none. */
  get mistake() { return [...this.#wrong.values()][0] ?? ""; }

  focus() { focusFirst(this.root); }

  /** @param {string} sentence */
  #say(sentence) {
    fill(this.root, el("p.hint", {}, `${sentence} `, el("button.as-link", { type: "button", onclick: this.onJson }, "Edit the JSON")));
  }

  /** @param {Group} group @param {string[]} path @returns {(HTMLElement | false)[]} */
  #group({ fields, missing }, path) {
    const there = new Set([...fields, ...missing].map((one) => one.path[path.length]));
    const back = [...this.#taken.values()].filter((one) => isIn(one, path) && !there.has(one.path[path.length]));
    return [...fields.map((field) => this.#field(field)), this.#adding([...missing, ...back], path)];
  }

  /** @param {Field} field */
  #field(field) {
    this.#count += 1;
    const id = `config-field-${this.#count}`;
    const out = !field.isRequired && el("button.leave-out", {
      type: "button", "aria-label": `Leave out ${field.path.join(".")}`, title: "Leave this key out", onclick: () => this.#takeOut(field),
    }, "×");
    if (field.group) {
      const head = el("div.config-name", {}, el("h3", { id }, field.name), out);
      return el("div.config-group", { role: "group", "aria-labelledby": id }, head, this.#hint(field, id),
        ...this.#group(field.group, field.path));
    }
    const said = el("p.config-wrong", { id: `${id}-said`, "aria-live": "polite" });
    const input = this.#input(field, id);
    input.setAttribute("aria-describedby", `${field.hint ? `${id}-hint ` : ""}${id}-said`);
    const say = (/** @type {string} */ error) => {
      said.textContent = error && `${field.name} ${error}.`;
      input.setAttribute("aria-invalid", String(error !== ""));
      if (error) this.#wrong.set(id, `${field.path.join(".")} ${error}`);
      else this.#wrong.delete(id);
    };
    say(problem(field));
    input.addEventListener("input", () => {
      const { raw, error } = read(field, written(input));
      if (raw !== null) this.#change(replaced(this.#text, field.path, raw));
      say(error);
    });
    const list = input instanceof HTMLInputElement && input.getAttribute("list") !== null
      && el("datalist", { id: `${id}-list` }, ...field.suggestions.map((value) => el("option", { value })));
    const name = el("label", { for: id }, field.name);
    const rest = [this.#hint(field, id), said];
    if (field.kind === "boolean") return el("div.field", {}, el("div.config-name", {}, el("span.check", {}, input, name), out), ...rest);
    return el("div.field", {}, el("div.config-name", {}, name, out), input, list, ...rest);
  }

  /** @param {Field} field @param {string} id @returns {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} */
  #input(field, id) {
    const { kind, raw } = field;
    if (kind === "boolean") return el("input", { id, type: "checkbox", checked: raw === "true", autocomplete: "off" });
    if (kind === "choice") {
      return el("select", { id, autocomplete: "off" }, ...field.choices.map((value) =>
        el("option", { value, selected: isEqual(value, raw) }, choiceText(value))));
    }
    const value = shown(field);
    const common = { id, spellcheck: "false", autocomplete: "off", autocapitalize: "off" };
    if (kind === "json" && value.includes("\n")) {
      return el("textarea.mono", { ...common, rows: Math.min(value.split("\n").length, 10) }, value);
    }
    const mode = kind === "integer" || kind === "number" ? MODES[kind] : null;
    return el(kind === "json" ? "input.mono" : "input", {
      ...common, type: "text", inputmode: mode, placeholder: field.isNullable ? "null" : null,
      list: field.suggestions.length ? `${id}-list` : null, value,
    });
  }

  /** @param {Field} field @param {string} id @returns {HTMLElement | false} */
  #hint({ hint }, id) { return hint ? el("p.hint", { id: `${id}-hint` }, hint) : false; }

  /** @param {Missing[]} missing @param {string[]} path */
  #adding(missing, path) {
    if (!missing.length) return false;
    const where = path.length ? ` to ${path.join(".")}` : "";
    this.#count += 1;
    const id = `config-field-${this.#count}`;
    const required = missing.filter((one) => one.isRequired).map((one) => one.path.join("."));
    const sentence = required.length && `${required.join(", ")} ${required.length === 1 ? "is" : "are"} missing`;
    if (sentence) this.#wrong.set(id, sentence);
    const choice = el("select", {
      id, "aria-label": `Key to add${where}`, autocomplete: "off", "aria-invalid": String(required.length > 0),
      "aria-describedby": sentence ? `${id}-said` : null,
    },
      ...missing.map((one, i) => el("option", { value: String(i) }, one.name)));
    const add = () => this.#bringIn(missing[Number(choice.value)]);
    const button = el("button.button.small", { type: "button", "aria-label": `Add the key${where}`, onclick: add }, "Add");
    return el("div.field", {}, el("div.config-add", {}, choice, button),
      sentence ? el("p.config-wrong", { id: `${id}-said` }, `${sentence}; add what is missing.`) : false);
  }

  /** @param {Missing} missing */
  #bringIn({ path, raw }) {
    this.#redraw(added(this.#text, path, raw));
    const label = [...this.root.querySelectorAll("button.leave-out")].find((one) => one.ariaLabel === `Leave out ${path.join(".")}`);
    if (label) focusFirst(label.closest(".field, .config-group"));
  }

  /** @param {Field} field */
  #takeOut({ path, name, raw }) {
    this.#taken.set(JSON.stringify(path), { path, name, raw, isRequired: false });
    this.#redraw(removed(this.#text, path));
    this.focus();
  }

  /** @param {string} text */
  #redraw(text) {
    this.#change(text);
    this.draw(text, this.#presets, this.#schema);
    this.root.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** @param {string} text */
  #change(text) {
    this.#text = text;
    this.onEdit(text);
  }
}

/** @param {Element | null} inside */
function focusFirst(inside) {
  const first = inside?.querySelector("input, select, textarea");
  if (first instanceof HTMLElement) first.focus();
}

/** Whether a key stands directly in the object at this path. @param {Missing} one @param {string[]} path */
const isIn = (one, path) => one.path.length === path.length + 1 && path.every((key, i) => key === one.path[i]);

/** What an element holds, as a field reads it. @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input */
const written = (input) => (input instanceof HTMLInputElement && input.type === "checkbox" ? String(input.checked) : input.value);
