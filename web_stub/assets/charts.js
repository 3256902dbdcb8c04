// The curves of a task: what is drawn of them stands in the address; points are asked for where a chart is seen, and new
// points are added while the task runs.

/** @import { ChartData, ChartSeries, NewPoints, Series, SeriesList, TaskCard } from "./types" */
import { Address } from "./address.js";
import { ask, attempt, isAbort } from "./api.js";
import { Chart } from "./chart.js";
import { ChartList } from "./chart_list.js";
import { $, button, input, valueOf } from "./dom.js";
import { ignoreEnter, onPause } from "./pieces.js";
import { isFinal } from "./pure/format.js";
import { groupsOf, listOf, listText, toggled } from "./pure/metric_groups.js";
import { byMetric, continues, extend, firstX, pointsQuery, shifted, smoothHere, span } from "./pure/series.js";
import { CHART_DEFAULTS, viewOf, zoomText } from "./pure/view.js";

const POINTS = 1500; // of each series, at first; twice as many before the server thins them again
const AT_ONCE = 60; // series in a question
const AGAIN_MS = 5000; // compared tasks that still run are asked for anew; their streams stay closed
const DRAW_MS = 100;
const LOAD_MS = 300;
const SLIDE_MS = 150; // a slider that moves asks no more often
const SEARCH_MS = 150;
const SEARCH_FROM = 7; // metrics

/**
 * A task whose curves are drawn. Its times are counted from `start`, in seconds; `points` are by the id of the series.
 * @typedef {object} Run
 * @property {number} id
 * @property {TaskCard | null} card of a compared task
 * @property {number | null} start
 * @property {Map<number, Series>} series
 * @property {Map<number, ChartSeries>} points
 */

/** @param {number} id @param {TaskCard | null} card @param {string | null} startedAt @returns {Run} */
const runOf = (id, card, startedAt) =>
  ({ id, card, start: startedAt ? Date.parse(startedAt) / 1000 : null, series: new Map(), points: new Map() });

export class Charts {
  /** @type {Run} */ #own;
  /** @type {Run[]} */ #others = [];
  /** Parts that arrived while an answer was on its way. @type {NewPoints[][]} */ #meanwhile = [];
  #inFlight = 0;
  #turn = 0; // grows with every view; an answer for an older view is dropped
  /** Series whose points fit the view. @type {Set<number>} */ #fresh = new Set();
  /** @type {AbortController} */ #request = new AbortController();
  #othersTurn = 0;
  #againTimer = 0;
  #drawTimer = 0;
  #loadTimer = 0;
  #slideTimer = 0;
  /** The smoothing of a slider that moves. @type {number | null} */ #sliding = null;

