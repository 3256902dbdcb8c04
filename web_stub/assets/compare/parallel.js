// Parallel coordinates: an axis for each column, a line for each run, and parts of axes that filter the lines.

/** @import { Brushes } from "../pure/compare/axis.js" */
/** @import { Dot, Scaled } from "./relations.js" */
import { $, el, fill } from "../dom.js";
import { brushAfter } from "../pure/compare/axis.js";
import { cellText } from "../pure/compare/cells.js";
import { axisTitle, filesOf } from "./scatter.js";
import { css, draw, label } from "./svg.js";

const HEIGHT = 380;
const BOX = { top: 42, bottom: 16, left: 84, right: 40 };
const LEAST = 120; // pixels between two axes
const LEAST_BRUSH = 0.02; // a shorter one is a click, which takes the brush away
const INNER = HEIGHT - BOX.top - BOX.bottom;

/** @param {string} text @param {number} most characters */
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

export class Parallel {
  /** @type {Map<number, SVGElement>} by run */ #paths = new Map();
  /** @type {[Dot[], Scaled[], Brushes] | undefined} */ #drawn;
  /** Where a brush begins. @type {{key: string, from: number} | null} */ #drag = null;

  /**
   * @param {{point: (run: number | null) => void, brush: (key: string, range: [number, number] | null) => void,
   *   remove: (key: string) => void}} on
   */
  constructor(on) {
    this.on = on;
    this.svg = draw("svg", { role: "group", "aria-label": "Parallel coordinates" });
    this.note = el("p.quiet.relation-note", { role: "status" });
    fill($("parallel"), this.svg);
    $("parallel").after(this.note);
    fill($("parallel-files"), ...filesOf("parallel coordinates", () => this.svg, () => this.#rows()));
    this.svg.addEventListener("pointerleave", () => on.point(null));
    new ResizeObserver(() => this.#redraw()).observe($("parallel"));
  }

  /** @param {Dot[]} dots @param {Scaled[]} lines the last one gives the colours @param {Brushes} brushes */
  draw(dots, lines, brushes) {
    this.#drawn = [dots, lines, brushes];
    fill($("axes"), ...lines.slice(0, -1).map(({ key, column }) => el("span.axis-chip", {}, column.title,
      el("button", { type: "button", "aria-label": `Remove ${column.title}`, onclick: () => this.on.remove(key) }, "×"))));
    this.#redraw();
  }

  #redraw() {
    const room = $("parallel").clientWidth;
    if (!this.#drawn || room === 0) return;
    const [dots, lines, brushes] = this.#drawn;
    const width = Math.max(room, BOX.left + BOX.right + LEAST * (lines.length - 1));
    const step = lines.length > 1 ? (width - BOX.left - BOX.right) / (lines.length - 1) : 0;
    const px = (/** @type {number} */ index) => BOX.left + index * step;
    const py = (/** @type {number} */ part) => BOX.top + (1 - part) * INNER;
    const focused = document.activeElement?.getAttribute("data-axis");
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    Object.assign(this.svg.style, { width: `${width}px`, height: `${HEIGHT}px` });
    this.#paths = new Map(dots.map((dot) => [dot.id, this.#path(dot, lines, px, py)]));
    const order = dots.toSorted((a, b) => Number(a.isIn) - Number(b.isIn)); // those that are filtered out lie behind
    this.svg.replaceChildren(
      draw("g", { fill: "none", "stroke-linejoin": "round" }, ...order.map(({ id }) => /** @type {SVGElement} */ (this.#paths.get(id)))),
      ...lines.map((line, i) => this.#axis(line, px(i), py, brushes.get(line.key), step)),
    );
    this.svg.dataset.lines = String(dots.filter(({ isIn }) => isIn).length);
    if (focused) /** @type {SVGElement | null} */ (this.svg.querySelector(`[data-axis="${CSS.escape(focused)}"]`))?.focus();
  }

  /**
   * The line of a run, in pieces where it has no value.
   * @param {Dot} dot
   * @param {Scaled[]} lines
   * @param {(index: number) => number} px
   * @param {(part: number) => number} py
   */
  #path({ id, colour, isIn }, lines, px, py) {
    let isGap = true;
    const d = lines.map(({ axis, cells }, i) => {
      const at = axis.place(cells.get(id) ?? null);
      const part = at === null ? "" : `${isGap ? "M" : "L"}${px(i).toFixed(1)} ${py(at).toFixed(1)}`;
      isGap = at === null;
      return part;
    }).join("");
    const path = draw("path", {
      d, stroke: colour, "stroke-width": 1.6, "stroke-opacity": isIn ? 0.75 : 0.07, "data-run": id,
    });
    if (isIn) path.addEventListener("pointerenter", () => this.on.point(id));
    return path;
  }

  /**
   * @param {Scaled} line
   * @param {number} x
   * @param {(part: number) => number} py
   * @param {[number, number] | undefined} brush
   * @param {number} step
   */
  #axis(line, x, py, brush, step) {
    const { key, axis } = line;
    const most = Math.max(8, Math.floor((step || 160) / 8)); // characters that fit
    const title = axisTitle(line);
    const ground = css("--card");
    const handle = draw("rect", { x: x - 12, y: BOX.top, width: 24, height: INNER, fill: "transparent", "pointer-events": "all" });
    const shown = draw("rect", {
      x: x - 7, width: 14, y: brush ? py(brush[1]) : 0, height: brush ? (brush[1] - brush[0]) * INNER : 0,
      fill: css("--accent"), "fill-opacity": 0.25, stroke: css("--accent"),
    });
    handle.style.cursor = "ns-resize";
    handle.style.touchAction = "none";
    const part = (/** @type {PointerEvent} */ event) => {
      const { top } = this.svg.getBoundingClientRect();
      return Math.min(1, Math.max(0, 1 - (event.clientY - top - BOX.top) / INNER));
    };
    handle.addEventListener("pointerdown", (event) => {
      this.#drag = { key, from: part(event) };
      handle.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (this.#drag?.key !== key) return;
      const [low, high] = [Math.min(part(event), this.#drag.from), Math.max(part(event), this.#drag.from)];
      shown.setAttribute("y", String(py(high)));
      shown.setAttribute("height", String((high - low) * INNER));
      this.note.textContent = `${title}: ${axis.between(low, high)}`;
    });
    handle.addEventListener("pointerup", (event) => {
      if (this.#drag?.key !== key) return;
      const [low, high] = [Math.min(part(event), this.#drag.from), Math.max(part(event), this.#drag.from)];
      this.#drag = null;
      this.on.brush(key, high - low < LEAST_BRUSH ? null : [low, high]);
    });
    const group = draw("g", {
      tabindex: 0, role: "slider", "aria-label": title, "data-axis": key, "aria-valuemin": 0, "aria-valuemax": 1,
      "aria-valuenow": brush?.[0] ?? 0, "aria-valuetext": brush ? axis.between(...brush) : "all", "aria-orientation": "vertical",
    }, draw("line", { x1: x, x2: x, y1: BOX.top, y2: BOX.top + INNER, stroke: css("--line-strong"), "stroke-width": 1.5 }),
    label(x, 18, cut(title, most), { "text-anchor": "middle", "font-weight": 600, fill: css("--ink") }),
    ...axis.ticks.map(({ at, text }) => label(x - 9, py(at) + 4, cut(text, 12), {
      "text-anchor": "end", stroke: ground, "stroke-width": 3, "paint-order": "stroke",
    })), shown, handle);
    group.addEventListener("keydown", (event) => {
      const next = brushAfter(brush, event.key, event.shiftKey);
      if (next === undefined) return;
      event.preventDefault();
      this.on.brush(key, next);
    });
    return group;
  }

  /** @param {number | null} run */
  highlight(run) {
    if (!this.#drawn) return;
    const [dots, lines] = this.#drawn;
    for (const { id, isIn } of dots) {
      const path = this.#paths.get(id);
      path?.setAttribute("stroke-width", id === run ? "4" : "1.6");
      path?.setAttribute("stroke-opacity", id === run ? "1" : isIn ? (run === null ? "0.75" : "0.25") : "0.07");
    }
    const meant = dots.find(({ id }) => id === run);
    const values = meant && lines.map(({ column, cells }) => `${column.title} ${cellText(cells.get(meant.id) ?? null, column.kind)}`);
    this.note.textContent = meant ? `#${meant.id} ${meant.name}: ${values?.join(", ")}` : "";
  }

  #rows() {
    if (!this.#drawn) return [];
    const [dots, lines] = this.#drawn;
    return [["run", "name", ...lines.map(({ key }) => key)],
      ...dots.filter(({ isIn }) => isIn).map(({ id, name }) => [id, name, ...lines.map(({ cells }) => cells.get(id))])];
  }
}
