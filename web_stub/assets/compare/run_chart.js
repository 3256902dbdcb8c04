// One metric of many runs: lines over each other in an SVG, which is also what is saved.

/** @import { Axis } from "../pure/curves.js" */
/** @import { Hidden, Pixels } from "../pure/compare/plot.js" */
/** @import { PlotLine } from "../pure/compare/series.js" */
/** @import { Limits } from "../pure/compare/view.js" */
/** @import { Scale } from "../pure/scale.js" */
import { attempt } from "../api.js";
import { el, fill } from "../dom.js";
import { areaPath, linePath, pixelsOf, pointNear, verticalOf } from "../pure/compare/plot.js";
import { csvRows, footNotes, nearestOf } from "../pure/compare/series.js";
import { placeText, widened, windowAfter } from "../pure/curves.js";
import * as show from "../pure/format.js";
import { scaleOf } from "../pure/scale.js";
import { saveCsv, savePng, saveSvg } from "./save.js";
import { css, draw, label } from "./svg.js";

const HEIGHT = 250;
const READ = 8; // values at the cursor
const NEAR = 30; // pixels from the cursor within which a line is meant
const LEAST_DRAG = 5; // pixels

let made = 0; // charts: what a drawing names within itself stands on the page beside others

/**
 * @typedef {object} RunLook
 * @property {Axis} axis
 * @property {boolean} log
 * @property {boolean} clip
 * @property {Limits} limits
 * @property {[number, number]} window
 * @property {number} runs compared
 * @property {number} all lines, shown and hidden
 * @property {(line: PlotLine) => string} colour
 */
/**
 * @typedef {object} RunChartEvents
 * @property {(from: number | null, to: number | null) => void} zoom nulls for all of it
 * @property {() => void} pin
 * @property {() => void} full
 * @property {(limits: Limits) => void} limit
 * @property {(line: PlotLine | null) => void} point a line is pointed at
 */

export class RunChart {
  /** @type {PlotLine[]} */ #lines = [];
  /** @type {RunLook | undefined} */ #look;
  /** @type {{pixels: Pixels, scale: Scale, hidden: Hidden} | undefined} */ #drawn;
  /** @type {Map<string, SVGPathElement>} by line */ #paths = new Map();
  /** @type {number | null} */ #dragFrom = null;
  #box = { left: 52, top: 10, width: 0, height: 0 };

