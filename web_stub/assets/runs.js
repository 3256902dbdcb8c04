// The table of runs: what the address names, asked of the server, drawn and kept current.

/** @import { RunColumns, RunGroups, RunTable } from "./types" */
/** @import { Chosen } from "./pure/run_state.js" */
/** @import { HeadColumn } from "./runs_head.js" */
import { Address } from "./address.js";
import { Refused, ask, attempt, isAbort, say, sentenceOf } from "./api.js";
import { $, button, el, fill, input, link, select } from "./dom.js";
import "./frame.js";
import { listen } from "./live.js";
import { chips, ignoreEnter, onPause } from "./pieces.js";
import { addressWith } from "./pure/address.js";
import * as show from "./pure/format.js";
import { isRight } from "./pure/run_cells.js";
import { defaultColumns, everyKey, groupable, moved, numericColumns, spoken } from "./pure/run_columns.js";
import { splitKeys } from "./pure/run_keys.js";
import { between, coverage, idsOf, withIds } from "./pure/run_selection.js";
import { clicked, sortText } from "./pure/run_sort.js";
import * as state from "./pure/run_state.js";
import { at } from "./pure/site.js";
import { both, faultOf } from "./pure/where_text.js";
import { ColumnsDialog } from "./runs_columns.js";
import { RunHead } from "./runs_head.js";
import { Menu } from "./runs_menu.js";
import { groupRows, runRows } from "./runs_plans.js";
import { Rows } from "./runs_rows.js";
import { ViewsDialog } from "./runs_views.js";
import { Where } from "./runs_where.js";

const PAUSE_MS = 200; // in typing, before the server is asked
const REST = 9; // an answer that takes long is asked again only after so many times as long,
const REST_MS = [1000, 20_000]; // but within these bounds
const TICK_MS = 1000;
const AGE_TICKS = 30;
const FORMATS = ["csv", "json"];

/** @typedef {{table: RunTable} | {groups: RunGroups, opened: Map<string, RunTable>}} Answer */

class RunsPage {
  /** @type {Address<Chosen>} */ #address = new Address(state.NOTHING_CHOSEN, () => this.#moved());
  /** @type {Promise<RunColumns> | null} */ #asked = null;
  /** @type {RunColumns | null} */ #known = null;
  /** Columns of a table for which nobody has chosen any. @type {string[] | null} */ #usual = null;
  /** The columns that are shown now. @type {string[]} */ #columns = [];
  /** @type {Answer | null} */ #answer = null;
  #turn = 0; // grows with every question; the answer to an older question is dropped
  #tookMs = 0;
  #hasFault = false;
  #isDue = false; // news has come, but nobody looks
  #again = 0; // the timer of the next question
  /** The row from which Shift selects. @type {number | null} */ #anchor = null;

