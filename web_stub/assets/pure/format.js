// Numbers, sizes and times as a person reads them.

/** @import { Progress, TaskCard } from "../types" */
import { now as serverNow } from "./clock.js";

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** @param {number} n */
export const count = (n) => plain.format(n);

/**
 * A count with its noun: `1 image`, `2,000 images`.
 * @param {number} n
 * @param {string} noun
 */
export const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

/** With a large first letter. @param {string} text */
export const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * Four significant digits; very small and very large numbers by power of ten.
 * @param {number | null | undefined} value
 */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "NaN";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2).replace("e+", "e");
  if (Number.isInteger(value)) return plain.format(value + 0); // without the sign of −0
  if (size < 0.1) return value.toPrecision(3);
  return value.toFixed(size >= 1000 ? 1 : size >= 100 ? 2 : size >= 1 ? 3 : 4);
}

/** @param {number} n */
export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i += 1; }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

/**
 * A part of a whole, 0 to 1, in percent; a part that is not zero never reads as zero, and only the whole as the whole.
 * @param {number} part
 */
export function share(part) {
  if (part === 0) return "–";
  if (part >= 0.995 && part < 1) return ">99%";
  return part < 0.001 ? "<0.1%" : `${(100 * part).toFixed(part < 0.1 ? 1 : 0)}%`;
}

/**
 * The two largest units that are not zero.
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 950) return `${Math.max(0, Math.round(ms))} ms`;
  const s = Math.round(ms / 1000);
  /** @type {[number, string][]} */
  const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "m"], [s % 60, "s"]];
  const first = parts.findIndex(([value]) => value > 0);
  return parts.slice(first, first + 2).map(([value, unit], i) => (i ? String(value).padStart(2, "0") : value) + unit).join(" ");
}

/**
 * @param {string} iso
 * @param {number} [now] in ms, by the server's clock
 */
export function ago(iso, now = serverNow()) {
  const ms = now - Date.parse(iso);
  if (ms < 45_000) return "just now";
  if (ms < 3_600_000) return `${Math.max(1, Math.round(ms / 60_000))} min ago`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h ago`;
  return new Date(iso).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

/** @param {string} iso */
export const clock = (iso) => new Date(iso).toLocaleTimeString("en-GB");

/** @param {string} iso */
export const dateTime = (iso) => new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/**
 * How long a task has run, or ran, in ms; null before its start.
 * @param {Pick<TaskCard, "started_at" | "finished_at">} task
 * @param {number} [now] in ms, by the server's clock
 */
export function taskDuration(task, now = serverNow()) {
  if (!task.started_at) return null;
  return (task.finished_at ? Date.parse(task.finished_at) : now) - Date.parse(task.started_at);
}

/** @param {string} status of a task */
export const isFinal = (status) => ["finished", "error", "stopped"].includes(status);

/** @param {Pick<Progress, "current" | "total">} bar */
export const percent = (bar) => (bar.total > 0 ? Math.min(100, (100 * bar.current) / bar.total) : 0);
