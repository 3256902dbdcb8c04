// The two drawings of a study: the history of its values, and parallel coordinates. SVG, so that points can be links.

/** @import { Study, Trial } from "./types" */
import { el } from "./dom.js";
import * as show from "./pure/format.js";
import { at } from "./pure/site.js";
import { historyOf, parallelOf, placing, valueText } from "./pure/study.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDE = 640; // of half the page
const WHOLE = 1340;
const HIGH = 240;
const LEFT = 64; // for the numbers of the vertical axis
const FOOT = 24;

/**
 * @param {string} what tag and classes
 * @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children
 */
function svg(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElementNS(SVG, tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @param {string} about @param {number} wide @param {Node[]} children */
const drawing = (about, wide, ...children) =>
  svg("svg", { viewBox: `0 0 ${wide} ${HIGH}`, role: "group", "aria-label": about }, ...children);

/** What a trial is, in a line. @param {Trial} trial */
const titleOf = (trial) => [`trial ${trial.number} ${trial.state}: ${show.number(trial.value)}`,
  ...Object.entries(trial.params).map(([key, value]) => `${key} ${valueText(value)}`)].join("\n");

/** A point for each trial, linked to its task, and the line of the best value so far. @param {Study} study */
export function historyPlot(study) {
  const { points, best } = historyOf(study.trials, study.direction);
  if (!points.length) return el("p.quiet", {}, "No values yet.");
  const values = points.map(({ value }) => value);
  const last = Math.max(study.trials_wanted - 1, ...points.map(({ number }) => number), 1);
  const place = placing(values);
  const x = (/** @type {number} */ number) => LEFT + 8 + (number / last) * (WIDE - LEFT - 16);
  const y = (/** @type {number} */ value) => 8 + (1 - place(value)) * (HIGH - FOOT - 16);
  const ends = [...new Set([Math.max(...values), Math.min(...values)])];
  const steps = best.map(({ number, value }, i) => (i ? `H${x(number)}V${y(value)}` : `M${x(number)} ${y(value)}`)).join("");
  return drawing("Value of each trial", WIDE,
    ...ends.flatMap((value) => [
      svg("line.grid", { x1: LEFT, x2: WIDE, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, show.number(value)),
    ]),
    svg("line.axis", { x1: LEFT, x2: WIDE, y1: HIGH - FOOT, y2: HIGH - FOOT }),
    svg("text", { x: x(0), y: HIGH - 6, "text-anchor": "middle" }, "0"),
    svg("text", { x: x(last), y: HIGH - 6, "text-anchor": "middle" }, show.count(last)),
    ...(best.length ? [svg("path.best-line", { d: `${steps}H${x(points[points.length - 1].number)}` })] : []),
    ...points.map((trial) => {
      const look = trial.number === study.best?.number ? "best" : trial.state;
      const point = svg(`circle.point.is-${look}`, { cx: x(trial.number), cy: y(trial.value), r: 4.5 },
        svg("title", {}, titleOf(trial)));
      return trial.task_id === null ? point
        : svg("a", { href: at(`/tasks/${trial.task_id}`), "aria-label": `Trial ${trial.number}, task ${trial.task_id}` }, point);
    }));
}

/** @param {Study} study */
export function parallelPlot(study) {
  const { axes, lines } = parallelOf(study);
  const x = (/** @type {number} */ i) => LEFT + (i / Math.max(1, axes.length - 1)) * (WHOLE - 2 * LEFT);
  const y = (/** @type {number} */ place) => 34 + (1 - place) * (HIGH - FOOT - 42);
  return drawing("Parameters and values of the complete trials", WHOLE,
    ...axes.flatMap(({ title, ends: [low, high] }, i) => [
      svg("line.axis", { x1: x(i), x2: x(i), y1: y(0), y2: y(1) }),
      svg("text", { x: x(i), y: 12, "text-anchor": "middle" }, title),
      svg("text", { x: x(i), y: 26, "text-anchor": "middle" }, high),
      svg("text", { x: x(i), y: HIGH - 6, "text-anchor": "middle" }, low),
    ]),
    ...lines.map(({ number, isBest, places }) => svg(`path.trial-line${isBest ? ".is-best" : ""}`, {
      d: places.map((place, i) => `${i ? "L" : "M"}${x(i)} ${y(place)}`).join(""),
    }, svg("title", {}, `trial ${number}`))));
}
