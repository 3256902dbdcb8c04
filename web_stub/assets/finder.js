// Items to choose from, found by the server: the first of them, those that have words, and further ones on request.

import { ask } from "./api.js";
import * as show from "./pure/format.js";

/**
 * @template T
 * @typedef {{items: T[], total: number}} Found
 */

/**
 * @template {{id: number}} T
 */
export class Finder {
  /** @type {T[]} */ items = [];
  total = 0;
  words = "";
  #turn = 0; // grows with every question; the answer to an older question is dropped

  /**
   * @param {string} address of a list under /api
   * @param {Record<string, string>} query beside words and place
   * @param {(answer: any) => T[]} itemsOf an answer
   */
  constructor(address, query, itemsOf) {
    this.address = address;
    this.query = query;
    this.itemsOf = itemsOf;
  }

  /** @param {Found<T>} found for no words */
  start({ items, total }) {
    this.items = items;
    this.total = total;
  }

  /** Find those that have the words; whether the answer is still wanted when it comes. @param {string} words */
  async find(words) {
    this.words = words;
    const found = await this.#ask(0);
    if (!found) return false;
    this.start(found);
    return true;
  }

  /** Add the items that follow; whether the answer is still wanted when it comes. */
  async more() {
    const found = await this.#ask(this.items.length);
    if (!found) return false;
    const known = new Set(this.items.map((item) => item.id));
    this.start({ items: [...this.items, ...found.items.filter((item) => !known.has(item.id))], total: found.total });
    return true;
  }

  get hasMore() { return this.items.length < this.total; }

  /** How many of how many are here. @param {string} noun */
  text(noun) {
    const all = show.counted(this.total, noun);
    return this.hasMore ? `${show.count(this.items.length)} of ${all}` : all;
  }

  /** @param {number} offset @returns {Promise<Found<T> | null>} null for an answer that is no longer wanted */
  async #ask(offset) {
    const turn = this.#turn += 1;
    const query = new URLSearchParams({ ...this.query, offset: String(offset) });
    if (this.words) query.set("text", this.words);
    const answer = await ask(`${this.address}?${query}`);
    return turn === this.#turn ? { items: this.itemsOf(answer), total: answer.total } : null;
  }
}
