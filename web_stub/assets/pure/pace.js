// How fast a task goes and when it will end, in words: those of agent/pace.py.

/** @import { Pace } from "../types" */
import { now as serverNow } from "./clock.js";

/**
 * Whether there still is a basis for it.
 * @param {Pace | null} pace
 * @param {number} [now] ms, by the server's clock
 * @returns {pace is Pace}
 */
export const isValid = (pace, now = serverNow()) => pace !== null && now < Date.parse(pace.valid_until);

/** `3.1 s per epoch`, or `5.2 steps per second`. @param {Pace} pace */
export function rateText({ unit, seconds_per_unit: seconds }) {
  return unit === "step" && seconds < 1 ? `${short(1 / seconds)} steps per second` : `${spell(seconds)} per ${unit}`;
}

/**
 * `about 12 min left (14:32)`, by the clock of the reader's place; empty where the end is not known.
 * @param {Pace} pace
 * @param {number} [now] ms, by the server's clock
 */
export function leftText({ ends_at: end }, now = serverNow()) {
  if (!end) return "";
  const [ends, today] = [new Date(end), new Date(now)];
  const left = (ends.getTime() - now) / 1000;
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const day = `${ends.getFullYear()}-${two(ends.getMonth() + 1)}-${two(ends.getDate())} `;
  const at = `${ends.toDateString() === today.toDateString() ? "" : day}${two(ends.getHours())}:${two(ends.getMinutes())}`;
  return left < 60 ? `less than a minute left (${at})` : `about ${spell(60 * Math.round(left / 60))} left (${at})`;
}

/** @param {number} number */
const short = (number) => (number >= 10 ? number.toFixed(0) : number.toFixed(1));

/** Two units at most. @param {number} seconds */
function spell(seconds) {
  if (seconds < 0.1) return `${Number(seconds.toPrecision(2))} s`;
  if (seconds < 59.5) return `${short(seconds)} s`;
  const left = Math.round(seconds);
  /** @type {[number, string][]} */
  const parts = [
    [Math.floor(left / 86400), "d"], [Math.floor(left / 3600) % 24, "h"], [Math.floor(left / 60) % 60, "min"], [left % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts.slice(first, first + 2).filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`).join(" ");
}
