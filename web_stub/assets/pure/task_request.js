// The form of a new task: its fields as a request, and the options of an earlier task as fields.

/** @import { NewTaskPage, Options, Ref, TaskType } from "../types" */

const GIB = 2 ** 30;

/**
 * Fields of the form by their ids; texts are as they were written.
 * @typedef {object} Fields
 * @property {string} engine
 * @property {string} gpus
 * @property {string} pull
 * @property {string} memory in GiB
 * @property {string} time-limit in minutes
 * @property {string} idle-limit in minutes
 * @property {string} grace in seconds
 * @property {string} on NAME=VALUE, with commas between
 * @property {string} restarts a number
 * @property {string} env a NAME=VALUE on each line
 * @property {boolean} writable
 * @property {boolean} hardened
 * @property {boolean} evaluate
 */

/**
 * Options of a request. An empty field gives no option: the agent's settings decide.
 * @param {Fields} fields
 * @returns {Partial<Options>}
 * @throws {Error} for a line of the environment that is none
 */
export function optionsOf(fields) {
  /** @type {Partial<Options>} */
  const options = { writable_data: fields.writable, hardened: fields.hardened, env: environment(fields.env) };
  if (fields.on.trim()) options.on = pairs(fields.on.split(","), "label");
  if (fields.restarts) options.restarts = Number(fields.restarts);
  for (const key of /** @type {const} */ (["engine", "gpus", "pull"])) {
    const text = fields[key].replaceAll(" ", "");
    if (text) options[key] = text;
  }
  if (fields.memory) options.memory_bytes = Math.round(Number(fields.memory) * GIB);
  if (fields["time-limit"]) options.time_limit_s = Number(fields["time-limit"]) * 60;
  if (fields["idle-limit"]) options.idle_limit_s = Number(fields["idle-limit"]) * 60;
  if (!fields.evaluate) options.evaluate = false;
  if (fields.grace) options.stop_grace_s = Number(fields.grace);
  return options;
}

/**
 * Variables by name.
 * @param {string} text a NAME=VALUE on each line
 * @returns {Record<string, string>}
 */
const environment = (text) => pairs(text.split("\n"), "environment line");

/**
 * Values by name.
 * @param {string[]} texts a NAME=VALUE each, or blank
 * @param {string} what one of them is
 * @returns {Record<string, string>}
 */
function pairs(texts, what) {
  const given = texts.map((text) => text.trim()).filter(Boolean);
  const wrong = given.find((text) => !/^[^=\s]+=/.test(text));
  if (wrong) throw new Error(`The ${what} “${wrong}” is not NAME=VALUE.`);
  return Object.fromEntries(given.map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]));
}

/**
 * The fields for options of an earlier task. Options that are the agent's own stay open.
 * @param {Options} given
 * @param {NewTaskPage["defaults"]} defaults
 * @returns {Fields}
 */
export function fieldsOf(given, defaults) {
  const own = (/** @type {"engine" | "gpus" | "pull"} */ key) => (given[key] === defaults[key] ? "" : given[key]);
  const scaled = (/** @type {number | null} */ value, /** @type {number} */ unit) => (value ? String(value / unit) : "");
  return {
    engine: own("engine"), gpus: own("gpus"), pull: own("pull"),
    memory: scaled(given.memory_bytes, GIB),
    "time-limit": scaled(given.time_limit_s, 60),
    "idle-limit": scaled(given.idle_limit_s, 60),
    grace: scaled(given.stop_grace_s, 1),
    on: Object.entries(given.on).map(([name, value]) => `${name}=${value}`).join(", "),
    restarts: scaled(given.restarts, 1),
    env: Object.entries(given.env).map(([name, value]) => `${name}=${value}`).join("\n"),
    writable: given.writable_data, hardened: given.hardened, evaluate: given.evaluate,
  };
}

/** Whether an option is set that stands under More options. @param {Fields} fields */
export const hasMore = (fields) => fields.writable || fields.hardened || !fields.evaluate
  || ["memory", "time-limit", "idle-limit", "grace", "on", "restarts", "env", "pull"]
    .some((key) => fields[/** @type {"env"} */ (key)] !== "");

/**
 * The request as text: the config goes as it was written, so that 1.0 stays 1.0 and keys keep their order.
 * @param {Record<string, unknown>} rest of the request
 * @param {string} config a JSON object
 */
export const requestText = (rest, config) => `${JSON.stringify(rest).slice(0, -1)},"config":${config}}`;

/**
 * The name that the server would give the result; empty while it is not known.
 * @param {TaskType} type
 * @param {Ref | null} plugin
 * @param {Ref | null} project
 */
export function suggestedName(type, plugin, project) {
  if (!project) return "";
  if (type === "inference") return `${project.name} predictions`;
  return plugin ? `${project.name} ${plugin.name}` : "";
}
