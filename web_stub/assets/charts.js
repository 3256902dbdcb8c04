// All charts of a task: their points, the window they share, and what arrives while the task runs.

import { ask, attempt } from "./api.js";
import { $ } from "./dom.js";
import { Chart } from "./chart.js";
import { isFinal } from "./format.js";

const POINTS = 1500; // of each series, at first; twice as many before the server thins them again
const KIND_ORDER = { train: 0, val: 1 };
const AGAIN_MS = 5000; // compared tasks that still run are asked for anew; their streams stay closed

export class Charts {
  constructor(taskId, startedAt) {
    this.taskId = taskId;
    this.start = startedAt ? Date.parse(startedAt) / 1000 : null;
    this.series = new Map(); // id → {id, kind, name, count, in_window, shown, gaps, last_seq, x, y}
    this.charts = new Map(); // metric → Chart
    this.others = []; // compared tasks: {card, start, series}
    this.meanwhile = null; // parts that arrived while an answer was on its way
    this.options = { axis: "epoch", log: false, smoothing: 0, window: null };
    this.#controls();
    addEventListener("themechange", () => this.draw());
  }

  /** Points of the window from the server; what arrives meanwhile is asked for again. */
  async load() {
    this.request?.abort();
    const request = (this.request = new AbortController());
    this.meanwhile ??= [];
    const { axis, window } = this.options;
    const query = new URLSearchParams({ x: axis, max_points: POINTS });
    if (window) {
      query.set("from", window[0] + this.#offset());
      query.set("to", window[1] + this.#offset());
    }
    let data;
    try {
      data = await ask(`/api/tasks/${this.taskId}/points?${query}`, { signal: request.signal });
    } catch (error) {
      if (this.request === request) this.meanwhile = null; // a newer request keeps gathering
      throw error;
    }
    if (this.request !== request) return undefined;
    if (axis === "time" && this.start === null) {
      this.start = Math.min(...data.series.filter((s) => s.x.length).map((s) => s.x[0]));
    }
    this.series = new Map(data.series.map((one) => [one.id, { ...one, x: one.x.map((x) => x - this.#offset()) }]));
    const missed = this.meanwhile;
    this.meanwhile = null;
    this.draw();
    for (const parts of missed) this.append(parts);
    return this.#loadOthers();
  }

  /** Lay the curves of these tasks over this one's. */
  compare(cards) {
    this.others = cards.map((card) => this.others.find((other) => other.card.id === card.id)
      ?? { card, start: card.started_at ? Date.parse(card.started_at) / 1000 : 0, series: [] });
    this.draw();
    return this.#loadOthers();
  }

  async #loadOthers() {
    clearTimeout(this.again);
    const turn = (this.othersTurn = (this.othersTurn ?? 0) + 1);
    const { axis, window } = this.options;
    await Promise.all(this.others.map(async (other) => {
      const offset = axis === "time" ? other.start : 0;
      const query = new URLSearchParams({ x: axis, max_points: POINTS });
      if (window) {
        query.set("from", window[0] + offset);
        query.set("to", window[1] + offset);
      }
      const { series } = await ask(`/api/tasks/${other.card.id}/points?${query}`);
      if (turn === this.othersTurn) other.series = series.map((one) => ({ ...one, x: one.x.map((x) => x - offset) }));
    }));
    if (turn !== this.othersTurn || !this.others.length) return;
    this.draw();
    if (!this.others.some(({ card }) => !isFinal(card.status))) return;
    this.again = setTimeout(() => attempt(async () => {
      await Promise.all(this.others.filter(({ card }) => !isFinal(card.status)).map(async (other) => { other.card = await ask(`/api/tasks/${other.card.id}`); }));
      await this.#loadOthers();
    }), AGAIN_MS);
  }

  /** New points from the stream: added to the curves, or reason to load them anew. */
  append(parts) {
    if (this.meanwhile) {
      this.meanwhile.push(parts); // the answer on its way may or may not hold them
      return undefined;
    }
    const fits = parts.every(({ series, epoch }) => {
      const one = this.series.get(series);
      return one && (this.options.axis !== "epoch" || epoch.every((x) => x !== null && !(x < one.x.at(-1))));
    });
    if (!fits) return this.#loadSoon();
    for (const part of parts) {
      const one = this.series.get(part.series);
      part.seq.forEach((seq, i) => {
        if (seq <= one.last_seq) return;
        one.last_seq = seq;
        one.count += 1;
        if (this.options.window) return; // a window stays as it is
        const x = { epoch: part.epoch[i], step: one.count, time: part.time_us[i] / 1e6 - this.#offset() }[this.options.axis];
        one.x.push(x);
        one.y.push(part.value[i]);
        one.in_window += 1;
        one.shown += 1;
        if (part.value[i] === null) one.gaps += 1;
      });
      if (one.shown > 2 * POINTS) this.#loadSoon();
    }
    return this.#drawSoon();
  }

  draw() {
    const byName = new Map();
    for (const one of this.series.values()) {
      if (one.x.length) byName.set(one.name, [...(byName.get(one.name) ?? []), one]);
    }
    this.others.forEach(({ card, series }, i) => {
      for (const one of series.filter(({ x }) => x.length)) {
        byName.set(one.name, [...(byName.get(one.name) ?? []), { ...one, label: `#${card.id} ${one.kind}`, tone: `c${i + 1}` }]);
      }
    });
    const drawn = [...byName.values()].flat();
    const span = [Math.min(...drawn.map((one) => one.x[0])), Math.max(...drawn.map((one) => one.x.at(-1)))];
    for (const [name, series] of byName) {
      series.sort((a, b) => (a.tone ?? "").localeCompare(b.tone ?? "") || (KIND_ORDER[a.kind] ?? 2) - (KIND_ORDER[b.kind] ?? 2)); // its own before compared ones
      if (!this.charts.has(name)) {
        const chart = new Chart(name, `task-${this.taskId}`, (from, to) => this.zoom(from, to));
        this.charts.set(name, chart);
        $("charts").append(chart.root);
      }
      this.charts.get(name).draw(series, { ...this.options, window: this.options.window ?? span });
    }
    for (const [name, chart] of this.charts) {
      if (byName.has(name)) continue; // a metric that only a compared task had
      chart.close();
      this.charts.delete(name);
    }
    $("chart-controls").hidden = byName.size === 0;
    $("charts").dataset.drawn = byName.size;
  }

  zoom(from, to) {
    this.options.window = from === null ? null : [from, to];
    $("reset-zoom").disabled = from === null;
    this.draw(); // with the points at hand, until the exact ones are here
    attempt(() => this.load());
  }

  #offset() {
    return this.options.axis === "time" ? (this.start ?? 0) : 0;
  }

  #drawSoon() {
    this.frame ??= setTimeout(() => { this.frame = undefined; this.draw(); }, 100);
  }

  #loadSoon() {
    this.loading ??= setTimeout(() => { this.loading = undefined; attempt(() => this.load()); }, 300);
  }

  #controls() {
    $("axis").addEventListener("change", (event) => {
      Object.assign(this.options, { axis: event.target.value, window: null });
      $("reset-zoom").disabled = true;
      attempt(() => this.load());
    });
    $("log-axis").addEventListener("change", (event) => { this.options.log = event.target.checked; this.draw(); });
    $("smoothing").addEventListener("input", (event) => {
      this.options.smoothing = Number(event.target.value);
      $("smoothing-value").textContent = event.target.value;
      this.draw();
    });
    $("reset-zoom").addEventListener("click", () => this.zoom(null, null));
  }
}
