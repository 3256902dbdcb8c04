// Compared tasks: their ids in the address, and the text that describes a task.

/** @import { TaskCard } from "../types" */
import * as show from "./format.js";
import { inputsText } from "./kinds.js";

/** Tasks compared at most: as many as the style sheet has colours for. */
export const MOST = 5;

/**
 * Ids of the tasks that an address compares, each once, without the page's own.
 * @param {string} query of the address
 * @param {number} own
 */
export function comparedIds(query, own) {
  const named = new URLSearchParams(query).get("compare")?.split(",") ?? [];
  const ids = named.filter((id) => /^\d{1,15}$/.test(id)).map(Number);
  return [...new Set(ids)].filter((id) => id !== own).slice(0, MOST);
}

/**
 * The address with these tasks compared.
 * @param {string} address
 * @param {number[]} ids
 */
export function comparingAddress(address, ids) {
  const url = new URL(address);
  if (ids.length) url.searchParams.set("compare", ids.join(","));
  else url.searchParams.delete("compare");
  return url.href.replaceAll("%2C", ",");
}

/** A training in words: plugin, project, status, a metric. @param {TaskCard} card */
export function describe(card) {
  const metric = card.metrics.find((one) => one.kind === "val") ?? card.metrics[0];
  const last = metric ? [`${metric.kind} ${metric.name} ${show.number(metric.value)}`] : [];
  return [inputsText(card), card.status, ...last].join(" · ");
}
