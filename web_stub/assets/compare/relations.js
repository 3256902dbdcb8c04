// How values of the runs hang together: the choice of columns, a scatter plot, parallel coordinates, and the table behind.

/** @import { RunColumn, RunComparison } from "../types" */
/** @import { Address } from "../address.js" */
/** @import { ColumnAxis } from "../pure/compare/axis.js" */
/** @import { DEFAULTS } from "../pure/compare/view.js" */
/** @import { RunCurveCharts } from "./curves.js" */
/** @import { RunColumns } from "./values.js" */
import { attempt } from "../api.js";
import { $, el, fill, select, valueOf } from "../dom.js";
import { axisOf, brushesOf, brushesText, isWithin, likelyTarget } from "../pure/compare/axis.js";
import { cellText, columnAt } from "../pure/compare/cells.js";
import { choicesOf, metricKey } from "../pure/compare/choices.js";
import { colourAt, colourOfPart } from "../pure/compare/colours.js";
import { entryByRun, runEntries } from "../pure/compare/series.js";
import * as show from "../pure/format.js";
import { listOf, listText, toggled } from "../pure/metric_groups.js";
import { Parallel } from "./parallel.js";
import { Scatter } from "./scatter.js";
import { isDark } from "./svg.js";

const FIRST_AXES = 5;

/** A run in a drawing. @typedef {{id: number, name: string, colour: string, isIn: boolean}} Dot */
/** A column with its axis. @typedef {{key: string, column: RunColumn, axis: ColumnAxis, cells: Map<number, unknown>}} Scaled */

export class Relations {
  #turn = 0;

  /**
   * @param {RunComparison} comparison
   * @param {RunColumns} columns
   * @param {Address<typeof DEFAULTS>} address
   * @param {RunCurveCharts} curves
   */
  constructor(comparison, columns, address, curves) {
    this.comparison = comparison;
    this.columns = columns;
    this.address = address;
    this.curves = curves;
    const target = likelyTarget(comparison.metrics);
    const best = target ? metricKey(target.kind, target.name, target.at) : "duration";
    const keys = comparison.different.map(({ key }) => key);
    this.defaults = { sx: keys[0] ?? "started", sy: best, target: best, axes: keys.slice(0, FIRST_AXES) };
    const on = { point: (/** @type {number | null} */ run) => this.#point(run) };
    this.scatter = new Scatter(on);
    this.parallel = new Parallel({
      ...on, brush: (key, range) => this.#brush(key, range), remove: (key) => this.#turnAxis(key),
    });
    this.#controls();
  }

  get #chosen() {
    const { sx, sy, colour, axes, target } = this.address.values;
    const { defaults } = this;
    return {
      sx: sx || defaults.sx, sy: sy || defaults.sy, colour, target: target || defaults.target,
      axes: axes === "none" ? [] : axes ? listOf(axes) : defaults.axes,
    };
  }