  /**
   * @param {number} taskId
   * @param {string | null} startedAt
   */
  constructor(taskId, startedAt) {
    this.#own = runOf(taskId, null, startedAt);
    this.address = new Address(CHART_DEFAULTS, () => this.#changed());
    this.list = new ChartList({
      make: (name) => new Chart(name, `task-${taskId}`, {
        zoom: (from, to) => this.#zoom(from, to), pin: () => this.#turnOver("pin", name),
      }),
      onSeen: () => { this.draw(); this.#load(); },
      fold: (group) => this.#turnOver("fold", group),
    });
    this.#controls();
    addEventListener("themechange", () => this.draw());
  }

  get #view() {
    const view = viewOf(this.address.values);
    return this.#sliding === null ? view : { ...view, smoothing: this.#sliding };
  }

  /** Series that are new or have changed. @param {Series[]} items */
  know(items) {
    const before = this.#own.series.size;
    for (const one of items) this.#own.series.set(one.id, one);
    if (this.#own.series.size !== before) this.#arrange();
  }

  /** Draw the curves of these tasks over the curves of the page's task. @param {TaskCard[]} cards */
  async compare(cards) {
    this.#others = cards.map((card) => this.#others.find(({ id }) => id === card.id) ?? runOf(card.id, card, card.started_at));
    const turn = this.#othersTurn += 1;
    await Promise.all(this.#others.filter(({ series }) => !series.size).map((run) => this.#know(run)));
    if (turn !== this.#othersTurn) return;
    this.#arrange();
    this.#follow(turn);
  }

  /** @param {Run} run */
  async #know(run) {
    /** @type {SeriesList} */
    const { items } = await ask(`/api/tasks/${run.id}/series`);
    run.series = new Map(items.map((one) => [one.id, one]));
  }

  /** Ask for compared tasks that still run again, from time to time. @param {number} turn */
  #follow(turn) {
    clearTimeout(this.#againTimer);
    const running = this.#others.filter(({ card }) => card && !isFinal(card.status));
    if (!running.length) return;
    this.#againTimer = setTimeout(() => attempt(async () => {
      await Promise.all(running.map(async (run) => {
        run.card = await ask(`/api/tasks/${run.id}`);
        await this.#know(run);
        for (const id of run.series.keys()) this.#fresh.delete(id);
      }));
      if (turn !== this.#othersTurn) return;
      this.#arrange();
      this.#follow(turn);
    }), AGAIN_MS);
  }

  /** Put the charts into their groups, and load what is seen. */
  #arrange() {
    const { words, pinned, turned } = this.#view;
    const names = [...new Set(this.#runs.flatMap(({ series }) => [...series.values()].map(({ name }) => name)))];
    const groups = groupsOf(names, { words, pinned, turned });
    this.list.show(groups, pinned);
    $("metric-search").hidden = names.length < SEARCH_FROM && !words;
    $("metrics-none").hidden = groups.length > 0 || names.length === 0;
    $("charts").dataset.drawn = String(names.length);
    this.draw();
    this.#load();
  }

  get #runs() { return [this.#own, ...this.#others]; }

  /** Ask for the points of the charts that are seen and have none for this view. */
  #load() {
    const seen = new Set(this.list.seen);
    for (const run of this.#runs) {
      const wanted = [...run.series.values()].filter(({ id, name }) => seen.has(name) && !this.#fresh.has(id));
      for (let i = 0; i < wanted.length; i += AT_ONCE) this.#ask(run, wanted.slice(i, i + AT_ONCE).map(({ id }) => id));
    }
  }

  /** @param {Run} run @param {number[]} ids of series */
  #ask(run, ids) {
    const turn = this.#turn;
    const { signal } = this.#request;
    for (const id of ids) this.#fresh.add(id);
    const query = pointsQuery(this.#view, POINTS, this.#offset(run), ids);
    this.#inFlight += 1;
    attempt(async () => {
      try {
        /** @type {ChartData} */
        const { series } = await ask(`/api/tasks/${run.id}/points?${query}`, { signal });
        if (turn === this.#turn) this.#take(run, series);
      } catch (error) {
        if (turn === this.#turn && !isAbort(error)) for (const id of ids) this.#fresh.delete(id);
        throw error;
      } finally {
        this.#inFlight -= 1;
        if (!this.#inFlight) this.#meanwhile = [];
      }
    });
  }

  /** @param {Run} run @param {ChartSeries[]} series */
  #take(run, series) {
    if (this.#view.axis === "time") run.start ??= firstX(series);
    for (const one of shifted(series, this.#offset(run))) run.points.set(one.id, one);
    if (run === this.#own) for (const parts of this.#meanwhile) this.#extend(parts);
    this.draw();
  }

  /** New points from the stream: added to the curves, or reason to load them anew. @param {NewPoints[]} parts */
  append(parts) {
    if (this.#inFlight) this.#meanwhile.push(parts); // the answer on its way may or may not hold them
    this.#extend(parts);
    this.#drawTimer ||= setTimeout(() => { this.#drawTimer = 0; this.draw(); }, DRAW_MS);
  }

  /** @param {NewPoints[]} parts */
  #extend(parts) {
    const { axis, window, smoothing } = this.#view;
    const { points } = this.#own;
    for (const part of parts) {
      const one = points.get(part.series);
      if (!one) continue; // asked for when its chart is seen
      const goesOn = continues([part], points, axis);
      if (goesOn) extend(one, part, { axis, hasWindow: window !== null, offset: this.#offset(this.#own), smoothing });
      if (!goesOn || one.shown > 2 * POINTS) this.#loadSoon(part.series);
    }
  }

  /** @param {number} id of a series */
  #loadSoon(id) {
    this.#fresh.delete(id);
    this.#loadTimer ||= setTimeout(() => { this.#loadTimer = 0; this.#load(); }, LOAD_MS);
  }

  /** Draw what is seen. */
  draw() {
    const others = this.#others.map(({ id, points }) => ({ card: { id }, series: [...points.values()] }));
    const metrics = byMetric(this.#own.points.values(), others);
    if (!metrics.size) return;
    const { axis, log, smoothing, window } = this.#view;
    const whole = span([...metrics.values()].flat());
    for (const [name, curves] of metrics) {
      if (this.list.isSeen(name)) this.list.chart(name)?.draw(curves, { axis, log, smoothing, window: window ?? whole });
    }
  }

  /** Draw another smoothing: curves that have all their points at once, the others when the server has answered. */
  #smoothen() {
    this.#drop();
    const { smoothing } = this.#view;
    for (const { points } of this.#runs) {
      for (const one of points.values()) if (smoothHere(one, smoothing)) this.#fresh.add(one.id);
    }
    this.draw();
  }

  /** Answers on their way are not for this view any more. */
  #drop() {
    this.#turn += 1;
    this.#request.abort();
    this.#request = new AbortController();
    this.#fresh.clear();
  }

  /** The view has changed, by a control or by Back: load it. The points at hand are drawn until its points have come. */
  #changed() {
    this.#showControls();
    this.#drop();
    this.#arrange();
    if (!this.#own.series.size) this.#ask(this.#own, []); // a first point may have come since the page was made
  }

  /**
   * @param {number | null} from
   * @param {number | null} to
   */
  #zoom(from, to) {
    this.address.set({ zoom: zoomText(from, to) });
    this.#changed();
  }

  /** @param {"pin" | "fold"} which @param {string} name of a metric or group */
  #turnOver(which, name) {
    this.address.set({ [which]: listText(toggled(listOf(this.address.values[which]), name)) });
    this.#arrange();
  }

  /** Seconds from a time on the axis to the server's time. @param {Run} run */
  #offset(run) { return this.#view.axis === "time" ? run.start ?? 0 : 0; }

  #controls() {
    $("axis").addEventListener("change", (event) => {
      this.address.set({ axis: valueOf(event), zoom: "" });
      for (const run of this.#runs) run.points.clear(); // they have places on another axis
      this.#changed();
    });
    input("log-axis").addEventListener("change", () => {
      this.address.set({ log: input("log-axis").checked ? "1" : "" });
      this.draw();
    });
    input("smoothing").addEventListener("input", () => {
      this.#sliding = Number(input("smoothing").value);
      $("smoothing-value").textContent = input("smoothing").value;
      this.#smoothen();
      this.#slideTimer ||= setTimeout(() => {
        this.#slideTimer = 0;
        this.#sliding = null;
        this.address.set({ smooth: input("smoothing").value });
        this.#load();
      }, SLIDE_MS);
    });
    button("reset-zoom").addEventListener("click", () => this.#zoom(null, null));
    onPause(input("metric-search"), SEARCH_MS, (metrics) => { this.address.set({ metrics }); this.#arrange(); });
    ignoreEnter(input("metric-search"));
    addEventListener("pageshow", () => this.#showControls()); // a browser may fill in old values by itself
    this.#showControls();
  }

  #showControls() {
    const { axis, log, smoothing, window, words } = this.#view;
    for (const radio of $("axis").querySelectorAll("input")) radio.checked = radio.value === axis;
    input("log-axis").checked = log;
    input("smoothing").value = String(smoothing);
    $("smoothing-value").textContent = String(smoothing);
    button("reset-zoom").disabled = window === null;
    if (input("metric-search").value.trim() !== words) input("metric-search").value = words;
  }
}
