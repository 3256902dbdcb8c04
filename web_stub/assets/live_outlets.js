// Where the streams of a tab come from: the shared worker that holds one connection for all tabs of the browser; where
// there is none, a connection of the tab's own, which is closed while nobody sees the tab.

/** @import { FromTab, ToTab } from "./live.js" */
import { csrf } from "./api.js";
import { LiveStream } from "./live_stream.js";

const PINGED_MS = 60_000; // the worker pings more often
const LOOK_MS = 10_000;

/**
 * Someone who follows a stream; `after` is kept up to date.
 * @typedef {object} Listener
 * @property {string} address of the stream under /api
 * @property {number} after the last event that was taken
 * @property {(name: string, text: string) => void} take a message
 * @property {(state: "on" | "off" | "out") => void} tell
 */

/** @typedef {{follow: (listener: Listener) => void, leave: (listener: Listener) => void}} Outlet */

/** @param {Listener} listener @param {string} name @param {string} text @param {string} cursor "" for none */
function bring(listener, name, text, cursor) {
  if (cursor) listener.after = Number(cursor);
  listener.take(name, text);
}

/** A connection of the tab's own. @returns {Outlet} */
function ownOutlet() {
  /** @type {LiveStream<Listener>} */
  const stream = new LiveStream(csrf, { bring, tell: (listener, state) => listener.tell(state) });
  const look = () => (document.hidden ? stream.pause() : stream.wake());
  document.addEventListener("visibilitychange", look);
  look();
  return {
    follow: (listener) => stream.follow(listener, listener.address, listener.after),
    leave: (listener) => stream.leave(listener),
  };
}

/** The worker's connection. A listener has a new number each time it begins, so nothing comes from before. @implements {Outlet} */
class SharedOutlet {
  /** @type {Map<number, Listener>} */ #listeners = new Map();
  /** @type {MessagePort | null} */ #port = null;
  #number = 0;
  #pinged = 0; // when the worker said something last, in milliseconds
  #isMissing = false;

  /** @param {() => void} onMissing called when the browser cannot run the worker */
  constructor(onMissing) {
    this.onMissing = onMissing;
    document.addEventListener("visibilitychange", () => this.#look());
    addEventListener("online", () => this.#look());
    setInterval(() => this.#look(), LOOK_MS);
    this.#connect();
  }

  /** @param {Listener} listener */
  follow(listener) {
    this.#number += 1;
    this.#listeners.set(this.#number, listener);
    this.#post({ kind: "follow", id: this.#number, address: listener.address, after: listener.after });
  }

  /** @param {Listener} listener */
  leave(listener) {
    for (const [id, one] of this.#listeners) {
      if (one !== listener) continue;
      this.#listeners.delete(id);
      this.#post({ kind: "leave", id });
    }
  }

  /** @returns {Listener[]} */
  get listeners() { return [...this.#listeners.values()]; }

  /** A worker that says nothing has ended, or this machine slept: begin anew where this tab is seen. */
  #look() {
    if (document.hidden || this.#isMissing) return;
    if (Date.now() - this.#pinged > PINGED_MS) this.#anew();
    else this.#post({ kind: "wake" });
  }

  #anew() {
    const { listeners } = this;
    for (const one of listeners) this.leave(one);
    this.#connect();
    for (const one of listeners) this.follow(one);
  }

  /** The name is the worker's identity: a session and a release have each their own. */
  #connect() {
    const release = document.querySelector("meta[name=release]")?.getAttribute("content") ?? "";
    const worker = new SharedWorker(new URL("./live_worker.js", import.meta.url), { type: "module", name: `${csrf} ${release}` });
    worker.onerror = () => {
      this.#isMissing = true;
      this.onMissing();
    };
    const { port } = worker;
    this.#port?.close();
    this.#port = port;
    this.#pinged = Date.now();
    port.onmessage = ({ data }) => { if (port === this.#port) this.#heard(data); };
  }

  /** @param {FromTab} said */
  #post(said) { this.#port?.postMessage(said); }

  /** @param {ToTab} said */
  #heard(said) {
    this.#pinged = Date.now();
    if (said.kind === "ping") this.#post({ kind: "pong" });
    else if (said.kind === "dropped") this.#anew();
    else {
      const listener = this.#listeners.get(said.id);
      if (!listener) return;
      if (said.kind === "message") bring(listener, said.name, said.text, said.cursor);
      else listener.tell(said.state);
    }
  }
}

/** @type {Outlet | null} */
let outlet = null;

/** The outlet of this tab. @returns {Outlet} */
export function theOutlet() {
  if (outlet) return outlet;
  if (!("SharedWorker" in globalThis)) return (outlet = ownOutlet());
  const shared = new SharedOutlet(() => {
    if (outlet !== shared) return;
    outlet = ownOutlet();
    for (const one of shared.listeners) { shared.leave(one); outlet.follow(one); }
  });
  return (outlet = shared);
}
