// Hundreds of metrics in groups: by the prefix of their names, those that are pinned first.

import { hasWords } from "./search.js";

const PREFIX = /^(.*?)[/.:]/;
const NUMBER = /[\s_-]*\d+$/; // loss_17, head 3
const FEW = 8; // metrics, which need no groups
const MANY = 24; // charts, from which on groups are folded but for the first

/** @typedef {{key: string, title: string, names: string[], isOpen: boolean}} Group */

/** The group of a metric: `train/loss` → train, `layer.3.grad` → layer, `loss_17` → loss. @param {string} name */
export function prefixOf(name) {
  const parted = PREFIX.exec(name)?.[1].trim();
  return parted ? parted : name.replace(NUMBER, "").trim() || name;
}

/**
 * The groups, in the order in which their first metrics appeared. Names that share a prefix with no other stand together,
 * in a group without a title; so do all of a few metrics. While words are searched for, every group with a hit is open.
 * @param {string[]} names
 * @param {{words: string, pinned: string[], turned: string[]}} view `turned`: groups that a person folded or opened
 * @returns {Group[]}
 */
export function groupsOf(names, { words, pinned, turned }) {
  const found = names.filter((name) => hasWords(name, words));
  /** @type {Map<string, string[]>} */
  const byPrefix = new Map();
  for (const name of names) byPrefix.set(prefixOf(name), [...(byPrefix.get(prefixOf(name)) ?? []), name]);
  const isGroup = (/** @type {string} */ name) => names.length > FEW && (byPrefix.get(prefixOf(name)) ?? []).length > 1;
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const name of found) {
    const key = pinned.includes(name) ? PINNED : isGroup(name) ? prefixOf(name) : "";
    const known = groups.get(key);
    if (known) known.push(name);
    else groups.set(key, [name]);
  }
  const keys = [...groups.keys()].sort((a, b) => Number(b === PINNED) - Number(a === PINNED));
  const isFew = found.length <= MANY || words.trim() !== "";
  const first = keys.find((key) => key !== PINNED);
  return keys.map((key) => ({
    key,
    title: key === PINNED ? "Pinned" : key || (keys.length > 1 ? "Other" : ""),
    names: /** @type {string[]} */ (groups.get(key)),
    isOpen: (isFew || key === first || key === PINNED) !== turned.includes(key),
  }));
}

/** The key of the group of pinned metrics: no prefix is like it. */
export const PINNED = "\u{1F4CC}";

/**
 * A list of names as a text for an address, and back; names may hold any sign.
 * @param {string[]} names
 */
export const listText = (names) => names.map((name) => encodeURIComponent(name)).join(",");

/** @param {string} text @returns {string[]} */
export function listOf(text) {
  return text.split(",").filter(Boolean).flatMap((part) => {
    try {
      return [decodeURIComponent(part)];
    } catch {
      return []; // an address that was cut or written by hand
    }
  });
}

/** The list with the name, or without it if it has it. @param {string[]} names @param {string} name */
export const toggled = (names, name) => (names.includes(name) ? names.filter((one) => one !== name) : [...names, name]);