  /** @param {Partial<typeof DEFAULTS>} changes */
  #set(changes) {
    this.address.set(changes);
    attempt(() => this.show());
  }

  #controls() {
    const groups = choicesOf(this.comparison, { metrics: true });
    const options = () => groups.map(({ title, items }) =>
      el("optgroup", { label: title }, ...items.map(({ key, title: text }) => el("option", { value: key }, text))));
    for (const id of ["sx", "sy", "target"]) fill(select(id), ...options());
    fill(select("colour"), el("option", { value: "" }, "as the curves"), ...options());
    fill(select("add-axis"), el("option", { value: "" }, "Add a column …"), ...options());
    for (const id of ["sx", "sy", "colour", "target"]) {
      select(id).addEventListener("change", (event) => this.#set({ [id]: valueOf(event) }));
    }
    select("add-axis").addEventListener("change", (event) => {
      const key = valueOf(event);
      if (key && !this.#chosen.axes.includes(key)) this.#turnAxis(key);
    });
    $("clear-brush").addEventListener("click", () => this.#set({ brush: "" }));
    addEventListener("themechange", () => attempt(() => this.show()));
  }

  /** @param {string} key */
  #turnAxis(key) {
    const brushes = brushesOf(this.address.values.brush);
    brushes.delete(key);
    this.#set({ axes: listText(toggled(this.#chosen.axes, key)) || "none", brush: brushesText(brushes) });
  }

  /** @param {string} key @param {[number, number] | null} range */
  #brush(key, range) {
    const brushes = brushesOf(this.address.values.brush);
    if (range) brushes.set(key, range);
    else brushes.delete(key);
    this.#set({ brush: brushesText(brushes) });
  }

  /** Draw what the address says. */
  async show() {
    const turn = this.#turn += 1;
    const { sx, sy, colour, axes, target } = this.#chosen;
    for (const [id, key] of [["sx", sx], ["sy", sy], ["colour", colour], ["target", target]]) select(id).value = key;
    select("add-axis").value = "";
    const keys = [...new Set([sx, sy, colour, ...axes, target].filter(Boolean))];
    const table = await this.columns.of(keys);
    if (turn !== this.#turn) return;
    const shown = this.curves.shownRuns;
    const scaled = new Map(keys.flatMap((key, i) => {
      const found = columnAt(table, i);
      if (!found) return [];
      return [[key, { ...found, key, axis: axisOf(found.column, shown.map((run) => found.cells.get(run) ?? null)) }]];
    }));
    const of = (/** @type {string} */ key) => /** @type {Scaled} */ (scaled.get(key));
    const lines = [...axes.filter((key) => key !== target), target].map(of);
    const brushes = brushesOf(this.address.values.brush);
    const isIn = (/** @type {number} */ run) =>
      isWithin(new Map(lines.map(({ key, axis, cells }) => [key, axis.place(cells.get(run) ?? null)])), brushes);
    const names = new Map(this.comparison.runs.map(({ id, name }) => [id, name]));
    const dots = (/** @type {(run: number) => string} */ paint) => shown.map((id) =>
      ({ id, name: names.get(id) ?? "", colour: paint(id), isIn: isIn(id) }));
    this.scatter.draw(dots(colour ? this.#painted(of(colour)) : this.#asCurves()), of(sx), of(sy), colour ? of(colour) : null);
    this.parallel.draw(dots(this.#painted(of(target))), lines, brushes);
    this.#table(lines, shown, isIn);
    const count = shown.filter(isIn).length;
    $("brush-count").textContent = brushes.size ? `${show.count(count)} of ${show.counted(shown.length, "run")}` : "";
    $("clear-brush").hidden = brushes.size === 0;
  }

  /** Colours by a column: numbers pale to strong, other values each their own. @param {Scaled} scaled @returns {(run: number) => string} */
  #painted({ axis, cells }) {
    const dark = isDark();
    const places = [...new Set([...cells.values()].map(axis.place))].sort((a, b) => (a ?? 2) - (b ?? 2));
    return (run) => {
      const at = axis.place(cells.get(run) ?? null);
      if (at === null) return dark ? "#5b6875" : "#a9b3bd";
      return axis.type === "values" ? colourAt(places.indexOf(at), dark) : colourOfPart(at, dark);
    };
  }

  /** The colours of the legend. @returns {(run: number) => string} */
  #asCurves() {
    const entry = entryByRun(this.curves.entries);
    const own = entryByRun(runEntries(this.comparison.runs));
    return (run) => this.curves.colour(entry.get(run) ?? own.get(run) ?? "");
  }

  /** The numbers behind the drawings. @param {Scaled[]} lines @param {number[]} runs @param {(run: number) => boolean} isIn */
  #table(lines, runs, isIn) {
    const target = lines[lines.length - 1];
    const best = (/** @type {number} */ run) => target.axis.place(target.cells.get(run) ?? null) ?? -1;
    const names = new Map(this.comparison.runs.map(({ id, name }) => [id, name]));
    const heads = ["run", ...lines.map(({ column }) => column.title)];
    const rows = runs.toSorted((a, b) => best(b) - best(a)).map((run) => el(isIn(run) ? "tr" : "tr.out", {},
      el("th", { scope: "row" }, el("a", { href: `/tasks/${run}` }, `#${run} ${names.get(run) ?? ""}`)),
      ...lines.map(({ column, cells }) => el("td", {}, cellText(cells.get(run) ?? null, column.kind)))));
    fill($("relation-table"), el("table", {},
      el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, ...rows)));
  }

  /** @param {number | null} run that is pointed at */
  #point(run) {
    this.scatter.highlight(run);
    this.parallel.highlight(run);
    this.curves.pointAt(run);
  }
}
