// Lines of a log: the choice of lines, and the texts beside and below them.

/** @import { Event } from "../types" */
import { bare } from "./ansi.js";
import * as show from "./format.js";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];
const NOISE = ["METRICS", "PROGRESS"];

/** The names that belong to the log in an address, with the values of an address without any. */
export const LOG_DEFAULTS = { level: "info", text: "", lines: "" };
const SHOWN_FRAMES = 80; // lines of a printed traceback

/**
 * @param {Pick<Event, "level" | "event_type">} line
 * @param {string} level the lowest level wanted
 * @param {boolean} withMetrics
 */
export function isWanted(line, level, withMetrics) {
  if (line.event_type !== null && NOISE.includes(line.event_type) && !withMetrics) return false;
  return LEVELS.indexOf(line.level) >= LEVELS.indexOf(level);
}

/**
 * The text beside a line's message: `key=value` of its other fields, and the lines of its stack. Neither is coloured, so
 * the sequences of terminals are left out.
 * @param {Pick<Event, "body" | "fields">} line
 * @returns {{fields: string, stack: string[]}}
 */
export function besideMessage({ body, fields }) {
  const { stack, ...rest } = body ?? {};
  const bared = (/** @type {string} */ _, /** @type {unknown} */ value) => (typeof value === "string" ? bare(value) : value);
  const pairs = Object.entries({ ...rest, ...fields })
    .map(([key, value]) => `${bare(key)}=${typeof value === "string" ? bare(value) : JSON.stringify(value, bared)}`);
  return { fields: pairs.join("  "), stack: stackOf({ stack }) };
}

/** The stack of an event's body; empty where it has none. @param {Record<string, unknown> | null} body @returns {string[]} */
export const stackOf = (body) => (Array.isArray(body?.stack) ? body.stack.map((line) => bare(String(line))) : []);

/** The number of a line that an address links to (`#L12`); 0 for none. @param {string} hash */
export const linkedLine = (hash) => Number(/^#L(\d+)$/.exec(hash)?.[1] ?? 0);

/**
 * The query for lines: the filter, and the place.
 * @param {typeof LOG_DEFAULTS} filter
 * @param {Record<string, number | boolean>} place
 */
export function lineQuery({ level, text, lines }, place) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(place)) query.set(name, String(value));
  if (LEVELS.indexOf(level) > 0) query.set("level", level);
  if (lines !== "all") query.set("metrics", "false");
  if (text) query.set("text", text);
  return query.toString();
}

/**
 * The foot of the log.
 * @param {object} log
 * @param {number} log.shown lines here
 * @param {number} log.matching lines of the whole log that fit the filter
 * @param {number} log.all lines of the whole log
 * @param {string} log.text looked for
 * @param {number} log.missing a line that is linked to and does not exist; 0 for none
 * @param {boolean} log.hasEarlier
 * @param {boolean} log.hasLater
 */
export function footText({ shown, matching, all, text, missing, hasEarlier, hasLater }) {
  if (missing) return `There is no line ${show.count(missing)}; the log has ${show.counted(all, "line")} so far`;
  if (!all) return "Nothing printed yet";
  const isFiltered = matching < all;
  const fit = text ? `contain “${text}”` : "fit the filter";
  const whole = isFiltered ? `${show.count(matching)} of ${show.counted(all, "line")} ${fit}` : `All ${show.counted(all, "line")}`;
  if (shown >= matching) {
    const others = text ? "" : "; the others are metric lines, or below the level";
    return isFiltered && matching > 0 ? `${whole}${others}` : whole;
  }
  const where = [hasEarlier && "up for earlier ones", hasLater && "down for later ones"].filter(Boolean).join(", ");
  const here = `${show.count(shown)} of ${show.counted(matching, "line")} here${where ? `; scroll ${where}` : ""}`;
  return isFiltered ? `${here} · ${whole}` : here;
}

/**
 * A traceback that was only printed: the last traceback among the plugin's lines, from its first line to the end.
 * @param {Pick<Event, "stream" | "message">[]} lines in the order printed
 */
export function tracebackOf(lines) {
  const printed = lines.filter((line) => line.stream !== "agent").map((line) => bare(line.message));
  const start = printed.findLastIndex((line) => line.startsWith("Traceback (most recent call last)"));
  return start < 0 ? [] : printed.slice(start, start + SHOWN_FRAMES);
}
