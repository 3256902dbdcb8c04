// The drawings of an evaluation's page: curves, the reliability diagram, the confusion matrix.

/** @import { View } from "./parts.js" */
/** @import { Values } from "../pure/evaluation/plot.js" */
import { draw } from "../compare/svg.js";
import { $, el, fill } from "../dom.js";
import { swatch } from "../pieces.js";
import { classColor } from "../pure/classes.js";
import { across, closest, nearest, pathOf, rowShares, shortCount, stretched, up } from "../pure/evaluation/plot.js";
import { barChoice, barText, cellChoice, isChosen, NO_CHOICE, pageAddress } from "../pure/evaluation/state.js";
import * as show from "../pure/format.js";
import { at } from "../pure/site.js";
import { choiceLink, isPlain } from "./parts.js";

const WIDTH = 420;
const HEIGHT = 280;
const PLACE = { left: 44, top: 12, width: WIDTH - 56, height: HEIGHT - 56 };
const DASHES = ["", "7 4", "2 4", "9 3 2 3"]; // of this evaluation, and of those beside it
const MANY = 12; // classes; more are drawn thin

/**
 * A line of a plot. `at` leads from a point to a confidence.
 * @typedef {{title: string, color: string, xs: Values, ys: Values, dash: string}} Line
 * @typedef {{title: string, x: string, y: string, ticks: string[], lines: Line[], mark?: number | null,
 *   point?: {x: number, y: number, color: string}[], choose?: (at: {x: number, y: number}) => void}} Plot
 */

/** @param {Plot} plot */
function drawn({ title, x, y, ticks, lines, mark, point = [], choose }) {
  const { left, top, width, height } = PLACE;
  const text = (/** @type {number} */ tx, /** @type {number} */ ty, /** @type {string} */ word, anchor = "middle", more = {}) =>
    draw("text", { x: tx, y: ty, "text-anchor": anchor, ...more }, word);
  const svg = draw("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${y} over ${x}`, class: "figure-plot",
  },
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((part, i) => [
      draw("line", { class: "grid-line", x1: left, x2: left + width, y1: up(part, PLACE), y2: up(part, PLACE) }),
      draw("line", { class: "grid-line", x1: across(part, PLACE), x2: across(part, PLACE), y1: top, y2: top + height }),
      text(left - 8, up(part, PLACE) + 4, String(part), "end"),
      text(across(part, PLACE), top + height + 18, ticks[i]),
    ]),
    text(left + width / 2, HEIGHT - 6, x),
    text(12, top + height / 2, y, "middle", { transform: `rotate(-90 12 ${top + height / 2})` }),
    ...(mark === null || mark === undefined ? [] : [
      draw("line", { class: "mark-line", x1: across(mark, PLACE), x2: across(mark, PLACE), y1: top, y2: top + height })]),
    ...lines.map(({ title: name, color, xs, ys, dash }) => draw("path", {
      d: pathOf(xs, ys, PLACE), stroke: color, "stroke-dasharray": dash || null,
      class: lines.length > MANY ? "curve thin" : "curve",
    }, draw("title", {}, name))),
    ...point.map((one) => draw("circle", { cx: across(one.x, PLACE), cy: up(one.y, PLACE), r: 5, fill: one.color, class: "point" })));
  if (choose) {
    svg.classList.add("can-choose");
    svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect();
      const place = { x: ((event.clientX - box.left) / box.width) * WIDTH, y: ((event.clientY - box.top) / box.height) * HEIGHT };
      choose({ x: (place.x - left) / width, y: 1 - (place.y - top) / height });
    });
  }
  return el("figure.plot-box", {}, el("figcaption", {}, title), svg);
}

const PARTS = ["0", "0.25", "0.5", "0.75", "1"];

/**
 * @param {View} view
 * @param {{confidence: number | null, focus: string}} look the class that is drawn alone, if one is
 */
export function drawCurves(view, { confidence, focus }) {
  const { section: { curves = {}, classes, calibration } } = view;
  const confidences = /** @type {number[]} */ (curves.confidences ?? []);
  const plots = [];
  const stands = stretched(confidences);
  const low = confidences[0] ?? 0;
  const span = (confidences[confidences.length - 1] ?? 1) - low;
  const ticks = PARTS.map((part) => String(Math.round(100 * (low + Number(part) * span)) / 100));
  const now = confidence === null || !confidences.length ? null : nearest(confidences, confidence);
  const chooseAt = (/** @type {number | null} */ i) => {
    if (i !== null) view.choose({ confidence: String(Math.round(100 * confidences[i]) / 100) });
  };
  if (curves.best_precision) {
    const lines = linesOf(view, focus, "recalls", "best_precision");
    const shown = classes.flatMap(({ title }, i) => (now === null || (focus && title !== focus) ? []
      : [{ x: curves.recall[i]?.[now], y: curves.precision[i]?.[now], color: colorOf(view, title) }]));
    const first = classes.findIndex(({ title }) => !focus || title === focus);
    plots.push(drawn({
      title: "Precision over recall", x: "Recall", y: "Precision", ticks: PARTS, lines,
      point: shown.filter(({ x, y }) => typeof x === "number" && typeof y === "number"),
      choose: (place) => chooseAt(closest(curves.recall[first] ?? [], curves.precision[first] ?? [], place)),
    }));
  }
  if (curves.f1) {
    plots.push(drawn({
      title: "F1 over confidence", x: "Least confidence", y: "F1", ticks, mark: now === null ? null : stands[now],
      lines: linesOf(view, focus, "confidences", "f1"), choose: ({ x }) => chooseAt(nearest(stands, x)),
    }));
  }
  if (calibration) plots.push(reliability(view, calibration));
  $("curves-card").hidden = plots.length === 0;
  fill($("curves"), ...plots);
  fill($("curves-legend"), ...classes.map(({ title }) => choiceLink(view, { ...NO_CHOICE, of: title === focus ? "" : title }, {
    class: "class-chip", "aria-current": title === focus ? "true" : null, title: `Only ${title}`,
  }, swatch(title, view.classes.get(title)?.color), title)),
  ...view.others.map(({ name }, i) => el("span.quiet", {}, `${["dashed", "dotted", "dash-dotted"][i] ?? "thin"}: ${name}`)));
}

