// Small pieces that several pages show.

/** @import { Child } from "./dom.js" */
import { el, fill } from "./dom.js";
import { classColor } from "./pure/classes.js";
import * as show from "./pure/format.js";

/**
 * A spot of a class's or tag's colour.
 * @param {string} title
 * @param {unknown} [color] of its own
 */
export function swatch(title, color) {
  const spot = el("i.swatch", { "aria-hidden": "true" });
  spot.style.backgroundColor = classColor(title, color);
  return spot;
}

/**
 * A value with its name, and a dot in the colour of its curve.
 * @param {string} tone train, val or other, or c1 to c5
 * @param {string} name
 * @param {number | null | undefined} value undefined where the metric has no value
 * @param {string} [title]
 */
export const metric = (tone, name, value, title) => el(`span.metric.k-${tone}`, { title }, el("i.dot"),
  el("span", {}, name), el("b", {}, value === undefined ? "–" : show.number(value)));

/** A status in its colour. @param {string} name */
export const status = (name) => el(`span.status.is-${name}`, {}, name);

/**
 * Pairs of a name and a value, into a `dl.facts`.
 * @param {HTMLElement} list
 * @param {[name: Child | Child[], value: Child][]} pairs
 */
export const facts = (list, pairs) =>
  fill(list, ...pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));

/**
 * A row of chips, one of them chosen. Chips that were there stay, so that the focus stays, too.
 * @template {string | null} K
 * @param {HTMLElement} box
 * @param {{key: K, title: string, count: number, isChosen: boolean}[]} chips
 * @param {(key: K) => void} choose
 */
export function chips(box, chips, choose) {
  const old = new Map([...box.querySelectorAll("button")].map((one) => [one.dataset.key, one]));
  fill(box, ...chips.map(({ key, title, count, isChosen }) => {
    const chip = old.get(String(key)) ?? el("button.chip", { type: "button", "data-key": String(key) });
    chip.onclick = () => choose(key);
    if (chip.getAttribute("aria-pressed") !== String(isChosen)) chip.setAttribute("aria-pressed", String(isChosen));
    if (chip.textContent !== `${title} ${show.count(count)}`) fill(chip, title, " ", el("b", {}, show.count(count)));
    return chip;
  }));
}

/**
 * Call `handle` with the trimmed text of an input once typing has paused.
 * @param {HTMLInputElement} input
 * @param {number} ms the pause
 * @param {(text: string) => void} handle
 */
export function onPause(input, ms, handle) {
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => handle(input.value.trim()), ms);
  });
}

/** Enter in a search box sends no form. @param {HTMLInputElement} input */
export const ignoreEnter = (input) =>
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
