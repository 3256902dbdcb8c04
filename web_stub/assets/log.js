// The log: its end, followed; any line by its number; or the lines of the whole log that match a search.

import { ask, attempt } from "./api.js";
import { $, el } from "./dom.js";
import * as show from "./format.js";

const PAGE = 300;
const SEVERAL = 1000; // lines looked through at a time for those that are wanted
const KEPT = 3000; // lines in the page at once
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];
const NOISE = ["METRICS", "PROGRESS"];

export class Log {
  constructor(taskId, lastSeq) {
    this.taskId = taskId;
    this.box = $("log");
    this.lastSeq = lastSeq;
    this.searching = "";
    this.box.addEventListener("scroll", () => this.#scrolled());
    for (const id of ["log-level", "log-metrics"]) $(id).addEventListener("change", () => attempt(() => this.load()));
    $("log-follow").addEventListener("change", () => { if (this.follows) attempt(() => this.load()); });
    let timer;
    $("log-search").addEventListener("input", (event) => {
      clearTimeout(timer);
      timer = setTimeout(() => { this.searching = event.target.value.trim(); attempt(() => this.load()); }, 250);
    });
    addEventListener("hashchange", () => attempt(() => this.load()));
  }

  get follows() { return $("log-follow").checked && !this.searching; }

  /** The end of the log, the lines around #L12, or what the search finds. */
  async load() {
    const linked = Number(/^#L(\d+)$/.exec(location.hash)?.[1] ?? 0);
    if (this.searching) return this.#search();
    if (linked) $("log-follow").checked = false;
    const after = linked ? Math.max(0, linked - PAGE / 2) : 0;
    const items = linked ? await this.#page({ after, limit: PAGE }) : (await this.#page({ newest: true, limit: PAGE })).reverse();
    this.box.replaceChildren(...items.filter((e) => this.#wanted(e)).map((e) => this.#line(e)));
    this.firstSeq = items[0]?.seq ?? 1;
    this.nextSeq = items.at(-1)?.seq ?? 0;
    // metric lines may fill thousands of numbers: look further back until there is something to read
    for (let i = 0; i < 5 && this.firstSeq > 1 && this.box.scrollHeight <= this.box.clientHeight; i += 1) {
      await this.#earlier(SEVERAL);
    }
    if (linked) document.getElementById(`L${linked}`)?.scrollIntoView({ block: "center" });
    else this.#toEnd();
    return this.#foot();
  }

  /** Lines from the stream. */
  append(events) {
    this.lastSeq = Math.max(this.lastSeq, events.at(-1).seq);
    if (this.follows && (this.nextSeq ?? 0) < this.lastSeq) {
      const fresh = events.filter((e) => e.seq > this.nextSeq);
      this.box.append(...fresh.filter((e) => this.#wanted(e)).map((e) => this.#line(e)));
      this.nextSeq = events.at(-1).seq;
      while (this.box.childElementCount > KEPT) this.box.firstChild.remove();
      if (this.box.firstChild) this.firstSeq = Number(this.box.firstChild.id.slice(1));
      this.#toEnd();
    }
    this.#foot();
  }

  async #page(query) {
    const level = $("log-level").value;
    const params = new URLSearchParams(query);
    if (this.searching && level !== "trace") params.set("level", level);
    return (await ask(`/api/tasks/${this.taskId}/events?${params}`)).items;
  }

  async #search() {
    const words = this.searching;
    const items = await this.#page({ newest: true, limit: PAGE, text: words });
    if (words !== this.searching) return;
    this.box.replaceChildren(...items.reverse().map((e) => this.#line(e, words)));
    this.#toEnd();
    const many = items.length === PAGE ? `the newest ${PAGE}` : show.count(items.length);
    $("log-foot").textContent = `${many} of ${show.count(this.lastSeq)} lines contain “${words}”`;
  }

  #wanted(event) {
    if (NOISE.includes(event.event_type) && !$("log-metrics").checked) return false;
    return LEVELS.indexOf(event.level) >= LEVELS.indexOf($("log-level").value);
  }

  #line(event, words) {
    const message = words ? marked(event.message, words) : [event.message];
    const text = el("span.text", {}, el("bdi", {}, ...message)); // a mark that turns text turns nothing beside it
    const { stack, ...body } = event.body ?? {};
    const fields = Object.entries({ ...body, ...event.fields });
    if (fields.length) text.append(el("span.fields", {}, `  ${fields.map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`).join("  ")}`));
    if (stack) text.append(`\n${stack.join("\n")}`);
    if (event.parse_error) text.append(el("span.fields", {}, `  (${event.parse_error})`));
    const here = location.hash === `#L${event.seq}`;
    return el(`div.line.${event.level}.${event.stream}${here ? ".here" : ""}`, { id: `L${event.seq}` },
      el("a.n", { href: `#L${event.seq}`, "aria-label": `Link to line ${event.seq}` }, event.seq),
      el("time", { datetime: event.time, title: show.dateTime(event.time) }, show.clock(event.time)),
      el("span.level", {}, event.level), text);
  }

  #toEnd() { this.box.scrollTop = this.box.scrollHeight; }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const atEnd = scrollTop + clientHeight >= scrollHeight - 24;
    if (!atEnd && $("log-follow").checked && scrollTop < (this.was ?? 0)) $("log-follow").checked = false;
    this.was = scrollTop;
    if (scrollTop < 80 && !this.busy && !this.searching && this.firstSeq > 1) attempt(() => this.#earlier(SEVERAL));
    if (atEnd && !this.busy && !this.searching && !this.follows && this.nextSeq < this.lastSeq) attempt(() => this.#later());
  }

  async #earlier(most = PAGE) {
    this.busy = true;
    try {
      const items = await this.#page({ after: Math.max(0, this.firstSeq - most - 1), limit: Math.min(most, this.firstSeq - 1) });
      if (!items.length) return;
      const height = this.box.scrollHeight;
      this.box.prepend(...items.filter((e) => this.#wanted(e)).map((e) => this.#line(e)));
      this.firstSeq = items[0].seq;
      this.box.scrollTop += this.box.scrollHeight - height;
      this.#foot();
    } finally {
      this.busy = false;
    }
  }

  async #later() {
    this.busy = true;
    try {
      const items = await this.#page({ after: this.nextSeq, limit: PAGE });
      this.box.append(...items.filter((e) => this.#wanted(e)).map((e) => this.#line(e)));
      this.nextSeq = items.at(-1)?.seq ?? this.nextSeq;
    } finally {
      this.busy = false;
    }
  }

  #foot() {
    const [shown, all] = [this.box.childElementCount, this.lastSeq];
    const some = `${show.count(shown)} of ${show.count(all)} lines`;
    const foot = this.firstSeq > 1 ? `${some} here; scroll up for earlier ones` : `${some}; the others are metric lines, or below the level`;
    $("log-foot").textContent = !all ? "Nothing printed yet" : shown >= all ? `All ${show.count(all)} lines` : foot;
  }
}

function* marked(text, words) {
  const low = text.toLowerCase();
  const find = words.toLowerCase();
  let from = 0;
  for (let at = low.indexOf(find); at >= 0; at = low.indexOf(find, from)) {
    yield text.slice(from, at);
    yield el("mark", {}, text.slice(at, at + find.length));
    from = at + find.length;
  }
  yield text.slice(from);
}