  /** @param {string} name of the metric @param {RunChartEvents} on */
  constructor(name, on) {
    this.name = name;
    this.number = made += 1;
    this.on = on;
    this.svg = draw("svg", { role: "img", "aria-label": name });
    this.lines = draw("g");
    this.over = draw("g"); // what is pointed at, over the lines
    this.readout = el("div.readout", { hidden: true });
    this.plot = el("div.plot", {}, this.svg, this.readout);
    this.foot = el("div.foot");
    this.pin = el("button.pin", { type: "button", onclick: on.pin }, el("span", { "aria-hidden": "true" }, "◆"));
    this.more = el("button.button.small", {
      type: "button", "aria-expanded": "false", "aria-label": `Limits and files of ${name}`, onclick: () => this.#turnTools(),
    }, "⋯");
    this.enlarge = el("button.button.small", { type: "button", onclick: on.full });
    this.tools = el("div.chart-tools", { hidden: true });
    this.least = this.#limit("least");
    this.most = this.#limit("most");
    fill(this.tools, el("label", {}, "From ", this.least), el("label", {}, "to ", this.most), ...this.#files());
    const head = el("div.chart-head", {}, el("h3", {}, name), this.pin, el("div.chart-buttons", {}, this.more, this.enlarge));
    this.root = el("div.chart.run-chart", { tabindex: "0", role: "group", "aria-label": name }, head, this.tools, this.plot, this.foot);
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.plot.addEventListener("pointerdown", (event) => this.#press(event));
    this.plot.addEventListener("pointermove", (event) => this.#move(event));
    this.plot.addEventListener("pointerup", (event) => this.#release(event));
    this.plot.addEventListener("pointerleave", () => this.#leave());
    this.plot.addEventListener("dblclick", () => on.zoom(null, null));
    this.observer = new ResizeObserver(() => this.#redraw());
    this.observer.observe(this.plot);
    this.isFull = false;
  }

  close() {
    this.observer.disconnect();
    this.root.remove();
  }

  /** Give the memory of the drawing back until the next one. */
  sleep() {
    this.#paths.clear();
    this.#drawn = undefined;
    this.svg.replaceChildren();
  }

  /** @param {boolean} isPinned */
  set isPinned(isPinned) {
    this.pin.setAttribute("aria-pressed", String(isPinned));
    this.pin.setAttribute("aria-label", `Pin ${this.name}`);
    this.pin.title = isPinned ? "Pinned: click to put it back into its group" : "Pin: keep it on top";
  }

  /** @param {boolean} isFull */
  set isFull(isFull) {
    this.root.classList.toggle("full", isFull);
    this.enlarge.setAttribute("aria-label", `${isFull ? "Reduce" : "Enlarge"} ${this.name}`);
    this.enlarge.textContent = isFull ? "×" : "⤢";
  }

  /** @param {PlotLine[]} lines those that are shown @param {RunLook} look */
  draw(lines, look) {
    this.#lines = lines;
    this.#look = look;
    const [least, most] = look.limits;
    if (document.activeElement !== this.least) this.least.value = least === null ? "" : String(least);
    if (document.activeElement !== this.most) this.most.value = most === null ? "" : String(most);
    this.#redraw();
  }

  #redraw() {
    const look = this.#look;
    const width = this.plot.clientWidth;
    if (!look || width === 0) return;
    const isFull = this.root.classList.contains("full");
    const height = isFull ? Math.max(HEIGHT, innerHeight - 150) : HEIGHT;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.style.height = `${height}px`;
    const window = widened(look.window);
    const { scale, hidden } = verticalOf(this.#lines, { ...look, window });
    const ticks = scale.ticks();
    const left = Math.max(40, 14 + 7 * Math.max(0, ...ticks.map(({ text }) => text.length)));
    this.#box = { left, top: 10, width: Math.max(50, width - left - 10), height: height - 38 };
    const pixels = pixelsOf(this.#box, window, scale);
    this.#drawn = { pixels, scale, hidden };
    this.#paths = new Map(this.#lines.map((line) => [line.key, this.#path(line, pixels)]));
    const clip = `chart-${this.number}`;
    const { top, height: inner, width: span } = this.#box;
    this.lines = draw("g", { "clip-path": `url(#${clip})`, fill: "none", "stroke-linejoin": "round", "stroke-linecap": "round" },
      ...this.#lines.flatMap((line) => this.#behind(line, pixels)), ...this.#paths.values());
    this.over = draw("g", { "clip-path": `url(#${clip})`, fill: "none", "data-passing": "" }); // no part of a saved picture
    this.svg.replaceChildren(
      draw("defs", {}, draw("clipPath", { id: clip }, draw("rect", { x: left, y: top - 3, width: span, height: inner + 6 }))),
      this.#axes(ticks, window), this.lines, this.over,
    );
    const notes = footNotes(this.#lines, {
      all: look.all, runs: look.runs, hidden, isClipped: look.clip && look.limits.every((limit) => limit === null),
    });
    fill(this.foot, ...notes.map(({ text, isPart }) => el(isPart ? "span.thinned" : "span", {}, text)));
    this.svg.setAttribute("aria-label", `${this.name}: ${notes.map(({ text }) => text).join("; ")}`);
    this.root.dataset.lines = String(this.#lines.length);
  }

  /** @param {PlotLine} line @param {Pixels} pixels */
  #path(line, pixels) {
    const many = this.#lines.length > 30;
    return draw("path", {
      d: linePath(line.x, line.y, pixels), stroke: this.#look?.colour(line), "stroke-width": many ? 1.2 : 1.8,
      "stroke-opacity": many ? 0.75 : null, "stroke-dasharray": this.#isDashed(line) ? "5 4" : null, "data-line": line.key,
    });
  }

  /** Where a chart has several kinds, train is dashed. @param {PlotLine} line */
  #isDashed(line) { return line.kind === "train" && this.#lines.some(({ kind }) => kind !== "train"); }

  /** What lies behind a line: its band, and the values that it smooths. @param {PlotLine} line @param {Pixels} pixels */
  #behind(line, pixels) {
    const { x, low, high, raw } = line;
    const colour = this.#look?.colour(line);
    const floor = this.#box.top + this.#box.height;
    const behind = [];
    if (low && high) {
      const d = areaPath(x, low, high, pixels, floor);
      behind.push(draw("path", { d, fill: colour, "fill-opacity": 0.17, stroke: "none" }));
    }
    if (raw) behind.push(draw("path", { d: linePath(x, raw, pixels), stroke: colour, "stroke-width": 1, "stroke-opacity": 0.3 }));
    return behind;
  }

  /** @param {{at: number, text: string}[]} ticks @param {[number, number]} window */
  #axes(ticks, window) {
    const { left, top, width, height } = this.#box;
    const [min, max] = /** @type {{scale: Scale}} */ (this.#drawn).scale.range;
    const line = css("--line");
    const across = scaleOf({ low: window[0], high: window[1], aboveZero: 1 }, false, true);
    const axis = this.#look?.axis ?? "epoch";
    const [first, last] = across.range;
    return draw("g", {}, ...ticks.map(({ at, text }) => {
      const y = top + (1 - (at - min) / (max - min)) * height;
      return draw("g", {}, draw("line", { x1: left, x2: left + width, y1: y, y2: y, stroke: line }),
        label(left - 7, y + 4, text, { "text-anchor": "end" }));
    }), ...across.ticks().filter((_, i, all) => width > 300 || all.length < 5 || i % 2 === 0).map(({ at, text }) => {
      const x = left + ((at - first) / (last - first)) * width;
      return draw("g", {}, draw("line", { x1: x, x2: x, y1: top, y2: top + height, stroke: line }),
        label(x, top + height + 18, axis === "time" ? show.duration(at * 1000) : text, { "text-anchor": "middle" }));
    }));
  }

  /** Bring lines to the front and dim the others; none for all as they are. @param {((line: PlotLine) => boolean) | null} isMeant */
  highlight(isMeant) {
    const meant = isMeant ? this.#lines.filter(isMeant) : [];
    this.lines.setAttribute("opacity", meant.length ? "0.22" : "1");
    this.over.replaceChildren(...meant.flatMap(({ key }) => {
      const copy = /** @type {SVGPathElement | undefined} */ (this.#paths.get(key)?.cloneNode());
      copy?.setAttribute("stroke-width", "2.6");
      copy?.setAttribute("stroke-opacity", "1");
      return copy ? [copy] : [];
    }));
    this.root.dataset.meant = meant.map(({ key }) => key).join(",");
  }

  /** @param {PointerEvent} event */
  #at(event) {
    const { left, top } = this.plot.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    const { x } = this.#at(event);
    if (event.button !== 0 || event.pointerType === "touch" || x < this.#box.left) return;
    this.#dragFrom = x;
    this.plot.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (!this.#drawn) return;
    const at = this.#at(event);
    if (this.#dragFrom !== null && Math.abs(at.x - this.#dragFrom) > LEAST_DRAG) return this.#selecting(at.x);
    return this.#read(at.x, at.y);
  }

  /** @param {number} x in pixels */
  #selecting(x) {
    const from = this.#dragFrom ?? x;
    this.readout.hidden = true;
    this.over.replaceChildren(draw("rect", {
      x: Math.min(from, x), y: this.#box.top, width: Math.abs(x - from), height: this.#box.height,
      fill: css("--accent"), "fill-opacity": 0.14,
    }));
  }

  /** @param {PointerEvent} event */
  #release(event) {
    const from = this.#dragFrom;
    this.#dragFrom = null;
    const { x } = this.#at(event);
    if (from === null || !this.#drawn || Math.abs(x - from) <= LEAST_DRAG) return;
    const { valueAt } = this.#drawn.pixels;
    const [low, high] = [Math.min(from, x), Math.max(from, x)].map(valueAt);
    this.on.zoom(low, high);
  }

  /** The values at the cursor: those of the nearest lines. @param {number} px @param {number} py in pixels */
  #read(px, py) {
    const { pixels } = /** @type {{pixels: Pixels}} */ (this.#drawn);
    const at = pixels.valueAt(px);
    const slack = Math.abs(pixels.valueAt(px + NEAR) - at);
    const readings = this.#lines.flatMap((line) => {
      const point = pointNear(line, at, slack);
      const y = point && pixels.y(point.value);
      if (!point || y === null || y === undefined) return [];
      const extra = [
        line.low && line.high ? `${show.number(line.low[point.index])} to ${show.number(line.high[point.index])}` : "",
        line.count ? show.counted(line.count[point.index], "run") : "",
      ].filter(Boolean).join(" · ");
      return [{ line, label: line.label, key: line.key, value: point.value, extra, distance: Math.abs(y - py), x: point.x }];
    });
    const [nearest] = readings.toSorted((a, b) => a.distance - b.distance);
    this.on.point(nearest && nearest.distance < NEAR ? nearest.line : null);
    this.readout.hidden = !readings.length;
    if (!readings.length) return;
    const rest = readings.length - READ;
    fill(this.readout, el("div.quiet", {}, placeText(this.#look?.axis ?? "epoch", nearest.x)),
      ...nearestOf(readings, READ).map(({ key, label: text, value, extra }) => {
        const dot = el("i.dot");
        dot.style.background = this.#paths.get(key)?.getAttribute("stroke") ?? "";
        return el(key === nearest.key ? "div.reading.nearest" : "div.reading", {},
          dot, el("span", {}, text), el("b", {}, show.number(value)), extra && el("small", {}, extra));
      }), rest > 0 && el("div.quiet", {}, `and ${show.count(rest)} more`));
    const isRight = px > this.plot.clientWidth / 2;
    this.readout.style.left = isRight ? "" : `${px + 16}px`;
    this.readout.style.right = isRight ? `${this.plot.clientWidth - px + 16}px` : "";
  }

  #leave() {
    this.readout.hidden = true;
    if (this.#dragFrom === null) this.on.point(null);
  }

  /** @param {"least" | "most"} which */
  #limit(which) {
    const box = el("input.limit", {
      type: "number", step: "any", autocomplete: "off", placeholder: "auto",
      "aria-label": which === "least" ? `Lowest value of ${this.name} shown` : `Highest value of ${this.name} shown`,
    });
    const number = (/** @type {HTMLInputElement} */ { value }) => (value === "" ? null : Number(value));
    box.addEventListener("change", () => this.on.limit([number(this.least), number(this.most)]));
    return box;
  }

  #files() {
    const button = (/** @type {string} */ text, /** @type {() => void | Promise<void>} */ save) => el("button.button.small", {
      type: "button", "aria-label": `Save ${this.name} as ${text}`, onclick: () => attempt(save),
    }, text);
    return [
      button("PNG", () => savePng(this.svg, this.name)), button("SVG", () => saveSvg(this.svg, this.name)),
      button("CSV", () => this.#look && saveCsv(csvRows(this.#lines, this.name, this.#look.axis, this.#look.window), this.name)),
    ];
  }

  #turnTools() {
    this.tools.hidden = !this.tools.hidden;
    this.more.setAttribute("aria-expanded", String(!this.tools.hidden));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape" && this.root.classList.contains("full")) {
      event.preventDefault();
      this.on.full();
      return;
    }
    const look = this.#look;
    if (event.target !== this.root || !look || event.ctrlKey || event.metaKey) return;
    const window = windowAfter(event.key, ...widened(look.window));
    if (!window) return;
    event.preventDefault();
    this.on.zoom(window[0], window[1]);
  }
}