  #all = el("input", { type: "checkbox", "aria-label": "Select all runs of this page" });
  #rows = new Rows($("rows"));
  #menu = new Menu($("menu"));
  #views = new ViewsDialog();
  #where = new Where({
    keys: () => (this.#known ? everyKey(this.#known) : []),
    onChange: (where) => { if (where !== this.#chosen.where) this.#choose({ where, page: "1" }); },
  });
  #dialog = new ColumnsDialog((columns, isUsual) => this.#choose({ columns: isUsual ? "" : columns.join(",") }));
  #head = new RunHead({
    row: $("head"),
    lead: el("th.lead", { scope: "col" }, el("div", {}, el("label.pick", {}, this.#all), el("span.number", {}, "Run"))),
    sort: (key, isAdding) => this.#sort(clicked(state.sortNow(this.#chosen), key, isAdding)),
    menu: (key, button) => this.#openMenu(key, button),
  });

  /** @type {import("./runs_plans.js").RunsParts} */ #parts = {
    onSelect: (id, box, isRange) => this.#pick(id, box.checked, isRange),
    onOpen: (where) => {
      const open = state.openOf(this.#chosen.open);
      const next = open.includes(where) ? open.filter((one) => one !== where) : [...open, where];
      this.#choose({ open: next.length ? JSON.stringify(next) : "" });
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
    button("clear").addEventListener("click", () => { this.#select([]); this.#all.focus(); });
    this.#all.addEventListener("change", () => this.#select(withIds(this.#selected, this.#rows.ids, this.#all.checked)));
    button("columns-open").addEventListener("click", () => attempt(async () =>
      this.#dialog.open(await this.#inventory(true), this.#columns)));
    button("problem-mend").addEventListener("click", () => this.#choose({ columns: "", sort: "", group: "", open: "" }));
    select("group").addEventListener("change", () => this.#groupBy(select("group").value, true));
    $("rows").addEventListener("keydown", (event) => this.#walk(event));
    addEventListener("pageshow", () => this.#controls()); // a browser may fill in old values by itself
    document.addEventListener("visibilitychange", () => { if (this.#isDue) this.#news(); });
    let ticks = 0;
    setInterval(() => { // durations grow by the second, ages by the minute
      if (!document.hidden && (this.#goesOn || (ticks += 1) % AGE_TICKS === 0)) this.#drawRows();
    }, TICK_MS);
    this.#moved();
    listen(`stream?${state.NEWS}`, 0, { cards: () => this.#news() }, { onResume: () => this.#news() });
  }

  get #chosen() { return this.#address.values; }

  get #selected() { return idsOf(this.#chosen.selected); }

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

  // ---------------------------------------------------------------- selection

  /** @param {number} id @param {boolean} isOn @param {boolean} isRange */
  #pick(id, isOn, isRange) {
    const ids = isRange ? between(this.#rows.ids, this.#anchor, id) : [id];
    this.#anchor = id;
    this.#select(withIds(this.#selected, ids, isOn));
  }

  /** @param {number[]} ids */
  #select(ids) {
    this.#address.set({ selected: ids.join(",") });
    this.#drawSelection();
  }

  #drawSelection() {
    const [selected, page] = [this.#selected, this.#rows.ids];
    const known = new Set(selected);
    for (const row of $("rows").children) {
      const isOn = known.has(Number(/** @type {HTMLElement} */ (row).dataset.id));
      row.classList.toggle("chosen", isOn);
      const box = row.querySelector("input");
      if (box) box.checked = isOn;
    }
    const covered = coverage(page, selected);
    this.#all.checked = covered === "all" && page.length > 0;
    this.#all.indeterminate = covered === "some";
    this.#all.disabled = page.length === 0;
    const count = selected.length;
    $("selected-count").textContent = count ? `${show.count(count)} selected` : "";
    link("compare-runs").href = at(state.compareAddress(selected));
    link("compare-runs").hidden = count < 2;
    button("clear").hidden = count === 0;
  }

  /** Arrows lead from row to row. @param {KeyboardEvent} event */
  #walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !(event.target instanceof HTMLInputElement)) return;
    const boxes = [...$("rows").querySelectorAll("input")];
    boxes[boxes.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  }

  // ---------------------------------------------------------------- the server

  #moved() {
    this.#controls();
    attempt(() => this.#ask());
  }

  #controls() {
    const { text, where } = this.#chosen;
    if (input("search").value.trim() !== text) input("search").value = text;
    this.#where.show(where);
    select("group").value = "";
  }

  /** @param {boolean} [isAnew] @returns {Promise<RunColumns>} */
  #inventory(isAnew = false) {
    if (!this.#asked || isAnew) {
      const asked = ask("/api/runs/columns").then((known) => {
        this.#known = known;
        this.#drawGroupChoice();
        return known;
      });
      asked.catch(() => { this.#asked = null; });
      this.#asked = asked;
    }
    return this.#asked;
  }

  async #ask() {
    const turn = this.#turn += 1;
    clearTimeout(this.#again);
    this.#again = 0;
    const began = performance.now();
    try {
      const chosen = this.#chosen;
      if (!chosen.columns) this.#usual ??= defaultColumns(await this.#inventory());
      const columns = chosen.columns ? splitKeys(chosen.columns) : this.#usual ?? [];
      const answer = this.#by.length ? await this.#askGroups(chosen, columns) : await this.#askTable(chosen, columns);
      if (turn !== this.#turn) return;
      this.#tookMs = performance.now() - began;
      this.#answered(answer, columns);
      if (!this.#known) await this.#inventory(); // for completion
    } catch (error) {
      if (turn !== this.#turn) return;
      if (!(error instanceof Refused) || error.status >= 500) throw error;
      this.#refused(error);
    }
  }

  /** @param {Chosen} chosen @param {string[]} columns @returns {Promise<Answer>} */
  async #askTable(chosen, columns) {
    return { table: await ask(`/api/runs?${state.tableQuery(chosen, columns)}`) };
  }

  /** @param {Chosen} chosen @param {string[]} columns @returns {Promise<Answer>} */
  async #askGroups(chosen, columns) {
    const numeric = numericColumns(await this.#inventory(), columns);
    /** @type {RunGroups} */
    const groups = await ask(`/api/runs/groups?${state.groupsQuery(chosen, numeric)}`);
    const open = state.openOf(chosen.open).filter((where) => groups.groups.some((one) => one.where === where));
    const summed = groups.columns.map(({ key }) => key);
    const tables = await Promise.all(open.map((where) => ask(`/api/runs?${state.openedQuery(chosen, where, summed)}`)));
    return { groups, opened: new Map(open.map((where, i) => [where, tables[i]])) };
  }

  /** @param {Answer} answer @param {string[]} columns */
  #answered(answer, columns) {
    const facts = "table" in answer ? answer.table : answer.groups;
    const { length } = "table" in answer ? answer.table.rows : answer.groups.groups;
    if (!length && facts.total > 0) { // runs were removed, or the address names a page too far
      this.#choose({ page: String(Math.ceil(facts.total / state.LIMIT)) }, false);
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
    $("summary").textContent = "";
    for (const format of FORMATS) link(`export-${format}`).removeAttribute("href"); // of another question
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

  /** Whether a shown duration grows. */
  get #goesOn() {
    const tables = !this.#answer ? [] : "table" in this.#answer ? [this.#answer.table] : [...this.#answer.opened.values()];
    return tables.some(({ columns, rows }) => {
      const ended = columns.findIndex(({ key }) => key === "finished");
      const started = columns.findIndex(({ key }) => key === "started");
      return columns.some(({ key }) => key === "duration") && rows.some(({ cells }) => cells[started] && !cells[ended]);
    });
  }

  #draw() {
    if (!this.#answer) return;
    const chosen = this.#chosen;
    const isTable = "table" in this.#answer;
    const { total, counts } = "table" in this.#answer ? this.#answer.table : this.#answer.groups;
    this.#head.draw(this.#headColumns(), state.sortNow(chosen));
    this.#drawRows();
    const group = state.groupOf(chosen.show);
    const first = state.GROUPS[0].key;
    chips($("chips"), state.GROUPS.map((one) => ({ ...one, count: one.count(counts, {}), isChosen: one === group })), (key) =>
      this.#choose({ show: key === first ? "" : key, page: "1" }));
    $("summary").textContent = this.#summary();
    const isWhole = !chosen.text && !chosen.where && group.key === first;
    $("list").hidden = total === 0;
    $("none").hidden = total > 0;
    $("none-title").textContent = isWhole ? "No runs yet" : "No run matches";
    $("none-text").textContent = isWhole ? "Every task is a run: a new task appears here as soon as it is queued."
      : "Choose another group or search for less.";
    this.#drawPager(total);
    const numeric = isTable ? [] : this.#headColumns().map(({ key }) => key).filter((key) => key !== "count");
    for (const format of FORMATS) {
      const address = isTable ? state.exportAddress(chosen, this.#columns, format) : state.groupsExport(chosen, numeric, format);
      link(`export-${format}`).href = at(address);
    }
    this.#drawGroups();
    this.#views.mark();
  }

  #summary() {
    if (!this.#answer) return "";
    const page = state.pageOf(this.#chosen);
    if ("table" in this.#answer) {
      const { rows, total } = this.#answer.table;
      return state.rangeText(page, rows.length, total, "run");
    }
    const { groups, total, runs } = this.#answer.groups;
    return `${state.rangeText(page, groups.length, total, "group")} · ${show.counted(runs, "run")}`;
  }

  #drawRows() {
    if (!this.#answer) return;
    this.#rows.draw("table" in this.#answer ? runRows(this.#answer.table, this.#columns, this.#parts)
      : groupRows(this.#answer.groups, this.#answer.opened, this.#parts));
    this.#drawSelection();
  }

  /** @returns {HeadColumn[]} */
  #headColumns() {
    if (!this.#answer) return [];
    if ("groups" in this.#answer) {
      const { by, columns } = this.#answer.groups;
      return [
        ...by.map(({ key }) => ({ key, isRight: false, hasMenu: true })), { key: "count", isRight: true, hasMenu: false },
        ...columns.map(({ key }) => ({ key, isRight: true, hasMenu: true })),
      ];
    }
    const kinds = new Map(this.#answer.table.columns.map(({ key, kind }) => [key, kind]));
    return this.#columns.filter((key) => kinds.has(key)).map((key) =>
      ({ key, isRight: isRight(kinds.get(key) ?? ""), hasMenu: true }));
  }

  /** @param {number} total */
  #drawPager(total) {
    const [page, pages] = [state.pageOf(this.#chosen), Math.max(1, Math.ceil(total / state.LIMIT))];
    $("pager").hidden = pages === 1;
    button("previous").disabled = page <= 1;
    button("next").disabled = page >= pages;
    $("page-of").textContent = `Page ${show.count(page)} of ${show.count(pages)}`;
  }

  #drawGroups() {
    const by = this.#by;
    $("groups").hidden = by.length === 0;
    fill($("groups"), el("span.quiet", {}, "Grouped by"), ...by.map((key) => {
      const remove = () => { this.#groupBy(key, false); select("group").focus(); };
      return el("span.tag", {}, spoken(key),
        el("button", { type: "button", "aria-label": `Do not group by ${spoken(key)}`, onclick: remove }, "×"));
    }));
  }

  #drawGroupChoice() {
    const keys = this.#known ? groupable(this.#known) : [];
    fill(select("group"), el("option", { value: "" }, "Group by …"), ...keys.map((key) => el("option", { value: key }, spoken(key))));
  }
}

new RunsPage();
