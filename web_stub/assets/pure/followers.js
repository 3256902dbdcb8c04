// Who follows which stream, and how much of it each has got. Many followers share one connection; those that are equally
// far in the same stream share a place in it, so twenty pages of a task cost as much as one.

/** @import { Message } from "./sse.js" */

/**
 * A stream by its address under /api, and how much of it is known: the number of the last event, the mark of the state.
 * @typedef {{address: string, after: number, mark: string}} Place
 */

/** The messages after which a stream brings nothing more. */
const LAST = new Set(["end", "refused"]);

/** @template K a follower, by whatever identifies it */
export class Followers {
  /** @type {Map<K, Place>} */ #places = new Map();
  /** The followers of each stream of the present connection. @type {Set<K>[]} */ #asked = [];

  /** @param {K} follower @param {string} address @param {number} after */
  follow(follower, address, after) { this.#places.set(follower, { address, after, mark: "" }); }

  /** @param {K} follower */
  leave(follower) {
    this.#places.delete(follower);
    for (const one of this.#asked) one.delete(follower);
  }

  get size() { return this.#places.size; }

  /** @returns {K[]} */
  get all() { return [...this.#places.keys()]; }

  /** Whom the present connection serves. @returns {K[]} */
  get asked() { return this.#asked.flatMap((one) => [...one]); }

  /** Whether the present connection brings what is followed, and nothing else. */
  get isAsAsked() {
    return this.asked.length === this.#places.size && this.#asked.every((one) => one.size > 0);
  }

  /** The streams to ask for in a new connection. Messages are those of this connection from here on. @returns {Place[]} */
  question() {
    /** @type {Map<string, {place: Place, followers: Set<K>}>} */
    const groups = new Map();
    for (const [follower, place] of this.#places) {
      const key = `${place.address}\n${place.after}\n${place.mark}`;
      const group = groups.get(key) ?? { place: { ...place }, followers: new Set() };
      group.followers.add(follower);
      groups.set(key, group);
    }
    this.#asked = [...groups.values()].map(({ followers }) => followers);
    return [...groups.values()].map(({ place }) => place);
  }

  /**
   * Take a message of the present connection: its first line of data has the number of its stream, and a mark.
   * @param {Message} message
   * @returns {K[]} for whom it is
   */
  take({ name, id, data }) {
    const [index, mark] = data[0].split(" ");
    const group = this.#asked[Number(index)] ?? new Set();
    const followers = [...group];
    for (const follower of followers) {
      const place = this.#places.get(follower);
      if (!place) continue;
      place.mark = mark;
      if (id) place.after = Number(id);
    }
    if (LAST.has(name)) {
      for (const follower of followers) this.#places.delete(follower);
      this.#asked[Number(index)] = new Set();
    }
    return followers;
  }
}
