// The charts of compared runs: what is drawn stands in the address; the curves of all runs come in one answer for each
// chart that is seen.

/** @import { RunBands, RunComparison, RunCurves } from "../types" */
/** @import { Address } from "../address.js" */
/** @import { Entry, PlotLine } from "../pure/compare/series.js" */
/** @import { DEFAULTS, Limits } from "../pure/compare/view.js" */
/** @import { RunColumns } from "./values.js" */
import { ask, attempt, say, sentenceOf } from "../api.js";
import { ChartList } from "../chart_list.js";
import { $ } from "../dom.js";
import { colourAt } from "../pure/compare/colours.js";
import { firstColumn } from "../pure/compare/cells.js";
import { bandLines, curveLines, groupEntries, runEntries, spanOf } from "../pure/compare/series.js";
import { compareViewOf, isShown, limitsText, shownAfter } from "../pure/compare/view.js";
import { groupsOf, listOf, listText, toggled } from "../pure/metric_groups.js";
import { zoomText } from "../pure/view.js";
import { Legend } from "./legend.js";
import { RunChart } from "./run_chart.js";
import { isDark } from "./svg.js";

const POINTS = 40_000; // of a chart; each of its curves has its part
const MOST_POINTS = 1000; // of a curve
const LEAST_POINTS = 60;

/**
 * What the server answered to the question of a chart: curves over this axis, or bands of the groups by this column.
 * @typedef {{query: string, axis: string, bandsOf: string, answer: RunCurves | RunBands}} Loaded
 */

/** An address may name a column that there is not: it is said, and nothing is grouped. @param {unknown} error */
function told(error) {
  say(sentenceOf(error));
  return null;
}

export class RunCurveCharts {
  /** @type {Entry[]} */ #entries = [];
  /** @type {Map<string, number>} place of an entry, which gives its colour */ #places = new Map();
  /** @type {Map<string, Loaded>} by metric */ #loaded = new Map();
  /** @type {Map<string, {query: string, request: AbortController}>} questions on their way, by metric */ #asked = new Map();
  #turn = 0;

