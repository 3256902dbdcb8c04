// Lines that were surely meant as an event: a mark at the line, and what the task has of each kind.

/** @import { NearMiss, NearMissKind, NearMissList } from "./types" */
import { ask } from "./api.js";
import { $, el, fill } from "./dom.js";
import { bare } from "./pure/ansi.js";
import * as show from "./pure/format.js";

/** What a line nearly was, on demand. @param {NearMiss} near */
export const nearMark = ({ nearly, change }) =>
  el("details.near", {}, el("summary", {}, "nearly an event"), el("p", {}, `Nearly ${bare(nearly)}.`), el("p", {}, bare(change)));

/** The kinds that a task has; the card hides without any. */
export class NearMisses {
  #timer = 0;

  /** @param {number} taskId */
  constructor(taskId) {
    this.taskId = taskId;
  }

  /** Ask soon, once for many lines. */
  soon() {
    this.#timer ||= setTimeout(() => { this.#timer = 0; void this.draw(); }, 500);
  }

  async draw() {
    /** @type {NearMissList} */
    const { items } = await ask(`/api/tasks/${this.taskId}/near-misses`);
    $("near-card").hidden = !items.length;
    $("near-count").textContent = show.counted(items.reduce((sum, { count }) => sum + count, 0), "line");
    fill($("near"), ...items.map(kindOf));
  }
}

/** @param {NearMissKind} kind */
const kindOf = ({ nearly, change, count, first_seq }) => el("li", {},
  el("p", {}, `Nearly ${bare(nearly)}.`),
  el("p", {}, bare(change)),
  el("p.quiet", {}, `${show.counted(count, "line")}, first `, el("a", { href: `#L${first_seq}` }, `line ${first_seq}`)));
