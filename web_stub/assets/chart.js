// One chart: a metric, train and val over each other, drawn by uPlot.

import { el } from "./dom.js";
import * as show from "./format.js";
import uPlot from "./vendor/uplot-1.6.32/uPlot.esm.js";

const HEIGHT = 250;
const KINDS = ["train", "val"];
const colours = ["--train", "--val", "--third", "--fourth"];

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const tone = (one) => one.tone ?? (KINDS.includes(one.kind) ? one.kind : "other");
const label = (one) => one.label ?? one.kind;

/** Exponential moving average that starts unbiased; what is no number stays a gap. */
export function smooth(ys, weight) {
  let average = 0;
  let share = 0;
  return ys.map((y) => {
    if (y === null) return null;
    average = weight * average + (1 - weight) * y;
    share = weight * share + (1 - weight);
    return average / share;
  });
}

/** The same x twice (a resumed run passes an epoch again): moved apart by less than anyone can see. */
function distinct(xs) {
  const out = Float64Array.from(xs);
  for (let i = 1; i < out.length; i += 1) {
    if (out[i] <= out[i - 1]) out[i] = out[i - 1] + Math.max(1e-9, Math.abs(out[i - 1]) * 1e-13);
  }
  return out;
}

export class Chart {
  /** `name` is the metric; `onZoom(from, to)` asks for a window, nulls for all of it. */
  constructor(name, sync, onZoom) {
    this.name = name;
    this.onZoom = onZoom;
    this.sync = sync;
    this.values = el("div.values");
    this.plot = el("div.plot");
    this.foot = el("div.foot");
    this.root = el("div.chart", { tabindex: "0", role: "group" },
      el("div.chart-head", {}, el("h3", {}, name), this.values), this.plot, this.foot);
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.shape = "";
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.plot);
  }

  close() {
    this.observer.disconnect();
    this.u?.destroy();
    this.root.remove();
  }

  /** Draw these series: [{kind, x, y, shown, in_window, gaps, count}], those of other tasks with {label, tone}; and options {axis, log, smoothing, window: [from, to]}. */
  draw(series, options) {
    this.series = series;
    this.options = options;
    let hiddenByLog = 0;
    const tables = [];
    for (const one of series) {
      const ys = options.log ? one.y.map((y) => (y !== null && y <= 0 ? null : y)) : one.y;
      if (options.log) hiddenByLog += one.y.filter((y) => y !== null && y <= 0).length;
      const x = distinct(one.x);
      tables.push([x, ys]);
      if (options.smoothing > 0) tables.push([x, smooth(ys, options.smoothing)]);
    }
    this.data = tables.length > 1 ? uPlot.join(tables) : [tables[0][0], tables[0][1]];
    const shape = JSON.stringify([series.map(label), series.map(tone), options.axis, options.log, options.smoothing > 0, document.documentElement.dataset.theme]);
    if (shape !== this.shape) this.#create(shape);
    this.u.setData(this.data, false);
    this.#scale();
    this.#latest();
    this.#footnote(hiddenByLog);
  }

  #create(shape) {
    this.u?.destroy();
    this.shape = shape;
    const { axis, log, smoothing } = this.options;
    const lines = this.series.flatMap((one, i) => {
      const colour = css(one.tone ? `--${one.tone}` : KINDS.includes(one.kind) ? `--${one.kind}` : colours[2 + (i % 2)]);
      const isCompared = one.tone !== undefined;
      const main = { stroke: colour, width: isCompared ? 1.5 : 2, dash: isCompared && one.kind === "train" ? [5, 4] : undefined, points: { size: 5, fill: colour } };
      return smoothing > 0 ? [{ ...main, width: 1, alpha: 0.3, points: { show: false } }, { ...main, points: { show: false } }] : [main];
    });
    const grid = { stroke: css("--line"), width: 1 };
    const font = `12px ${css("--sans")}`;
    const axisLook = { stroke: css("--soft"), grid, ticks: { ...grid, size: 4 }, font };
    this.u = new uPlot({
      width: Math.max(200, this.plot.clientWidth),
      height: HEIGHT,
      padding: [12, 8, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: this.sync, scales: ["x", null] },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        bind: { dblclick: () => () => this.onZoom(null, null) },
      },
      scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
      series: [{}, ...lines],
      axes: [
        { ...axisLook, size: 34, values: axis === "time" ? (_u, ticks) => ticks.map((s) => show.duration(s * 1000)) : undefined },
        { ...axisLook, size: 58, values: (_u, ticks, _axis, _space, step) => ticks.map((y) => (y === null || y === undefined ? "" : show.tick(y, log ? y : step))) },
      ],
      hooks: {
        setSelect: [(u) => {
          if (u.select.width > 4) this.onZoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        }],
        setCursor: [(u) => this.#atCursor(u)],
      },
    }, this.data, this.plot);
  }

  #scale() {
    let [min, max] = this.options.window;
    if (!(max > min)) [min, max] = [min - 0.5, min + 0.5];
    this.u.batch(() => {
      this.u.setScale("x", { min, max });
    });
  }

  #latest() {
    this.#values(this.series.map((one) => [one, one.y.at(-1)]));
  }

  #values(pairs, place) {
    this.values.replaceChildren(
      ...(place === undefined ? [] : [el("span.quiet", {}, place)]),
      ...pairs.map(([one, value]) => el(`span.metric.k-${tone(one)}`, {}, el("i.dot"), el("span", {}, label(one)), el("b", {}, value === undefined ? "–" : show.number(value)))));
  }

  #atCursor(u) {
    const { idx, left } = u.cursor;
    if (idx === null || idx === undefined || left < 0) return this.#latest();
    const step = this.options.smoothing > 0 ? 2 : 1;
    const pairs = this.series.map((one, i) => {
      const ys = this.data[1 + i * step];
      let at = idx;
      while (at > 0 && ys[at] === undefined) at -= 1;
      return [one, ys[at]];
    });
    const x = this.data[0][idx];
    const place = { epoch: `epoch ${show.number(x)}`, step: `step ${show.count(x)}`, time: show.duration(x * 1000) }[this.options.axis];
    return this.#values(pairs, place);
  }

  #footnote(hiddenByLog) {
    const notes = this.series.map((one) => el(one.shown < one.in_window ? "span.thinned" : "span", {},
      one.shown < one.in_window ? `${label(one)}: ${show.count(one.shown)} of ${show.count(one.in_window)} points` : `${label(one)}: all ${show.count(one.in_window)} points`));
    const gaps = this.series.reduce((sum, one) => sum + one.gaps, 0);
    if (gaps) notes.push(el("span", {}, `${show.count(gaps)} not a number`));
    if (hiddenByLog) notes.push(el("span.thinned", {}, `${show.count(hiddenByLog)} not above zero, hidden by the log scale`));
    this.foot.replaceChildren(...notes);
    const words = this.series.map((one) => `${label(one)} ${one.count} points, last ${show.number(one.y.at(-1))}`).join("; ");
    this.root.setAttribute("aria-label", `${this.name}: ${words}. Plus and minus zoom, arrows move, Escape shows the whole run.`);
  }

  #key(event) {
    const { min, max } = this.u.scales.x;
    const width = max - min;
    const moves = {
      "+": [min + width / 4, max - width / 4],
      "=": [min + width / 4, max - width / 4],
      "-": [min - width / 2, max + width / 2],
      ArrowLeft: [min - width / 4, max - width / 4],
      ArrowRight: [min + width / 4, max + width / 4],
      Escape: [null, null],
    };
    if (!(event.key in moves) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.onZoom(...moves[event.key]);
  }

  #resize() {
    const width = this.plot.clientWidth;
    if (this.u && width > 0 && width !== this.u.width) {
      this.u.setSize({ width, height: HEIGHT });
      this.#scale();
    }
  }
}
