// The origin of models, and their metrics.

import * as show from "./format.js";

/**
 * The numbers of the validation that a checkpoint was reported with.
 * @param {Record<string, unknown> | null | undefined} optional as the plugin reported it
 * @returns {[name: string, value: number][]}
 */
export function valMetrics(optional) {
  const found = Object.entries(optional?.val_metrics ?? {}).filter(([, value]) => typeof value === "number");
  return /** @type {[string, number][]} */ (found);
}

/** @param {[name: string, value: number][]} metrics */
export const metricTexts = (metrics) => metrics.map(([name, value]) => `${name}\u00a0${show.number(value)}`);

/**
 * @param {number | null} task
 * @param {number | null} index of the checkpoint
 */
export const originText = (task, index) => (task === null ? "Brought along" : `Checkpoint ${index ?? "?"} of task ${task}`);
