// The table of runs: what the address names, asked of the server, drawn and kept current.

/** @import { Chosen } from "./pure/run_state.js" */
/** @import { Answer } from "./runs_answers.js" */
import { Address } from "./address.js";
import { Refused, attempt, isAbort, say, sentenceOf } from "./api.js";
import { $, button, input, select } from "./dom.js";
import "./frame.js";
import { listen } from "./live.js";
import { ignoreEnter, onPause } from "./pieces.js";
import { addressWith } from "./pure/address.js";
import { everyKey, moved } from "./pure/run_columns.js";
import { splitKeys } from "./pure/run_keys.js";
import { idsOf } from "./pure/run_selection.js";
import { clicked, sortText } from "./pure/run_sort.js";
import * as state from "./pure/run_state.js";
import { both, faultOf } from "./pure/where_text.js";
import { RunsServer, factsOf, goesOn, headColumns } from "./runs_answers.js";
import { drawAround, drawGroupChoice, withoutFiles } from "./runs_around.js";
import { ColumnsDialog } from "./runs_columns.js";
import { RunHead } from "./runs_head.js";
import { Menu } from "./runs_menu.js";
import { groupRows, runRows } from "./runs_plans.js";
import { Rows } from "./runs_rows.js";
import { RunSelection } from "./runs_selection.js";
import { ViewsDialog } from "./runs_views.js";
import { Where } from "./runs_where.js";

const PAUSE_MS = 200; // in typing, before the server is asked
const REST = 9; // an answer that takes long is asked again only after so many times as long,
const REST_MS = [1000, 20_000]; // but within these bounds
const TICK_MS = 1000;
const AGE_TICKS = 30;

class RunsPage {
  /** @type {Address<Chosen>} */ #address = new Address(state.NOTHING_CHOSEN, () => this.#moved());
  /** The columns that are shown now. @type {string[]} */ #columns = [];
  /** @type {Answer | null} */ #answer = null;
  #turn = 0; // grows with every question; the answer to an older question is dropped
  #tookMs = 0;
  #hasFault = false;
  #isDue = false; // news has come, but nobody looks
  #again = 0; // the timer of the next question

