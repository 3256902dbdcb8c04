// The figures of a training's checkpoints, beside what its plugin reported for them.

/** @import { JudgedCheckpoint } from "../../types" */
import { sectionsOf, splitHeadline } from "./figures.js";

/** @typedef {{title: string, isOwn: boolean, points: {x: number, y: number, evaluation: number | null}[]}} Curve `isOwn`: of the plugin */

const ENDED = new Set(["finished", "error", "stopped"]);

/** Where a checkpoint stands: its epoch, else its number. @param {JudgedCheckpoint} item */
const placeOf = ({ epoch, checkpoint_index: index }) => epoch ?? index;

/** Figures that the evaluations have, as `section.name`. @param {JudgedCheckpoint[]} items */
export function figuresOf(items) {
  const found = items.flatMap(({ evaluation }) => sectionsOf(Object.fromEntries(Object.entries(evaluation?.headline ?? {})
    .map(([name, headline]) => [name, { headline, classes: [] }])))
    .flatMap(({ name, section }) => splitHeadline(section).first.map((figure) => `${name}.${figure}`)));
  return [...new Set(found)];
}

/**
 * The curve of a figure, and those of the plugin's metrics that are parts of a whole as well.
 * @param {JudgedCheckpoint[]} items
 * @param {string} figure `section.name`
 * @returns {Curve[]}
 */
export function curvesOf(items, figure) {
  const [section, name] = figure.split(".");
  const points = items.flatMap((item) => {
    const y = item.evaluation?.headline[section]?.[name];
    return typeof y === "number" ? [{ x: placeOf(item), y, evaluation: item.evaluation?.id ?? null }] : [];
  });
  /** @type {Map<string, Curve>} */
  const own = new Map();
  for (const item of items) {
    for (const [metric, y] of Object.entries(item.own)) {
      const curve = own.get(metric) ?? { title: metric, isOwn: true, points: [] };
      curve.points.push({ x: placeOf(item), y, evaluation: null });
      own.set(metric, curve);
    }
  }
  const parts = [...own.values()].filter((curve) => curve.points.every(({ y }) => y >= 0 && y <= 1));
  const byPlace = (/** @type {{x: number}} */ a, /** @type {{x: number}} */ b) => a.x - b.x;
  return [{ title: name, isOwn: false, points }, ...parts].map((curve) => ({ ...curve, points: curve.points.sort(byPlace) }));
}

/** How many checkpoints can be evaluated, are on their way, are evaluated. @param {JudgedCheckpoint[]} items */
export function progressOf(items) {
  const done = items.filter(({ evaluation }) => evaluation?.status === "done").length;
  const isUnderWay = (/** @type {JudgedCheckpoint} */ { evaluation, task_id: task, task_status: status }) =>
    (evaluation ? evaluation.status === "queued" || evaluation.status === "running"
      : task !== null && !ENDED.has(status ?? ""));
  const isLeft = (/** @type {JudgedCheckpoint} */ item) => item.model && item.evaluation?.status !== "done" && !isUnderWay(item);
  return { done, underWay: items.filter(isUnderWay).length, left: items.filter(isLeft).length };
}
