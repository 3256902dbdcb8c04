// What a person has chosen on the page of compared runs, as its address names it.

/** @import { View } from "../view.js" */
import { listOf, listText } from "../metric_groups.js";
import { CHART_DEFAULTS, viewOf } from "../view.js";

/** The names that belong to the page, with the values of an address without any. */
export const DEFAULTS = {
  ...CHART_DEFAULTS, runs: "", group: "", draw: "curves", clip: "", y: "", shown: "", full: "",
  sx: "", sy: "", colour: "", axes: "", target: "", brush: "",
};

/**
 * @typedef {"curves" | "range" | "deviation"} Draw each run, or the mean of a group with a band
 * @typedef {[number | null, number | null]} Limits
 * @typedef {{group: string, draw: Draw, clip: boolean, limits: Map<string, Limits>, shown: Shown, full: string}} CompareView
 * @typedef {{isOnly: boolean, keys: string[]}} Shown `keys` are hidden, or with `isOnly` shown alone
 */

/** Ids of an address, each once. @param {string} text */
export const idsOf = (text) =>
  [...new Set(text.split(/[\s,]+/).filter((word) => /^[1-9]\d{0,14}$/.test(word)).map(Number))];

/** A view for whatever the address says. @param {typeof DEFAULTS} values @returns {View & CompareView} */
export function compareViewOf(values) {
  const { group, draw, clip, y, shown, full } = values;
  return {
    ...viewOf(values),
    group,
    draw: group && (draw === "range" || draw === "deviation") ? draw : "curves",
    clip: clip === "1",
    limits: limitsOf(y),
    shown: shownOf(shown),
    full,
  };
}

/** @param {string} text `loss:0:1,iou::0.9` @returns {Map<string, Limits>} by metric */
export function limitsOf(text) {
  const limit = (/** @type {string | undefined} */ word) => (word && Number.isFinite(Number(word)) ? Number(word) : null);
  return new Map(text.split(",").filter(Boolean).flatMap((part) => {
    const [name, low, high] = part.split(":");
    const [known] = listOf(name);
    return known === undefined ? [] : [/** @type {[string, Limits]} */ ([known, [limit(low), limit(high)]])];
  }));
}

/** @param {Map<string, Limits>} limits */
export const limitsText = (limits) => [...limits].filter(([, [low, high]]) => low !== null || high !== null)
  .map(([name, [low, high]]) => `${encodeURIComponent(name)}:${low ?? ""}:${high ?? ""}`).join(",");

/** @param {string} text @returns {Shown} */
export const shownOf = (text) => ({ isOnly: text.startsWith("only:"), keys: listOf(text.replace(/^(only|not):/, "")) });

/** @param {string} key @param {Shown} shown */
export const isShown = (key, { isOnly, keys }) => keys.includes(key) === isOnly;

/**
 * The text of an address under which just these series are shown: the shorter one.
 * @param {string[]} every
 * @param {Set<string>} wanted
 */
export function shownText(every, wanted) {
  const [on, off] = [every.filter((key) => wanted.has(key)), every.filter((key) => !wanted.has(key))];
  if (!off.length) return "";
  return off.length <= on.length || !on.length ? `not:${listText(off)}` : `only:${listText(on)}`;
}

/**
 * Which series are shown after a click: it turns one. With `isAlone` only this one, or all again where it stood alone.
 * @param {string[]} every
 * @param {Shown} shown
 * @param {string} key
 * @param {boolean} isAlone
 */
export function shownAfter(every, shown, key, isAlone) {
  const now = new Set(every.filter((one) => isShown(one, shown)));
  if (isAlone) return shownText(every, now.size === 1 && now.has(key) ? new Set(every) : new Set([key]));
  if (!now.delete(key)) now.add(key);
  return shownText(every, now);
}