  #server = new RunsServer(() => drawGroupChoice(this.#server.known));
  #rows = new Rows($("rows"));
  #selection = new RunSelection({
    ids: () => this.#rows.ids,
    selected: () => idsOf(this.#chosen.selected),
    select: (ids) => this.#address.set({ selected: ids.join(",") }),
  });
  #menu = new Menu($("menu"));
  #views = new ViewsDialog();
  #where = new Where({
    keys: () => (this.#server.known ? everyKey(this.#server.known) : []),
    onChange: (where) => { if (where !== this.#chosen.where) this.#choose({ where, page: "1" }); },
  });
  #dialog = new ColumnsDialog((columns, isUsual) => this.#choose({ columns: isUsual ? "" : columns.join(",") }));
  #head = new RunHead({
    row: $("head"),
    lead: this.#selection.lead,
    sort: (key, isAdding) => this.#sort(clicked(state.sortNow(this.#chosen), key, isAdding)),
    menu: (key, button) => this.#openMenu(key, button),
  });

  /** @type {import("./runs_plans.js").RunsParts} */ #parts = {
    onSelect: (id, box, isRange) => this.#selection.pick(id, box.checked, isRange),
    onOpen: (where) => {
      const open = state.openOf(this.#chosen.open);
      this.#choose({ open: state.openText(open.includes(where) ? open.filter((one) => one !== where) : [...open, where]) });
    },
    only: (where) => addressWith(location.href, {
      ...this.#chosen, where: both(this.#chosen.where, where), group: "", open: "", page: "1",
    }, state.NOTHING_CHOSEN),
  };

  constructor() {
    onPause(input("search"), PAUSE_MS, (text) => { if (text !== this.#chosen.text) this.#choose({ text, page: "1" }, false); });
    ignoreEnter(input("search"));
    button("previous").addEventListener("click", () => this.#turnTo(-1));
    button("next").addEventListener("click", () => this.#turnTo(1));
    button("columns-open").addEventListener("click", () => attempt(async () =>
      this.#dialog.open(await this.#server.columns(true), this.#columns)));
    button("problem-mend").addEventListener("click", () => this.#choose({ columns: "", sort: "", group: "", open: "" }));
    input("archived").addEventListener("change", () =>
      this.#choose({ archived: input("archived").checked ? "1" : "", open: "", page: "1" }));
    select("group").addEventListener("change", () => this.#groupBy(select("group").value, true));
    addEventListener("pageshow", () => this.#controls()); // a browser may fill in old values by itself
    document.addEventListener("visibilitychange", () => { if (this.#isDue) this.#news(); });
    let ticks = 0;
    setInterval(() => { // durations grow by the second, ages by the minute
      if (!document.hidden && (goesOn(this.#answer) || (ticks += 1) % AGE_TICKS === 0)) this.#drawRows();
    }, TICK_MS);
    this.#moved();
    listen(`stream?${state.NEWS}`, 0, { cards: () => this.#news() }, { onResume: () => this.#news() });
  }

  get #chosen() { return this.#address.values; }

  get #by() { return splitKeys(this.#chosen.group); }

  // ---------------------------------------------------------------- what a person chooses

  /** @param {Partial<Chosen>} changes @param {boolean} [isStep] Back undoes it */
  #choose(changes, isStep = true) {
    const text = input("search").value.trim(); // perhaps typed a moment ago
    this.#address.set({ text, ...changes }, { isStep });
    this.#moved();
  }

  /** @param {import("./pure/run_sort.js").SortKey[]} sort */
  #sort(sort) { this.#choose({ sort: sortText(sort), page: "1" }); }

  /** @param {number} by */
  #turnTo(by) {
    this.#choose({ page: String(state.pageOf(this.#chosen) + by) });
    $("box").scrollTop = 0;
  }

  /** @param {string} key @param {boolean} isOn */
  #groupBy(key, isOn) {
    const by = isOn ? [...new Set([...this.#by, key])] : this.#by.filter((one) => one !== key);
    const sort = sortText(state.sortNow({ ...this.#chosen, group: by.join(",") }));
    this.#choose({ group: by.join(","), sort, open: "", page: "1" });
  }

  /** @param {string[]} columns */
  #show(columns) { if (columns.length) this.#choose({ columns: columns.join(",") }); }

  /** @param {string} key @param {HTMLElement} button */
  #openMenu(key, button) {
    const sort = (/** @type {boolean} */ isDown) => () => { this.#sort([{ key, isDown }]); back(); };
    const back = () => (this.#head.menuOf(key) ?? $("box")).focus();
    const order = [
      { title: "Sort up", act: sort(false) },
      { title: "Sort down", act: sort(true) },
    ];
    if (this.#by.includes(key)) {
      this.#menu.open(button, [...order, { title: "Do not group by it", act: () => { this.#groupBy(key, false); back(); } }]);
      return;
    }
    const columns = this.#columns;
    const move = (/** @type {number} */ by) => () => { this.#show(moved(columns, key, by)); back(); };
    this.#menu.open(button, [
      ...order,
      { title: "Move left", act: move(-1), isOff: columns[0] === key },
      { title: "Move right", act: move(1), isOff: columns.at(-1) === key },
      { title: "Group by it", act: () => { this.#groupBy(key, true); back(); } },
      { title: "Remove", act: () => { this.#show(columns.filter((one) => one !== key)); back(); }, isOff: columns.length === 1 },
    ]);
  }

  // ---------------------------------------------------------------- the server

  #moved() {
    this.#controls();
    attempt(() => this.#ask());
  }

  #controls() {
    const { text, where, archived } = this.#chosen;
    if (input("search").value.trim() !== text) input("search").value = text;
    this.#where.show(where);
    input("archived").checked = archived !== "";
    select("group").value = "";
  }

  async #ask() {
    const turn = this.#turn += 1;
    clearTimeout(this.#again);
    this.#again = 0;
    const began = performance.now();
    try {
      const { answer, columns } = await this.#server.answer(this.#chosen);
      if (turn !== this.#turn) return;
      this.#tookMs = performance.now() - began;
      this.#answered(answer, columns);
      if (!this.#server.known) await this.#server.columns(); // for completion
    } catch (error) {
      if (turn !== this.#turn) return;
      if (!(error instanceof Refused) || error.status >= 500) throw error;
      this.#refused(error);
    }
  }

  /** @param {Answer} answer @param {string[]} columns */
  #answered(answer, columns) {
    const { length, total } = factsOf(answer);
    if (!length && total > 0) { // runs were removed, or the address names a page too far
      this.#choose({ page: String(Math.ceil(total / state.LIMIT)) }, false);
      return;
    }
    this.#answer = answer;
    this.#columns = columns;
    this.#fault(false);
    this.#draw();
  }

  /** @param {Refused} error */
  #refused(error) {
    const { parameter, place, said } = faultOf(error.message, this.#chosen.where);
    this.#fault(true);
    if (parameter === "where") this.#where.fault(said, place);
    else {
      $("problem-text").textContent = error.message;
      $("problem").hidden = false;
    }
    withoutFiles();
  }

  /** Rows of an older question are no answer to this one. @param {boolean} hasFault */
  #fault(hasFault) {
    this.#hasFault = hasFault;
    this.#where.fault("");
    $("problem").hidden = true;
    $("list").classList.toggle("stale", hasFault);
    $("list").inert = hasFault;
    $("none").hidden = hasFault || $("none").hidden;
  }

  /** Something has changed: ask again, but neither often nor for a page that nobody sees. */
  #news() {
    this.#isDue = document.hidden;
    if (this.#isDue || this.#again || this.#hasFault || !this.#answer) return;
    const [least, most] = REST_MS;
    this.#again = setTimeout(() => {
      this.#ask().catch((error) => { if (!isAbort(error) && error instanceof Refused) say(sentenceOf(error)); });
    }, Math.min(most, Math.max(least, REST * this.#tookMs)));
  }

  // ---------------------------------------------------------------- drawing

  #draw() {
    if (!this.#answer) return;
    this.#head.draw(headColumns(this.#answer, this.#columns), state.sortNow(this.#chosen));
    this.#drawRows();
    drawAround(this.#chosen, this.#answer, this.#columns, {
      choose: (changes) => this.#choose(changes),
      ungroup: (key) => this.#groupBy(key, false),
    });
    this.#views.mark();
  }

  #drawRows() {
    if (!this.#answer) return;
    this.#rows.draw("table" in this.#answer ? runRows(this.#answer.table, this.#columns, this.#parts)
      : groupRows(this.#answer.groups, this.#answer.opened, this.#parts));
    this.#selection.draw();
  }
}

new RunsPage();
