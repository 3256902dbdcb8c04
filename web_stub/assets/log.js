// The log: its end, followed; the lines around any line; those that fit a filter. The server filters the whole log, and
// counts in it. The filter stands in the address.

/** @import { Event, LineCount, Page } from "./types" */
import { Address } from "./address.js";
import { ask, attempt } from "./api.js";
import { $, el, fill, input, select } from "./dom.js";
import { nearMark } from "./near_misses.js";
import { onPause } from "./pieces.js";
import { bare, pieces } from "./pure/ansi.js";
import * as show from "./pure/format.js";
import { LOG_DEFAULTS, besideMessage, footText, isWanted, lineQuery, linkedLine } from "./pure/log_lines.js";

const PAGE = 300;
const AROUND = 150; // lines on either side of a line that is linked to
const KEPT = 3000; // lines in the page at once
const NEAR = 80; // pixels from an end where further lines are asked for
const PAUSE_MS = 250;
const COUNT_MS = 500;

export class Log {
  #box = $("log");
  #first = 0; // number of the first line here, and of the last: 0 without a line
  #last = 0;
  #hasEarlier = false;
  #hasLater = false;
  #matching = 0;
  #missing = 0; // a line that is linked to and that the log does not have
  #turn = 0; // grows with every question; the answer to an older question is dropped
  #wasTop = 0;
  #isBusy = false;
  #countTimer = 0;
  #askTimer = 0;
  /** Lines from the stream while an answer is on its way. @type {Event[] | null} */ #meanwhile = null;

