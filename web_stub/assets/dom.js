// Elements: found by id, or made without strings of HTML, so that nothing a plugin printed can become markup.

import { at } from "./pure/site.js";

/**
 * The element that `el` makes: of the tag before the first dot.
 * @template {string} W
 * @typedef {W extends `${infer T}.${string}` ? Tagged<T> : Tagged<W>} Made
 */
/**
 * @template {string} T
 * @typedef {T extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[T] : HTMLElement} Tagged
 */
const ADDRESSES = new Set(["href", "src"]); // attributes

/** @typedef {Node | string | number | false | null | undefined} Child `false` and nothing are left out */

/**
 * Make an element: `el("a.button", {href: "/x"}, "text", child)`. Attributes that begin with `on` are listeners; those
 * that are null, undefined or false are left out. Addresses are those of this installation.
 * @template {string} W
 * @param {W} what tag and classes
 * @param {Record<string, any>} [attributes]
 * @param {(Child | Child[])[]} children
 * @returns {Made<W>}
 */
export function el(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  /** @type {HTMLElement & Record<string, any>} */
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list" && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : ADDRESSES.has(name) ? at(value) : value);
  }
  element.append(...kept(children.flat()));
  return /** @type {Made<W>} */ (element);
}

/** @param {Child[]} children @returns {(Node | string)[]} */
const kept = (children) => children.filter((child) => child !== null && child !== undefined && child !== false)
  .map((child) => (typeof child === "number" ? String(child) : /** @type {Node | string} */ (child)));

/**
 * Put these children into the element, in place of those it has. Children that are there already, in this order, are
 * not touched: they keep the focus.
 * @param {Element} element
 * @param {Child[]} children
 */
export function fill(element, ...children) {
  const wanted = kept(children);
  const isThere = wanted.length === element.childNodes.length && wanted.every((child, i) => child === element.childNodes[i]);
  if (!isThere) element.replaceChildren(...wanted);
}

/**
 * The element of the page with this id; its kind is HTMLElement where none is named.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 * @throws {Error} where the page has none of this kind
 */
export function $(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof (kind ?? HTMLElement))) throw new Error(`The page has no ${kind?.name ?? "element"} #${id}.`);
  return /** @type {T} */ (element);
}

/** @param {string} id */
export const input = (id) => $(id, HTMLInputElement);
/** @param {string} id */
export const select = (id) => $(id, HTMLSelectElement);
/** @param {string} id */
export const button = (id) => $(id, HTMLButtonElement);
/** @param {string} id */
export const link = (id) => $(id, HTMLAnchorElement);
/** @param {string} id */
export const dialog = (id) => $(id, HTMLDialogElement);

/** The input, select or text area that an event is about. @param {Event} event */
export const valueOf = (event) => /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target).value;

/**
 * The data a page came with, as its page module declares it.
 * @returns {any}
 */
export const firstData = () => JSON.parse($("first").textContent ?? "");

/**
 * @template {HTMLCanvasElement | OffscreenCanvas} C
 * @param {C} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 * @returns {C extends OffscreenCanvas ? OffscreenCanvasRenderingContext2D : CanvasRenderingContext2D}
 * @throws {Error} where the browser gives none
 */
export function context2d(canvas, settings) {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  return /** @type {any} */ (context);
}

/**
 * JSON as coloured text.
 * @param {unknown} value
 * @param {number} [indent]
 * @returns {HTMLSpanElement}
 */
export function json(value, indent = 0) {
  const pad = "  ".repeat(indent);
  if (value === null || typeof value !== "object") {
    const text = typeof value === "string" ? JSON.stringify(value) : String(value);
    return el(`span.j-${value === null ? "null" : typeof value}`, {}, text);
  }
  const isArray = Array.isArray(value);
  const [open, close] = isArray ? "[]" : "{}";
  const items = Object.entries(value);
  if (!items.length) return el("span", {}, open + close);
  const isFlat = isArray && items.length <= 6 && items.every(([, item]) => item === null || typeof item !== "object");
  const out = el("span", {}, open);
  items.forEach(([key, item], i) => {
    out.append(isFlat ? "" : `\n${pad}  `);
    if (!isArray) out.append(el("span.j-key", {}, JSON.stringify(key)), ": ");
    out.append(json(item, indent + 1), i < items.length - 1 ? (isFlat ? ", " : ",") : "");
  });
  out.append(isFlat ? close : `\n${pad}${close}`);
  return out;
}
