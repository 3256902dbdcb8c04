// A study as figures: the history of its values, the lines of parallel coordinates, importance, and its words.

/** @import { Study, StudyCard, Trial } from "../types" */
import * as show from "./format.js";

/** A range as the API gives it. @typedef {{low: number, high: number, is_integer: boolean, log: boolean}} Range */

/** @param {StudyCard} study */
export const stateOf = (study) => (study.is_interrupted ? "interrupted" : study.state);

/** How many trials have ended. @param {StudyCard} study */
export const endedOf = ({ counts }) => counts.complete + counts.pruned + counts.failed;

/** `12 of 30 have ended, 2 pruned, 1 failed`. @param {StudyCard} study */
export function countsText(study) {
  const poor = ["pruned", "failed"].filter((state) => study.counts[state]).map((state) => `${study.counts[state]} ${state}`);
  return [`${show.count(endedOf(study))} of ${show.count(study.trials_wanted)} have ended`, ...poor].join(", ");
}

/** A value of a parameter. @param {unknown} value */
export const valueText = (value) =>
  (typeof value === "number" ? show.number(value) : typeof value === "string" ? value : JSON.stringify(value ?? null));

/**
 * The trials that have a value, and after each complete one the best value so far.
 * @param {Trial[]} trials
 * @param {string | null} direction
 */
export function historyOf(trials, direction) {
  const points = trials.flatMap((trial) => (trial.value === null ? [] : [{ ...trial, value: trial.value }]));
  /** @type {{number: number, value: number}[]} */
  const best = [];
  for (const { number, value, state } of points) {
    if (state !== "complete") continue;
    const last = best.at(-1);
    const isBetter = !last || (direction === "maximize" ? value > last.value : value < last.value);
    if (isBetter) best.push({ number, value });
  }
  return { points, best };
}

/**
 * From values to places between 0 and 1. Values that are all alike stand in the middle.
 * @param {number[]} values
 * @param {boolean} [log]
 * @returns {(value: number) => number}
 */
export function placing(values, log = false) {
  const by = (/** @type {number} */ value) => (log ? Math.log10(value) : value);
  const placed = values.map(by).filter(Number.isFinite);
  const low = Math.min(...placed);
  const high = Math.max(...placed);
  return (value) => (high > low ? (by(value) - low) / (high - low) : 0.5);
}

/**
 * Parallel coordinates: an axis for each parameter and one for the value, and for each complete trial its places on them.
 * @param {Study} study
 */
export function parallelOf(study) {
  const complete = study.trials.filter(({ state, value }) => state === "complete" && value !== null);
  const axes = Object.entries(study.space).map(([key, dimension]) => axisOf(key, dimension));
  const values = complete.map(({ value }) => Number(value));
  const place = placing(values);
  const ends = values.length ? [show.number(Math.min(...values)), show.number(Math.max(...values))] : ["", ""];
  const lines = complete.map((trial) => ({
    number: trial.number,
    isBest: trial.number === study.best?.number,
    places: [...axes.map((axis) => axis.place(trial.params[axis.title])), place(Number(trial.value))],
  }));
  lines.sort((one, other) => Number(one.isBest) - Number(other.isBest)); // the best one is drawn over the others
  return { axes: [...axes.map(({ title, ends: both }) => ({ title, ends: both })), { title: study.metric ?? "", ends }], lines };
}

/**
 * @param {string} key
 * @param {any} dimension
 * @returns {{title: string, ends: string[], place: (value: unknown) => number}}
 */
function axisOf(key, dimension) {
  if (dimension.choices) {
    const texts = dimension.choices.map((/** @type {unknown} */ choice) => JSON.stringify(choice));
    return {
      title: key,
      ends: [valueText(dimension.choices[0]), valueText(dimension.choices.at(-1))],
      place: (value) => (texts.length > 1 ? texts.indexOf(JSON.stringify(value)) / (texts.length - 1) : 0.5),
    };
  }
  /** @type {Range} */
  const { low, high, log } = dimension;
  const place = placing([low, high], log);
  return { title: key, ends: [show.number(low), show.number(high)], place: (value) => place(Number(value)) };
}

/** The largest share first. @param {Record<string, number> | null} importance @returns {[string, number][]} */
export const sharesOf = (importance) => Object.entries(importance ?? {}).sort(([, one], [, other]) => other - one);