  /**
   * @param {number} taskId
   * @param {number} lastSeq number of the last line so far
   */
  constructor(taskId, lastSeq) {
    this.taskId = taskId;
    this.lastSeq = lastSeq;
    this.address = new Address(LOG_DEFAULTS, () => this.#changed());
    this.#box.addEventListener("scroll", () => this.#scrolled());
    select("log-level").addEventListener("change", () => this.#choose({ level: select("log-level").value }));
    input("log-metrics").addEventListener("change", () => this.#choose({ lines: input("log-metrics").checked ? "all" : "" }));
    onPause(input("log-search"), PAUSE_MS, (text) => { if (text !== this.#filter.text) this.#choose({ text }); });
    input("log-follow").addEventListener("change", () => this.#follow());
    addEventListener("hashchange", () => attempt(() => this.load()));
    addEventListener("pageshow", () => this.#controls()); // a browser may fill in old values by itself
    this.#controls();
  }

  get #filter() { return this.address.values; }

  get #follows() { return input("log-follow").checked; }

  /** @param {Partial<typeof LOG_DEFAULTS>} changes */
  #choose(changes) {
    this.address.set(changes);
    this.#changed();
  }

  #changed() {
    this.#controls();
    attempt(() => this.load());
  }

  #controls() {
    const { level, text, lines } = this.#filter;
    select("log-level").value = level;
    if (select("log-level").value !== level) select("log-level").value = LOG_DEFAULTS.level;
    input("log-metrics").checked = lines === "all";
    if (input("log-search").value.trim() !== text) input("log-search").value = text;
  }

  /** Follow the end: no line is linked to any more. */
  #follow() {
    if (!this.#follows) return;
    history.replaceState(history.state, "", location.pathname + location.search);
    attempt(() => this.load());
  }

  /** The end of what fits the filter, or the lines around #L12. */
  async load() {
    const turn = this.#turn += 1;
    this.#meanwhile = [];
    this.#missing = 0;
    try {
      const linked = linkedLine(location.hash);
      if (linked) input("log-follow").checked = false;
      if (linked) await this.#around(linked, turn);
      else await this.#end(turn);
    } finally {
      if (turn === this.#turn) this.#meanwhile = null;
    }
    this.#countSoon(0);
  }

  /** @param {number} turn */
  async #end(turn) {
    const upto = this.lastSeq;
    const { items, next } = await this.#page({ newest: true, limit: PAGE });
    if (turn !== this.#turn) return;
    this.#put(items.reverse(), { hasEarlier: next !== null, hasLater: false });
    this.#last = Math.max(this.#last, upto); // nothing that fits lies between
    const missed = this.#meanwhile ?? [];
    this.#meanwhile = null;
    this.append(missed);
    this.#toEnd();
  }

  /** The line itself is shown whatever the filter says. @param {number} seq @param {number} turn */
  async #around(seq, turn) {
    const [earlier, line, later] = await Promise.all([
      this.#page({ before: seq, newest: true, limit: AROUND }),
      ask(`/api/tasks/${this.taskId}/events?after=${seq - 1}&before=${seq + 1}`),
      this.#page({ after: seq, limit: AROUND }),
    ]);
    if (turn !== this.#turn) return;
    this.#missing = line.items.length ? 0 : seq;
    this.#put([...earlier.items.reverse(), ...line.items, ...later.items],
      { hasEarlier: earlier.next !== null, hasLater: later.next !== null });
    if (!this.#hasLater) this.#last = Math.max(this.#last, seq);
    const linked = document.getElementById(`L${seq}`);
    if (linked) this.#box.scrollTop = linked.offsetTop - this.#box.offsetTop - this.#box.clientHeight / 2;
    this.#wasTop = this.#box.scrollTop;
    this.#foot();
  }

  /** @param {Event[]} items @param {{hasEarlier: boolean, hasLater: boolean}} more */
  #put(items, { hasEarlier, hasLater }) {
    fill(this.#box, ...items.map((line) => this.#line(line)));
    this.#first = items[0]?.seq ?? 0;
    this.#last = items.at(-1)?.seq ?? 0;
    this.#hasEarlier = hasEarlier;
    this.#hasLater = hasLater;
  }

  /** Lines from the stream. @param {Event[]} events in the order printed */
  append(events) {
    this.lastSeq = Math.max(this.lastSeq, events.at(-1)?.seq ?? 0);
    if (this.#meanwhile) {
      this.#meanwhile.push(...events); // the answer on its way may or may not hold them
      return;
    }
    const { text, level, lines } = this.#filter;
    const fresh = events.filter(({ seq }) => seq > this.#last);
    if (!fresh.length) return this.#foot();
    if (!this.#follows) this.#hasLater = true;
    else if (text) this.#askTimer ||= setTimeout(() => { this.#askTimer = 0; attempt(() => this.#newest()); }, PAUSE_MS);
    else this.#addEnd(fresh.filter((line) => isWanted(line, level, lines === "all")), this.lastSeq);
    this.#countSoon(COUNT_MS);
    return this.#foot();
  }

  /** New lines that have the text: only the server knows how lines are written. */
  async #newest() {
    const turn = this.#turn;
    const upto = this.lastSeq;
    const { items } = await this.#page({ after: this.#last, limit: KEPT });
    if (turn === this.#turn && this.#follows) this.#addEnd(items, upto);
  }

  /** @param {Event[]} items @param {number} upto every line up to this number has been looked at */
  #addEnd(items, upto) {
    this.#box.append(...items.map((line) => this.#line(line)));
    this.#last = Math.max(this.#last, upto, items.at(-1)?.seq ?? 0);
    this.#first ||= items[0]?.seq ?? 0;
    while (this.#box.childElementCount > KEPT) {
      this.#box.firstElementChild?.remove();
      this.#hasEarlier = true;
    }
    if (this.#box.firstElementChild) this.#first = Number(this.#box.firstElementChild.id.slice(1));
    if (items.length) this.#toEnd();
  }

  /**
   * @param {{after?: number, before?: number, limit: number, newest?: true}} place
   * @returns {Promise<Page<Event>>}
   */
  #page(place) { return ask(`/api/tasks/${this.taskId}/events?${lineQuery(this.#filter, place)}`); }

  /** @param {Event} event */
  #line(event) {
    const message = pieces(event.message, this.#filter.text).map(({ text, style, isHit }) => {
      const part = isHit ? el("mark", {}, text) : text;
      return style ? el(`span.${style.replaceAll(" ", ".")}`, {}, part) : part;
    });
    const text = el("span.text", {}, el("bdi", {}, ...message)); // a mark that turns text turns nothing beside it
    const { fields, stack } = besideMessage(event);
    if (fields) text.append(el("span.fields", {}, `  ${fields}`));
    if (stack.length) text.append(`\n${stack.join("\n")}`);
    if (event.near_miss) text.append(nearMark(event.near_miss));
    else if (event.parse_error) text.append(el("span.fields", {}, `  (${bare(event.parse_error)})`));
    const isHere = location.hash === `#L${event.seq}`;
    return el(`div.line.${event.level}.${event.stream}${isHere ? ".here" : ""}`, { id: `L${event.seq}` },
      el("a.n", { href: `#L${event.seq}`, "aria-label": `Link to line ${event.seq}` }, event.seq),
      el("time", { datetime: event.time, title: show.dateTime(event.time) }, show.clock(event.time)),
      el("span.level", {}, event.level), text);
  }

  #toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#wasTop = this.#box.scrollTop;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - 24;
    const follow = input("log-follow");
    if (!isAtEnd && follow.checked && scrollTop < this.#wasTop) follow.checked = false;
    this.#wasTop = scrollTop;
    if (this.#isBusy) return;
    if (scrollTop < NEAR && this.#hasEarlier) attempt(() => this.#earlier());
    else if (isAtEnd && this.#hasLater) attempt(() => this.#later());
  }

  #earlier() {
    return this.#busily(() => this.#page({ before: this.#first, newest: true, limit: PAGE }), ({ items, next }) => {
      this.#hasEarlier = next !== null;
      if (!items.length) return;
      const height = this.#box.scrollHeight;
      this.#box.prepend(...items.reverse().map((line) => this.#line(line)));
      this.#first = items[0].seq;
      this.#box.scrollTop += this.#box.scrollHeight - height;
      this.#wasTop = this.#box.scrollTop;
    });
  }

  #later() {
    return this.#busily(() => this.#page({ after: this.#last, limit: PAGE }), ({ items, next }) => {
      this.#box.append(...items.map((line) => this.#line(line)));
      this.#last = items.at(-1)?.seq ?? this.#last;
      this.#hasLater = next !== null;
    });
  }

  /**
   * One load by scrolling at a time.
   * @param {() => Promise<Page<Event>>} load
   * @param {(page: Page<Event>) => void} take
   */
  async #busily(load, take) {
    const turn = this.#turn;
    this.#isBusy = true;
    try {
      const page = await load();
      if (turn === this.#turn) take(page);
      this.#foot();
    } finally {
      this.#isBusy = false;
    }
  }

  /** Count the lines that fit. @param {number} ms from now, unless it is going to be counted anyway */
  #countSoon(ms) {
    this.#countTimer ||= setTimeout(() => attempt(async () => {
      const turn = this.#turn;
      try {
        /** @type {LineCount} */
        const counted = await ask(`/api/tasks/${this.taskId}/events/count?${lineQuery(this.#filter, {})}`);
        if (turn !== this.#turn) return;
        this.#matching = counted.count;
        this.lastSeq = Math.max(this.lastSeq, counted.all);
        this.#foot();
      } finally {
        this.#countTimer = 0;
        if (turn !== this.#turn) this.#countSoon(0);
      }
    }), ms);
  }

  #foot() {
    const shown = this.#box.childElementCount;
    $("log-foot").textContent = footText({
      shown,
      matching: Math.max(this.#matching, shown),
      all: this.lastSeq,
      text: this.#filter.text,
      missing: this.#missing,
      hasEarlier: this.#hasEarlier,
      hasLater: this.#hasLater,
    });
  }
}
