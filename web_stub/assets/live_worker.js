// A shared worker: it holds the one event stream of this browser, for all tabs of a session. A tab that ends in silence is
// noticed, because it does not answer any more.

/** @import { FromTab, ToTab } from "./live.js" */
import { LiveStream } from "./live_stream.js";

const PING_MS = 15_000;
const UNANSWERED = 4; // pings; then the tab has gone, or the browser has frozen it

/** @typedef {{port: MessagePort, followed: Map<number, Follower>, unanswered: number}} Tab */
/** @typedef {{tab: Tab, id: number}} Follower */

/** @type {{name: string, onconnect: (event: MessageEvent) => void}} */
const scope = /** @type {any} */ (globalThis);

/** @type {Set<Tab>} */
const tabs = new Set();

/** @param {Tab} tab @param {ToTab} said */
const post = (tab, said) => tab.port.postMessage(said);

/** @type {LiveStream<Follower>} */
const stream = new LiveStream(scope.name.split(" ")[0], {
  bring: ({ tab, id }, name, text, cursor) => post(tab, { kind: "message", id, name, text, cursor }),
  tell: ({ tab, id }, state) => post(tab, { kind: "state", id, state }),
});

/** @param {Tab} tab @param {number} id */
function leave(tab, id) {
  const follower = tab.followed.get(id);
  if (!follower) return;
  tab.followed.delete(id);
  stream.leave(follower);
}

/** @param {Tab} tab */
function drop(tab) {
  tabs.delete(tab);
  for (const id of [...tab.followed.keys()]) leave(tab, id);
  post(tab, { kind: "dropped" }); // the last message: a tab that wakes up knows how far it has got, and begins anew
  tab.port.close();
}

/** @param {Tab} tab @param {FromTab} said */
function heard(tab, said) {
  tab.unanswered = 0;
  if (said.kind === "follow") {
    const follower = { tab, id: said.id };
    tab.followed.set(said.id, follower);
    stream.follow(follower, said.address, said.after);
  } else if (said.kind === "leave") {
    leave(tab, said.id);
  } else if (said.kind === "wake") {
    stream.wake();
  }
}

scope.onconnect = ({ ports: [port] }) => {
  /** @type {Tab} */
  const tab = { port, followed: new Map(), unanswered: 0 };
  tabs.add(tab);
  port.onmessage = ({ data }) => heard(tab, data);
  post(tab, { kind: "ping" });
};

setInterval(() => {
  for (const tab of tabs) {
    if (tab.unanswered >= UNANSWERED) drop(tab);
    else post(tab, { kind: "ping" });
    tab.unanswered += 1;
  }
}, PING_MS);
