// On the page of a training: the real figures of its checkpoints over epochs, and the button that evaluates them all.

/** @import { JudgedCheckpoints } from "../types" */
import { ask, attempt } from "../api.js";
import { draw } from "../compare/svg.js";
import { $, button, el, fill, select } from "../dom.js";
import { curvesOf, figuresOf, progressOf } from "../pure/evaluation/checkpoints.js";
import { figureText, SECTIONS, titleOf } from "../pure/evaluation/figures.js";
import { across, pathOf, up } from "../pure/evaluation/plot.js";
import * as show from "../pure/format.js";
import { at } from "../pure/site.js";

const AGAIN_MS = 5000;
const WIDTH = 640;
const HEIGHT = 260;
const PLACE = { left: 46, top: 12, width: WIDTH - 60, height: HEIGHT - 50 };
const TONES = ["--accent", "--val", "--third", "--fourth", "--c3", "--c4"];

/** @param {number} id of the training */
export function judgeCheckpoints(id) {
  let timer = 0;
  /** @type {JudgedCheckpoints | null} */
  let judged = null;

  /** @param {JudgedCheckpoints} found */
  function take(found) {
    judged = found;
    const { done, underWay, left } = progressOf(found.items);
    $("judged-card").hidden = found.items.length === 0;
    $("judged-count").textContent = [`${show.count(done)} of ${show.counted(found.items.length, "checkpoint")} on ${found.project.name}`,
      underWay && `${show.count(underWay)} on the way`].filter(Boolean).join(", ");
    button("judge").hidden = left === 0;
    const figures = figuresOf(found.items);
    const chosen = figures.includes(select("judged-figure").value) ? select("judged-figure").value : figures[0] ?? "";
    const sections = new Map(SECTIONS);
    fill(select("judged-figure"), ...figures.map((figure) => {
      const [section, name] = figure.split(".");
      return el("option", { value: figure }, `${sections.get(section)}: ${titleOf(name)}`);
    }));
    select("judged-figure").value = chosen;
    $("judged-figure-box").hidden = figures.length === 0;
    fill($("judged-plot"), done ? plot() : el("p.quiet", {}, "No checkpoint is evaluated yet."));
    clearTimeout(timer);
    if (underWay) timer = setTimeout(follow, AGAIN_MS);
  }

  function plot() {
    const curves = curvesOf(judged?.items ?? [], select("judged-figure").value);
    const places = curves.flatMap(({ points }) => points.map(({ x }) => x));
    const [low, high] = [Math.min(...places), Math.max(...places)];
    const part = (/** @type {number} */ x) => (high > low ? (x - low) / (high - low) : 0.5);
    const color = (/** @type {number} */ i) => `var(${TONES[i % TONES.length]})`;
    return el("div", {}, draw("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "figure-plot", role: "group", "aria-label": "Figures of the checkpoints over epochs",
    }, ...[0, 0.25, 0.5, 0.75, 1].flatMap((value) => [
      draw("line", { class: "grid-line", x1: PLACE.left, x2: PLACE.left + PLACE.width, y1: up(value, PLACE), y2: up(value, PLACE) }),
      draw("text", { x: PLACE.left - 8, y: up(value, PLACE) + 4, "text-anchor": "end" }, String(value)),
    ]), ...[...new Set([low, high])].map((x) =>
      draw("text", { x: across(part(x), PLACE), y: HEIGHT - 18, "text-anchor": "middle" }, show.number(x))),
    draw("text", { x: WIDTH / 2, y: HEIGHT - 4, "text-anchor": "middle" }, "Epoch"),
    ...curves.flatMap(({ points, isOwn, title }, i) => [
      draw("path", {
        class: "curve", stroke: color(i), "stroke-dasharray": isOwn ? "6 4" : null,
        d: pathOf(points.map(({ x }) => part(x)), points.map(({ y }) => y), PLACE),
      }),
      ...points.map(({ x, y, evaluation }) => {
        const about = `${titleOf(title)} ${figureText(title, y)} at ${show.number(x)}`;
        const point = draw("circle", { class: "point", cx: across(part(x), PLACE), cy: up(y, PLACE), r: isOwn ? 3 : 5, fill: color(i) },
          draw("title", {}, about));
        return evaluation === null ? point : draw("a", { href: at(`/evaluations/${evaluation}`), "aria-label": about }, point);
      }),
    ])), el("p.plot-legend", {}, ...curves.map(({ title, isOwn }, i) => {
      const dot = el("i.dot");
      dot.style.backgroundColor = color(i);
      return el("span.class-chip", {}, dot, isOwn ? `${title}, as the plugin reported it` : titleOf(title));
    })));
  }

  async function follow() {
    if (!document.hidden) take(await ask(`/api/tasks/${id}/evaluations`));
  }

  button("judge").addEventListener("click", () => attempt(async () =>
    take(await ask(`/api/tasks/${id}/evaluate`, { method: "POST", text: "{}" }))));
  select("judged-figure").addEventListener("change", () => { if (judged) take(judged); });
  document.addEventListener("visibilitychange", () => { if (judged && progressOf(judged.items).underWay) attempt(follow); });
  return attempt(async () => take(await ask(`/api/tasks/${id}/evaluations`)));
}
