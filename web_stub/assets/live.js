// Listening to an event stream of the server, and the light that says whether it comes.

import { ask, say } from "./api.js";
import { theOutlet } from "./live_outlets.js";

/**
 * What a tab says to the worker that holds the connection.
 * @typedef {{kind: "follow", id: number, address: string, after: number} | {kind: "leave", id: number}
 *   | {kind: "wake"} | {kind: "pong"}} FromTab
 */
/**
 * What the worker says to a tab; `cursor` is "" for a message without a number.
 * @typedef {{kind: "message", id: number, name: string, text: string, cursor: string}
 *   | {kind: "state", id: number, state: "on" | "off" | "out"} | {kind: "ping"} | {kind: "dropped"}} ToTab
 */

/**
 * The light at the top of the page.
 * @param {"on" | "off" | "over"} state
 * @param {string} text
 */
function show(state, text) {
  const light = document.getElementById("live");
  if (!light?.lastElementChild) return;
  light.hidden = false;
  light.dataset.state = state;
  light.lastElementChild.textContent = text;
}

/**
 * Listen to an event stream until its message `end`, or until the page is left.
 * @param {string} address of the stream under /api
 * @param {number} after the event with this number
 * @param {Record<string, (data: any) => void>} handlers by the name of the message
 * @param {{onResume?: () => void}} [options] `onResume` follows a break
 * @returns {() => void} ends it
 */
export function listen(address, after, handlers, { onResume } = {}) {
  let isBroken = false;
  const listener = {
    address,
    after,
    /** @param {string} name @param {string} text */
    take(name, text) {
      const data = JSON.parse(text);
      if (name === "refused") {
        stop();
        show("off", "Not live");
        say(data.error);
      }
      if (name === "end") {
        stop();
        show("over", "Complete");
      }
      handlers[name]?.(data);
    },
    /** @param {"on" | "off" | "out"} state */
    tell(state) {
      if (state === "on") {
        show("on", "Live");
        if (isBroken) onResume?.();
        isBroken = false;
        return;
      }
      isBroken = true;
      show("off", state === "off" ? "Reconnecting" : "Reload the page");
      if (state === "out") ask("/api/info").catch(() => {}); // a session that ended leads to the login
    },
  };
  const leave = () => theOutlet().leave(listener);
  const again = (/** @type {PageTransitionEvent} */ event) => {
    if (!event.persisted) return;
    isBroken = true;
    theOutlet().follow(listener);
  };
  const stop = () => {
    removeEventListener("pagehide", leave);
    removeEventListener("pageshow", again);
    leave();
  };
  addEventListener("pagehide", leave);
  addEventListener("pageshow", again);
  theOutlet().follow(listener);
  return stop;
}