  /**
   * @param {RunComparison} comparison
   * @param {RunColumns} columns
   * @param {Address<typeof DEFAULTS>} address
   */
  constructor(comparison, columns, address) {
    this.comparison = comparison;
    this.columns = columns;
    this.address = address;
    this.list = new ChartList({
      make: (name) => new RunChart(name, {
        zoom: (from, to) => this.#set({ zoom: zoomText(from, to) }),
        pin: () => this.#turnOver("pin", name),
        full: () => this.#full(name),
        limit: (limits) => this.#limit(name, limits),
        point: (line) => this.#point(line),
      }),
      onSeen: (names) => { for (const name of names) this.#drawOne(name); this.#load(); },
      fold: (group) => this.#turnOver("fold", group),
    });
    this.legend = new Legend({
      turn: (key, isAlone) => this.#set({ shown: shownAfter(this.#entries.map((one) => one.key), this.view.shown, key, isAlone) }),
      all: () => this.#set({ shown: "" }),
      point: (key) => this.#highlight(key === null ? null : (line) => line.entry === key),
    });
    addEventListener("themechange", () => this.draw());
  }

  get view() { return compareViewOf(this.address.values); }

  /** Shown runs, by the legend. */
  get shownRuns() {
    const { shown } = this.view;
    return this.#entries.filter(({ key }) => isShown(key, shown)).flatMap(({ runs }) => runs);
  }

  /** The colour of a run or group. @param {string} key of its entry */
  colour(key) { return colourAt(this.#places.get(key) ?? 0, isDark()); }

  get entries() { return this.#entries; }

  /** Called after a change by which other parts of the page change, too. */
  onChange = () => {};

  /** @param {Partial<typeof DEFAULTS>} changes */
  #set(changes) {
    this.address.set(changes);
    attempt(async () => { await this.show(); this.onChange(); });
  }

  /** Show what the address says. */
  async show() {
    const turn = this.#turn += 1;
    const { group } = this.view;
    const { runs } = this.comparison;
    const known = group ? firstColumn(await this.columns.of([group]).catch(told)) : null;
    if (turn !== this.#turn) return;
    this.#entries = known ? groupEntries(runs, known.column, known.cells) : runEntries(runs);
    this.#places = new Map(this.#entries.map(({ key }, i) => [key, i]));
    this.#arrange();
  }

  /** Ask again: some of the runs have gone on. @param {RunComparison} comparison */
  renew(comparison) {
    this.comparison = comparison;
    this.#loaded = new Map([...this.#loaded].map(([name, loaded]) => [name, { ...loaded, query: "" }]));
    return this.show();
  }

  #arrange() {
    const { words, pinned, turned, full } = this.view;
    const names = [...new Set(this.comparison.metrics.map(({ name }) => name))];
    const groups = groupsOf(names, { words, pinned, turned });
    this.list.show(groups, pinned);
    for (const name of names) {
      const chart = this.list.chart(name);
      if (chart) chart.isFull = name === full;
    }
    $("metrics-none").hidden = groups.length > 0 || names.length === 0;
    $("no-charts").hidden = names.length > 0;
    this.draw();
    this.#load();
  }

  draw() {
    const { shown, group } = this.view;
    this.legend.draw(this.#entries, shown, (key) => this.colour(key), group ? "Groups" : "Runs");
    for (const name of this.list.seen) this.#drawOne(name);
  }

  /** @param {string} name */
  #drawOne(name) {
    const loaded = this.#loaded.get(name);
    const chart = this.list.chart(name);
    if (!loaded || !chart || !this.list.isSeen(name)) return;
    const { axis, log, clip, window, limits, shown } = this.view;
    if (loaded.axis !== axis || loaded.bandsOf !== this.#bandsOf) return; // the picture stays until the answer comes
    const all = "bands" in loaded.answer
      ? bandLines(loaded.answer.bands, this.#entries) : curveLines(loaded.answer.curves, this.#entries, this.comparison.runs);
    const lines = all.filter(({ entry }) => isShown(entry, shown));
    chart.draw(lines, {
      axis, log, clip, limits: limits.get(name) ?? [null, null], window: window ?? spanOf(lines),
      runs: this.comparison.runs.length, all: all.length, colour: (line) => this.colour(line.entry),
    });
  }

  /** Ask for the charts that are seen and do not have what the address asks for. */
  #load() {
    for (const name of this.list.seen) {
      const query = this.#query(name);
      const asked = this.#asked.get(name);
      if (this.#loaded.get(name)?.query === query || asked?.query === query) continue;
      asked?.request.abort();
      attempt(() => this.#ask(name, query));
    }
  }

  /** The column by which bands are drawn; empty for curves. */
  get #bandsOf() {
    const { draw, group } = this.view;
    return draw === "curves" ? "" : `${group} ${draw}`;
  }

  /** @param {string} name */
  #query(name) {
    const { axis, window, smoothing, group, draw } = this.view;
    const kinds = this.comparison.metrics.filter((one) => one.name === name);
    const curves = Math.max(1, kinds.reduce((sum, { runs }) => sum + runs, 0));
    const most = Math.max(LEAST_POINTS, Math.min(MOST_POINTS, Math.round(POINTS / curves)));
    const query = new URLSearchParams({ runs: this.columns.runs.join(","), name, x: axis });
    if (smoothing > 0) query.set("smoothing", String(smoothing));
    if (window) {
      query.set("from", String(window[0]));
      query.set("to", String(window[1]));
    }
    if (draw !== "curves") {
      query.set("group", group);
      query.set("spread", draw);
      query.set("max_points", "400");
      return `bands?${query}`;
    }
    query.set("max_points", String(most));
    query.set("thin", "mean");
    if (curves > 6) query.set("ranges", "false");
    return `points?${query}`;
  }

  /** @param {string} name @param {string} query */
  async #ask(name, query) {
    const asked = { query, request: new AbortController() };
    this.#asked.set(name, asked);
    const [axis, bandsOf] = [this.view.axis, this.#bandsOf];
    try {
      const answer = await ask(`/api/runs/${query}`, { signal: asked.request.signal });
      this.#loaded.set(name, { query, axis, bandsOf, answer });
      this.#drawOne(name);
    } finally {
      if (this.#asked.get(name) === asked) this.#asked.delete(name);
    }
  }

  /** @param {"pin" | "fold"} which @param {string} name */
  #turnOver(which, name) { this.#set({ [which]: listText(toggled(listOf(this.address.values[which]), name)) }); }

  /** @param {string} name */
  #full(name) { this.#set({ full: this.view.full === name ? "" : name }); }

  /** @param {string} name @param {Limits} limits */
  #limit(name, limits) { this.#set({ y: limitsText(new Map([...this.view.limits, [name, limits]])) }); }

  /** @param {PlotLine | null} line */
  #point(line) {
    this.legend.highlight(line?.entry ?? null);
    this.#highlight(line === null ? null : (one) => (line.run === null ? one.entry === line.entry : one.run === line.run));
  }

  /** @param {number | null} run that is pointed at elsewhere */
  pointAt(run) {
    const entry = this.#entries.find(({ runs }) => run !== null && runs.includes(run));
    this.legend.highlight(entry?.key ?? null);
    this.#highlight(entry ? (line) => line.run === run || (line.run === null && line.entry === entry.key) : null);
  }

  /** @param {((line: PlotLine) => boolean) | null} isMeant */
  #highlight(isMeant) {
    for (const name of this.list.seen) this.list.chart(name)?.highlight(isMeant);
  }
}
