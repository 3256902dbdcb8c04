// Two columns of the runs against each other.

/** @import { Dot, Scaled } from "./relations.js" */
import { attempt } from "../api.js";
import { $, el, fill } from "../dom.js";
import { cellText } from "../pure/compare/cells.js";
import * as show from "../pure/format.js";
import { at } from "../pure/site.js";
import { saveCsv, savePng, saveSvg } from "./save.js";
import { css, draw, label } from "./svg.js";

const HEIGHT = 340;
const BOX = { top: 14, right: 16, bottom: 46 };

export class Scatter {
  /** @type {Map<number, SVGElement>} by run */ #dots = new Map();
  /** @type {[Dot[], Scaled, Scaled, Scaled | null] | undefined} */ #drawn;

  /** @param {{point: (run: number | null) => void}} on */
  constructor(on) {
    this.on = on;
    this.text = "";
    this.svg = draw("svg", { role: "img", "aria-label": "Scatter plot" });
    this.note = el("p.quiet.relation-note", { role: "status" });
    fill($("scatter"), this.svg, this.note);
    fill($("scatter-files"), ...filesOf("scatter", () => this.svg, () => this.#rows()));
    this.svg.addEventListener("pointerleave", () => on.point(null));
    new ResizeObserver(() => this.#redraw()).observe($("scatter"));
  }

  /**
   * @param {Dot[]} dots
   * @param {Scaled} x
   * @param {Scaled} y
   * @param {Scaled | null} colour
   */
  draw(dots, x, y, colour) {
    this.#drawn = [dots, x, y, colour];
    this.#redraw();
  }

  #redraw() {
    const width = $("scatter").clientWidth;
    if (!this.#drawn || width === 0) return;
    const [dots, x, y, colour] = this.#drawn;
    const left = 20 + Math.min(160, 7 * Math.max(4, ...y.axis.ticks.map(({ text }) => text.length)));
    const [span, height] = [width - left - BOX.right, HEIGHT - BOX.top - BOX.bottom];
    const [px, py] = [(/** @type {number} */ part) => left + part * span, (/** @type {number} */ part) => BOX.top + (1 - part) * height];
    const line = css("--line");
    const few = Math.max(1, Math.ceil(x.axis.ticks.reduce((sum, { text }) => sum + 7 * text.length + 16, 0) / span));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.svg.style.height = `${HEIGHT}px`;
    const placed = dots.flatMap((dot) => {
      const [at_, up] = [x.axis.place(x.cells.get(dot.id) ?? null), y.axis.place(y.cells.get(dot.id) ?? null)];
      return at_ === null || up === null ? [] : [{ ...dot, x: px(at_), y: py(up) }];
    });
    this.#dots = new Map(placed.map((dot) => [dot.id, this.#dot(dot)]));
    this.svg.replaceChildren(
      ...y.axis.ticks.map(({ at: up, text }) => draw("g", {},
        draw("line", { x1: left, x2: left + span, y1: py(up), y2: py(up), stroke: line }),
        label(left - 7, py(up) + 4, text.slice(0, 24), { "text-anchor": "end" }))),
      ...x.axis.ticks.filter((_, i) => i % few === 0).map(({ at: along, text }) => draw("g", {},
        draw("line", { x1: px(along), x2: px(along), y1: BOX.top, y2: BOX.top + height, stroke: line }),
        label(px(along), BOX.top + height + 18, text.slice(0, 24), { "text-anchor": "middle" }))),
      label(left + span / 2, HEIGHT - 6, axisTitle(x), { "text-anchor": "middle", "font-weight": 600 }),
      label(left, BOX.top - 3, axisTitle(y), { "font-weight": 600 }),
      draw("g", {}, ...this.#dots.values()),
    );
    this.svg.dataset.dots = String(placed.length);
    const missing = dots.length - placed.length;
    const text = `${show.counted(placed.length, "run")}${missing ? `; ${show.count(missing)} without a value are not drawn` : ""}`
      + `${colour ? `; colour: ${colour.column.title}` : ""}`;
    this.svg.setAttribute("aria-label", `${y.column.title} over ${x.column.title}, ${text}`);
    this.text = text;
    this.note.textContent = text;
  }

  /** @param {Dot & {x: number, y: number}} dot */
  #dot({ id, colour, isIn, x, y }) {
    const dot = draw("circle", {
      cx: x, cy: y, r: 5.5, fill: colour, "fill-opacity": isIn ? 0.85 : 0.12, stroke: css("--card"), "stroke-width": 1, "data-run": id,
    });
    dot.style.cursor = "pointer";
    dot.addEventListener("pointerenter", () => this.on.point(id));
    dot.addEventListener("click", () => { location.href = at(`/tasks/${id}`); });
    return dot;
  }

  /** @param {number | null} run */
  highlight(run) {
    for (const [id, dot] of this.#dots) dot.setAttribute("r", id === run ? "9" : "5.5");
    if (!this.#drawn) return;
    const [dots, x, y] = this.#drawn;
    const meant = dots.find(({ id }) => id === run);
    const values = [x, y].map(({ column, cells }) => `${column.title} ${cellText(cells.get(run ?? 0) ?? null, column.kind)}`);
    this.note.textContent = meant ? `#${meant.id} ${meant.name}: ${values.join(", ")}` : this.text;
  }

  #rows() {
    if (!this.#drawn) return [];
    const [dots, x, y, colour] = this.#drawn;
    const columns = [x, y, ...(colour ? [colour] : [])];
    return [["run", "name", ...columns.map(({ key }) => key)],
      ...dots.map(({ id, name }) => [id, name, ...columns.map(({ cells }) => cells.get(id))])];
  }
}

/** @param {Scaled} scaled */
export const axisTitle = ({ column, axis }) => `${column.title}${axis.type === "log" ? " (log)" : ""}`;

/**
 * Buttons that save a drawing.
 * @param {string} title
 * @param {() => SVGSVGElement} drawing
 * @param {() => unknown[][]} rows
 */
export function filesOf(title, drawing, rows) {
  const file = (/** @type {string} */ text, /** @type {() => void | Promise<void>} */ save) => el("button.button.small", {
    type: "button", "aria-label": `Save ${title} as ${text}`, onclick: () => attempt(save),
  }, text);
  return [
    file("PNG", () => savePng(drawing(), title)), file("SVG", () => saveSvg(drawing(), title)), file("CSV", () => saveCsv(rows(), title)),
  ];
}