/** @param {View} view @param {string} title */
const colorOf = (view, title) => classColor(title, view.classes.get(title)?.color);

/**
 * A line for each class, of this evaluation and of those beside it.
 * @param {View} view
 * @param {string} focus
 * @param {string} across name of the values across
 * @param {string} upward
 * @returns {Line[]}
 */
function linesOf(view, focus, across, upward) {
  const sides = [{ name: "", section: view.section }, ...view.others];
  return sides.flatMap(({ name, section }, side) => (section?.classes ?? []).flatMap(({ title }, i) => {
    const ys = section?.curves?.[upward]?.[i];
    if (!ys || (focus && title !== focus)) return [];
    const xs = section?.curves?.[across] ?? [];
    const places = across === "confidences" ? stretched(xs) : xs;
    const named = [title, name].filter(Boolean).join(" · ");
    return [{ title: named, color: colorOf(view, title), xs: places, ys, dash: DASHES[side] ?? "1 3" }];
  }));
}

/**
 * Accuracy over confidence, in bins, each leading to its images; perfect calibration is the diagonal.
 * @param {View} view
 * @param {{count: number[], accuracy: Values}} bins of equal width
 */
function reliability(view, { count, accuracy }) {
  const box = drawn({
    title: "Reliability", x: "Confidence", y: "Accuracy", ticks: PARTS,
    lines: [{ title: "perfectly calibrated", color: "currentColor", xs: [0, 1], ys: [0, 1], dash: "3 4" }],
  });
  const svg = box.querySelector("svg");
  svg?.setAttribute("role", "group"); // its bars are links
  const width = PLACE.width / count.length;
  accuracy.forEach((share, i) => {
    if (share === null) return;
    const about = `${barText(String(i), count.length)}: ${show.counted(count[i], "prediction")}, ${show.share(share)} right`;
    const place = { x: across(i / count.length, PLACE) + 1, width: width - 2 };
    const choice = barChoice(i);
    const bar = draw("a", { "aria-label": about, href: at(pageAddress(view.id, { ...view.chosen, ...choice })) },
      draw("rect", { class: "reliability-space", ...place, y: PLACE.top, height: PLACE.height }), // no bar is too low to be hit
      draw("rect", { class: "reliability-bar", ...place, y: up(share, PLACE), height: PLACE.height * share }),
      draw("title", {}, about));
    if (view.chosen.bar === String(i)) bar.setAttribute("aria-current", "true");
    bar.addEventListener("click", (event) => {
      if (!isPlain(/** @type {MouseEvent} */ (event))) return;
      event.preventDefault();
      view.choose(choice);
    });
    svg?.append(bar);
  });
  return box;
}

/** @param {View} view @param {string} name of the section */
export function drawMatrix(view, name) {
  const matrix = view.section.confusion;
  $("matrix-card").hidden = !matrix;
  if (!matrix) return;
  const { titles, counts } = matrix;
  const shares = rowShares(counts);
  const last = titles.length - 1;
  const head = (/** @type {string} */ title, /** @type {number} */ i) =>
    [i < last && swatch(title, view.classes.get(title)?.color), " ", title];
  const cell = (/** @type {number} */ row, /** @type {number} */ column) => {
    const [count, share] = [counts[row][column], shares[row][column]];
    const made = el(row === column ? "td.right-cell" : "td", {});
    made.style.setProperty("--share", `${Math.round(100 * share)}%`);
    const choice = cellChoice(name, titles, row, column);
    const about = `${titles[row]}, predicted ${titles[column]}: ${show.count(count)} (${show.share(share)} of the row)`;
    if (count) {
      made.append(choiceLink(view, choice, {
        title: about, "aria-label": about, "aria-current": isChosen(view.chosen, choice) ? "true" : null,
      }, shortCount(count)));
    }
    return made;
  };
  fill($("matrix"), el("table", {},
    el("thead", {}, el("tr", {}, el("td"),
      ...titles.map((title, i) => el("th", { scope: "col", title }, el("span", {}, ...head(title, i)))))),
    el("tbody", {}, ...titles.map((title, row) => el("tr", {},
      el("th", { scope: "row", title }, ...head(title, row)), ...titles.map((_, column) => cell(row, column)))))));
}
