// A page of a list that the server searches, sorts and counts: the question, the answer, and the texts about both.

import * as show from "./format.js";

/** @typedef {Record<string, number>} Counts by the server's own words */
/**
 * A choice of rows: its parameters for the server, and its number from the server's counts and its other facts.
 * @typedef {object} Group
 * @property {string} key
 * @property {string} title
 * @property {Record<string, string | string[]>} query
 * @property {(counts: Counts, facts: Record<string, any>) => number} count
 */
/** What a person has chosen; `page` counts from 1. @typedef {{show: string, text: string, sort: string, page: string}} Chosen */
/**
 * @template T
 * @typedef {{items: T[], total: number, counts?: Record<string, number>}} Answer
 */

/** An address that names nothing. @type {Chosen} */
export const NOTHING_CHOSEN = { show: "", text: "", sort: "", page: "1" };

/** @param {Record<string, number>} counts */
export const sum = (counts) => Object.values(counts).reduce((all, one) => all + one, 0);

/**
 * @template {{id: number}} T
 * @template {Answer<T>} A
 */
export class ListState {
  /** @type {A | null} until the server has answered */ answer = null;

  /**
   * @param {Group[]} groups the first is shown where none, or an unknown one, is chosen
   * @param {number} limit rows of a page
   */
  constructor(groups, limit) {
    this.groups = groups;
    this.limit = limit;
    this.chosen = NOTHING_CHOSEN;
  }

  get group() { return this.groups.find((one) => one.key === this.chosen.show) ?? this.groups[0]; }

  get page() { return Math.max(1, Math.floor(Number(this.chosen.page)) || 1); }

  get pages() { return Math.max(1, Math.ceil((this.answer?.total ?? 0) / this.limit)); }

  get items() { return this.answer?.items ?? []; }

  /** Nothing is chosen that could hide a row. */
  get isWhole() { return this.chosen.text.trim() === "" && this.group === this.groups[0]; }

  /** The question to the server, as a query. */
  get query() {
    const { text, sort } = this.chosen;
    const query = new URLSearchParams({ limit: String(this.limit) });
    if (this.page > 1) query.set("offset", String((this.page - 1) * this.limit));
    if (text.trim()) query.set("text", text.trim());
    if (sort) query.set("sort", sort);
    for (const [name, value] of Object.entries(this.group.query)) {
      for (const one of [value].flat()) query.append(name, one);
    }
    return query.toString();
  }

  /** Each group with the number of all its rows that have the words. */
  get counts() {
    const { counts = {}, ...facts } = this.answer ?? {};
    return this.groups.map((one) => ({ ...one, count: one.count(counts, facts), isChosen: one === this.group }));
  }

  /** Which rows of how many are shown. @param {string} noun */
  rangeText(noun) {
    const { length } = this.items;
    const total = this.answer?.total ?? 0;
    if (length === 0 || length === total) return show.counted(total, noun);
    const first = (this.page - 1) * this.limit + 1;
    return `${show.count(first)}–${show.count(first + length - 1)} of ${show.counted(total, noun)}`;
  }

  /**
   * Items that have changed, the order of all ids on this page, and new facts about the whole list. Returns the ids
   * that were not on the page before.
   * @param {T[]} changed
   * @param {number[]} ids
   * @param {Partial<A>} facts
   */
  change(changed, ids, facts) {
    const before = new Map(this.items.map((item) => [item.id, item]));
    const known = new Map([...before, ...changed.map((item) => /** @type {[number, T]} */ ([item.id, item]))]);
    const items = ids.flatMap((id) => known.get(id) ?? []);
    this.answer = /** @type {A} */ ({ ...this.answer, ...facts, items });
    return ids.filter((id) => !before.has(id));
  }

  /** An item as it is now, where the page has it. @param {T} item */
  replace(item) {
    if (!this.answer) return;
    this.answer = { ...this.answer, items: this.items.map((one) => (one.id === item.id ? item : one)) };
  }
}
