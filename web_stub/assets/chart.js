// One chart: a metric, train and val over each other, drawn by uPlot.

/** @import { Axis, Curve, Reading } from "./pure/curves.js" */
/** @import { Scale } from "./pure/scale.js" */
import { el, fill } from "./dom.js";
import { metric } from "./pieces.js";
import {
  besideValue, distinct, hiddenBy, isolated, labelOf, notes, placeText, spoken, toneOf, valueAt, widened, windowAfter,
} from "./pure/curves.js";
import * as show from "./pure/format.js";
import { extentOf, scaleOf } from "./pure/scale.js";
import uPlot from "./vendor/uplot-1.6.32/uPlot.esm.js";

const HEIGHT = 250;
const NEVER = () => false;
const COLUMNS = 4; // of a curve: values, smoothed values, lowest, highest

/**
 * How curves are drawn; `window` is the visible part of the axis.
 * @typedef {{axis: Axis, log: boolean, smoothing: number, window: [number, number]}} Look
 */

/** A colour or font of the style sheet. @param {string} name */
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class Chart {
  /** @type {uPlot | undefined} */ #plotted;
  /** @type {Curve[]} */ #curves = [];
  /** Values, as the plot's columns stand. @type {ArrayLike<number | null | undefined>[]} */ #values = [[]];
  /** @type {Scale} */ #scale = scaleOf(null, false);
  /** @type {Look} */ #look = { axis: "epoch", log: false, smoothing: 0, window: [0, 1] };
  #shape = "";

  /**
   * @param {string} name of the metric
   * @param {string} sync charts with the same word move their cursors together
   * @param {{zoom: (from: number | null, to: number | null) => void, pin: () => void}} on `zoom` asks for a window, with
   *   nulls for all of it
   */
  constructor(name, sync, on) {
    this.name = name;
    this.sync = sync;
    this.onZoom = on.zoom;
    this.values = el("div.values");
    this.plot = el("div.plot");
    this.foot = el("div.foot");
    this.pin = el("button.pin", { type: "button", onclick: on.pin }, el("span", { "aria-hidden": "true" }, "◆"));
    const head = el("div.chart-head", {}, el("h3", {}, name), this.pin, this.values);
    this.root = el("div.chart", { tabindex: "0", role: "group", "aria-label": name }, head, this.plot, this.foot);
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.plot);
  }

  close() {
    this.observer.disconnect();
    this.sleep();
    this.root.remove();
  }

  /** Give the plot's memory back until the next drawing. */
  sleep() {
    this.#plotted?.destroy();
    this.#plotted = undefined;
  }

  /** @param {boolean} isPinned */
  set isPinned(isPinned) {
    this.pin.setAttribute("aria-pressed", String(isPinned));
    this.pin.setAttribute("aria-label", `Pin ${this.name}`);
    this.pin.title = isPinned ? "Pinned: click to put it back into its group" : "Pin: keep it on top";
  }

  /**
   * @param {Curve[]} curves at least one, each with points
   * @param {Look} look
   */
  draw(curves, look) {
    this.#curves = curves;
    this.#look = look;
    const tables = curves.map(({ x, y, low, high, smooth }) =>
      /** @type {uPlot.AlignedData} */ ([distinct(x), y, smooth ?? y, low ?? y, high ?? y]));
    this.#values = tables.length > 1 ? uPlot.join(tables) : tables[0];
    this.#scale = scaleOf(extentOf(this.#visible()), look.log);
    const plotted = this.#current();
    plotted.setData(this.#places(), false);
    const [min, max] = widened(look.window);
    plotted.batch(() => { plotted.setScale("x", { min, max }); });
    this.#latest();
    const hidden = look.log ? hiddenBy(curves, this.#scale.place) : 0;
    fill(this.foot, ...notes(curves, hidden).map(({ text, isPart }) => el(isPart ? "span.thinned" : "span", {}, text)));
    this.root.setAttribute("aria-label", spoken(this.name, curves));
  }

  /** The values within the window; the points beside it only lead lines out of it. */
  #visible() {
    const [min, max] = this.#look.window;
    const xs = this.#values[0];
    let [from, to] = [0, xs.length];
    while (from < to && Number(xs[from]) < min) from += 1;
    while (to > from && Number(xs[to - 1]) > max) to -= 1;
    return this.#values.slice(1).map((column) => Array.prototype.slice.call(column, from, to));
  }

  /** The columns of the plot: x, and the place of every value. @returns {uPlot.AlignedData} */
  #places() {
    const { place, range } = this.#scale;
    const [xs, ...columns] = this.#values;
    return /** @type {uPlot.AlignedData} */ ([xs, ...columns.map((column, i) => {
      const floor = i % COLUMNS === 2 ? range[0] : null; // a band whose lowest value has no place begins below the plot
      return Array.from(column, (value) => (typeof value === "number" ? place(value) ?? floor : value));
    })]);
  }

  /** The plot, made anew where more than its data has changed. */
  #current() {
    const { axis, log, smoothing } = this.#look;
    const theme = document.documentElement.dataset.theme;
    const shape = JSON.stringify([this.#curves.map(labelOf), this.#curves.map(toneOf), axis, log, smoothing > 0, theme]);
    if (this.#plotted && shape === this.#shape) return this.#plotted;
    this.#plotted?.destroy();
    this.#shape = shape;
    this.#plotted = new uPlot(this.#options(), this.#places(), this.plot);
    return this.#plotted;
  }

  /** @returns {uPlot.Options} */
  #options() {
    return {
      width: Math.max(200, this.plot.clientWidth),
      height: HEIGHT,
      padding: [12, 8, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: this.sync, scales: ["x", null] },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        bind: { dblclick: () => () => { this.onZoom(null, null); return null; } },
      },
      scales: { x: { time: false }, y: { range: () => this.#scale.range } },
      series: [{}, ...this.#curves.flatMap((curve, i) => this.#lines(curve, i))],
      bands: this.#curves.map((curve, i) => {
        const first = 1 + i * COLUMNS;
        return { series: [first + 3, first + 2], fill: `${this.#stroke(curve, i)}2b` };
      }),
      axes: this.#axes(),
      hooks: {
        setSelect: [(u) => {
          const { left, width } = u.select;
          if (width > 4) this.onZoom(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        }],
        setCursor: [(u) => this.#atCursor(u)],
      },
    };
  }

  /** @param {Curve} curve @param {number} i its place among the curves */
  #stroke(curve, i) {
    const tone = toneOf(curve);
    return css(`--${tone === "other" ? ["third", "fourth"][i % 2] : tone}`);
  }

  /**
   * The lines of a curve. With smoothing, a thin line of the values lies behind the smooth line. The lowest and the
   * highest values of what a point stands for are the borders of a band.
   * @param {Curve} curve
   * @param {number} i its place among the curves
   * @returns {uPlot.Series[]}
   */
  #lines(curve, i) {
    const stroke = this.#stroke(curve, i);
    const isCompared = curve.tone !== undefined;
    const isSmooth = this.#look.smoothing > 0;
    const dash = isCompared && curve.kind === "train" ? [5, 4] : undefined;
    const width = isCompared ? 1.5 : 2;
    /** A value that no line reaches is a point, whatever else is shown. @type {uPlot.Series.Points.Filter} */
    const filter = (u, index, isShown) => (isShown ? null : isolated(u.data[index]));
    const points = { size: 5, fill: stroke, filter };
    const border = { stroke: "transparent", width: 0, points: { show: NEVER } };
    return [
      isSmooth ? { stroke, width: 1, alpha: 0.3, points: { ...points, show: NEVER } } : { stroke, width, dash, points },
      { show: isSmooth, stroke, width, dash, points: { ...points, show: NEVER } },
      border,
      border,
    ];
  }

  /** @returns {uPlot.Axis[]} */
  #axes() {
    const { axis } = this.#look;
    const grid = { stroke: css("--line"), width: 1 };
    const shared = { stroke: css("--soft"), grid, ticks: { ...grid, size: 4 }, font: `12px ${css("--sans")}` };
    const times = (/** @type {uPlot} */ _u, /** @type {number[]} */ ticks) => ticks.map((s) => show.duration(s * 1000));
    return [
      { ...shared, size: 34, values: axis === "time" ? times : undefined },
      {
        ...shared, size: (_u, texts) => Math.max(44, 18 + 7 * Math.max(0, ...(texts ?? []).map(({ length }) => length))),
        splits: () => this.#scale.ticks().map(({ at }) => at),
        values: () => this.#scale.ticks().map(({ text }) => text),
      },
    ];
  }

  #latest() {
    this.#read(this.#curves.map(({ y, smooth }) => ({ value: y.at(-1), smooth: smooth?.at(-1) })));
  }

  /**
   * @param {Reading[]} readings of the curves
   * @param {string} [place]
   */
  #read(readings, place) {
    fill(this.values, place !== undefined && el("span.quiet", {}, place), ...this.#curves.map((curve, i) => {
      const shown = metric(toneOf(curve), labelOf(curve), readings[i].value);
      const beside = besideValue(readings[i]);
      if (beside) shown.append(el("span", {}, beside));
      return shown;
    }));
  }

  /** @param {uPlot} u */
  #atCursor(u) {
    const { idx, left = -1 } = u.cursor;
    if (idx === null || idx === undefined || left < 0) return this.#latest();
    const { axis, smoothing } = this.#look;
    const readings = this.#curves.map((curve, i) => {
      const [value, smooth, low, high] = [0, 1, 2, 3].map((column) => valueAt(this.#values[1 + i * COLUMNS + column], idx));
      return curve.low ? { value, low, high, smooth: smoothing > 0 ? smooth : null } : { value, smooth: smoothing > 0 ? smooth : null };
    });
    return this.#read(readings, placeText(axis, Number(this.#values[0][idx])));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { min, max } = this.#plotted?.scales.x ?? {};
    if (event.target !== this.root || min === undefined || max === undefined || event.ctrlKey || event.metaKey) return;
    const window = windowAfter(event.key, min, max);
    if (!window) return;
    event.preventDefault();
    this.onZoom(window[0], window[1]);
  }

  #resize() {
    const width = this.plot.clientWidth;
    if (this.#plotted && width > 0 && width !== this.#plotted.width) this.#plotted.setSize({ width, height: HEIGHT });
  }
}
