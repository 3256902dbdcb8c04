// An event stream that heals: the browser reconnects by itself, and where it gives up we start anew.

import { ask } from "./api.js";
import { $ } from "./dom.js";

const light = $("live");

function show(state, text) {
  if (!light) return;
  light.hidden = false;
  light.dataset.state = state;
  light.lastElementChild.textContent = text;
}

/** Listen to `url(cursor)`; `handlers` by message name get the data. Returns a function that ends it. */
export function listen(url, cursor, handlers, { onResume } = {}) {
  let source;
  let wait = 1000;
  let timer;
  let broken = false;
  const open = () => {
    source = new EventSource(url(cursor));
    source.onopen = () => {
      show("on", "Live");
      wait = 1000;
      if (broken && onResume) onResume();
      broken = false;
    };
    source.onerror = () => {
      broken = true;
      show("off", "Reconnecting");
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries by itself
      timer = setTimeout(async () => {
        await ask("/api/info").catch(() => {}); // a session that ended leads to the login
        open();
      }, wait);
      wait = Math.min(wait * 2, 30_000);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (message) => {
        if (message.lastEventId) cursor = Number(message.lastEventId);
        if (name === "end") {
          close();
          show("over", "Complete");
        }
        handle(JSON.parse(message.data));
      });
    }
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
  };
  open();
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) { broken = true; open(); } });
  return close;
}
