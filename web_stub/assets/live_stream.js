// One connection for many followers of event streams. It heals: what a break cut off comes after it, nothing twice.

import { Followers } from "./pure/followers.js";
import { SseReader } from "./pure/sse.js";

const ADDRESS = new URL("../api/stream", import.meta.url);
const SOON_MS = 20; // pages that open together are asked for together
const LAZY_MS = 1000; // what nobody follows any more may come for so long: a page that is left is often followed by another
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const SILENT_MS = 40_000; // the server says something every 15 seconds
const LOOK_MS = 5000;

/**
 * @template K
 * @typedef {object} Outlet
 * @property {(follower: K, name: string, text: string, id: string) => void} bring a message: its name, its JSON, its id or ""
 * @property {(follower: K, state: "on" | "off" | "out") => void} tell the connection is there; is broken; is refused,
 *   because the session has ended
 */

/** @template K */
export class LiveStream {
  /** @type {Followers<K>} */ #followers = new Followers();
  /** Who was told that the connection is there. @type {Set<K>} */ #lit = new Set();
  /** What ends the present connection. @type {AbortController | null} */ #present = null;
  #heard = 0; // when the server said something last, in milliseconds
  #wait = FIRST_WAIT_MS;
  #timer = 0;
  #due = Infinity; // when a connection is going to be opened
  #isPaused = false;

  /** @param {string} csrf @param {Outlet<K>} outlet */
  constructor(csrf, outlet) {
    this.csrf = csrf;
    this.outlet = outlet;
    setInterval(() => { if (this.#present && Date.now() - this.#heard > SILENT_MS) this.#open(); }, LOOK_MS);
  }

  /** @param {K} follower @param {string} address of the stream under /api @param {number} after the event with this number */
  follow(follower, address, after) {
    this.#followers.follow(follower, address, after);
    this.#openIn(SOON_MS);
  }

  /** @param {K} follower */
  leave(follower) {
    this.#followers.leave(follower);
    this.#lit.delete(follower);
    if (this.#followers.size) this.#openIn(LAZY_MS);
    else this.#close();
  }

  /** A person looks: do not wait for the next attempt. */
  wake() {
    this.#isPaused = false;
    if (!this.#present || Date.now() - this.#heard > SILENT_MS) this.#openIn(0);
  }

  /** No connection until `wake`. */
  pause() {
    this.#isPaused = true;
    this.#close();
  }

  #close() {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    this.#present?.abort();
    this.#present = null;
  }

  /** @param {number} ms */
  #openIn(ms) {
    if (this.#isPaused || this.#due <= Date.now() + ms) return;
    clearTimeout(this.#timer);
    this.#due = Date.now() + ms;
    this.#timer = setTimeout(() => this.#open(), ms);
  }

  /** Open a connection in place of the present one, unless that one brings all that is wanted. */
  async #open() {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    const isAlive = this.#present && Date.now() - this.#heard <= SILENT_MS;
    if (this.#isPaused || !this.#followers.size || (isAlive && this.#followers.isAsAsked)) return;
    const before = this.#present; // is not read from here on, but kept until the other is there: the server keeps its feeds
    const mine = this.#present = new AbortController();
    this.#heard = Date.now();
    try {
      const answer = await fetch(ADDRESS, {
        method: "POST",
        headers: { "content-type": "application/json", "accept": "text/event-stream", "x-csrf-token": this.csrf },
        body: JSON.stringify({ streams: this.#followers.question() }),
        signal: mine.signal,
      });
      before?.abort();
      if (mine !== this.#present) return;
      if (answer.status === 401 || answer.status === 403) this.#refused();
      else if (answer.ok && answer.body) await this.#read(answer.body, mine);
    } catch { // of the network, or aborted: the same to do
    } finally {
      before?.abort();
      mine.abort();
    }
    if (mine === this.#present) this.#broken();
  }

  /** @param {ReadableStream<Uint8Array<ArrayBuffer>>} body @param {AbortController} mine */
  async #read(body, mine) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const messages = new SseReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || mine !== this.#present) return;
      this.#heard = Date.now();
      this.#wait = FIRST_WAIT_MS;
      this.#light();
      for (const message of messages.read(value)) {
        for (const follower of this.#followers.take(message)) {
          this.outlet.bring(follower, message.name, message.data[1] ?? "null", message.id);
        }
        if (mine !== this.#present) return; // a follower has left, and was the last
      }
    }
  }

  #light() {
    for (const follower of this.#followers.asked) {
      if (this.#lit.has(follower)) continue;
      this.#lit.add(follower);
      this.outlet.tell(follower, "on");
    }
  }

  #refused() {
    const followers = this.#followers.all;
    for (const follower of followers) this.leave(follower);
    for (const follower of followers) this.outlet.tell(follower, "out");
  }

  #broken() {
    this.#present = null;
    this.#lit.clear();
    for (const follower of this.#followers.all) this.outlet.tell(follower, "off");
    this.#openIn(this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }
}
