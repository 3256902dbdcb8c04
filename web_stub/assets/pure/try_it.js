// What the page "Try it" asks a model, and how it says what came: modes, confidence, times, the same as a program.

/** @import { Times } from "../types" */
/** @import { Size } from "./shapes.js" */
import { asList } from "./classes.js";

/** @typedef {"full_image" | "roi" | "sliding_window"} Way */
/** @typedef {[left: number, top: number, right: number, bottom: number]} Region pixels of the image; right and bottom are beyond it */

const WINDOW = 256; // pixels of a side, where the image is as large
const OVERLAP = 32;
const LEAST_REGION = 4; // pixels of a side; anything smaller is a click

/** Names as the model has them: the page shows nobody else's classes beside them. */
const NAMES = { save_classes: "__all__", add_suffix: "" };

/** @param {string | null} text of an address @returns {Way} */
export const wayOf = (text) => (text === "roi" || text === "sliding_window" ? text : "full_image");

/**
 * The config of a mode.
 * @param {Way} way
 * @param {Size} size of the image
 * @param {Region | null} region
 * @param {{classes?: unknown} | null} meta of the model's answers, where it is known: a model of boxes is asked for boxes
 * @returns {Record<string, unknown>}
 */
export function modeConfig(way, size, region, meta) {
  const names = { model_classes: NAMES, model_tags: NAMES };
  if (way === "full_image") return { name: "full_image", ...names };
  if (way === "roi") {
    const [left, top, right, bottom] = region ?? [0, 0, size.width, size.height];
    const px = (/** @type {number} */ length) => `${length}px`;
    const bounds = { left: px(left), top: px(top), right: px(size.width - right), bottom: px(size.height - bottom) };
    return { name: "roi", bounds, ...names };
  }
  const window = { width: Math.min(WINDOW, size.width), height: Math.min(WINDOW, size.height) };
  const overlap = (/** @type {number} */ side) => (side > OVERLAP ? Math.min(OVERLAP, side >> 1) : 0);
  const min_overlap = { x: overlap(window.width), y: overlap(window.height) };
  return { name: isOfBoxes(meta) ? "sliding_window_det" : "sliding_window", window, min_overlap, ...names };
}

/** Whether all classes that a model gives are rectangles. @param {{classes?: unknown} | null} meta */
function isOfBoxes(meta) {
  const shapes = asList(meta?.classes).map((one) => one?.shape);
  return shapes.length > 0 && shapes.every((shape) => shape === "rectangle");
}

/**
 * The whole pixels between two places of the image; null where they are a click.
 * @param {[number, number]} from
 * @param {[number, number]} to
 * @param {Size} size of the image
 * @returns {Region | null}
 */
export function regionBetween([x1, y1], [x2, y2], { width, height }) {
  const within = (/** @type {number} */ value, /** @type {number} */ length) => Math.max(0, Math.min(length, value));
  const left = within(Math.floor(Math.min(x1, x2)), width), right = within(Math.ceil(Math.max(x1, x2)), width);
  const top = within(Math.floor(Math.min(y1, y2)), height), bottom = within(Math.ceil(Math.max(y1, y2)), height);
  return right - left < LEAST_REGION || bottom - top < LEAST_REGION ? null : [left, top, right, bottom];
}

/**
 * How sure the model is of an object: its tag `confidence`; null where it says nothing.
 * @param {unknown[]} tags
 */
export function confidenceOf(tags) {
  for (const tag of tags) {
    const { name, value } = /** @type {{name?: unknown, value?: unknown}} */ (typeof tag === "object" && tag ? tag : {});
    if (name === "confidence" && typeof value === "number") return value;
  }
  return null;
}

/**
 * Whether an object is shown: those without a confidence are always.
 * @param {unknown[]} tags
 * @param {number} least
 */
export const isSure = (tags, least) => (confidenceOf(tags) ?? 1) >= least;

/** Seconds as milliseconds. @param {number} seconds */
const ms = (seconds) => (seconds < 0.01 ? `${(1000 * seconds).toFixed(1)} ms` : `${Math.round(1000 * seconds)} ms`);

/** @param {Times} times */
export const timesText = ({ queue_s, transfer_s, model_s, total_s }) =>
  `${ms(total_s)}: waiting ${ms(queue_s)} · transfer ${ms(transfer_s)} · model ${ms(model_s)}`;

/** A word for a shell. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The question as a command. The token stays where it is.
 * @param {string} origin address of this installation, without a slash at its end
 * @param {number} model
 * @param {string} file
 * @param {Record<string, unknown>} mode
 */
export const curlText = (origin, model, file, mode) => [
  `curl ${quoted(`${origin}/api/models/${model}/infer`)}`,
  '-H "x-api-key: $TOKEN"',
  `-F ${quoted(`image=@${file}`)}`,
  `-F ${quoted(`mode=${JSON.stringify(mode)}`)}`,
].join(" \\\n  ");

/**
 * The question with the official client.
 * @param {string} origin
 * @param {number} model
 * @param {string} file
 * @param {Record<string, unknown>} mode
 */
export const pythonText = (origin, model, file, mode) => [
  "import os",
  "import supervisely_lib as sly",
  "",
  `api = sly.Api(${JSON.stringify(origin)}, os.environ["TOKEN"])`,
  `image = sly.image.read(${JSON.stringify(file)})`,
  `mode = ${pythonValue(mode)}`,
  `answer = api.model.inference(${model}, image, mode=mode)`,
].join("\n");

/** JSON as Python writes it. @param {unknown} value @returns {string} */
function pythonValue(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${pythonValue(one)}`).join(", ")}}`;
}

/** @typedef {{value: string, text: string}} Choice */

/**
 * On which GPU a model may be started, and why there is no choice.
 * @param {number | null} gpus of the machine with the most; null: nobody has said
 * @returns {{choices: Choice[], why: string}} `why` is "" where there is a choice
 */
export function gpuChoices(gpus) {
  const own = { value: "", text: "as the agent is set" };
  if (gpus === 0) return { choices: [own], why: "No machine whose agent runs has a GPU." };
  const each = Array.from({ length: gpus ?? 0 }, (_, i) => ({ value: String(i), text: `GPU ${i}` }));
  return { choices: [own, ...each, { value: "all", text: "all GPUs" }, { value: "none", text: "no GPU" }], why: "" };
}
