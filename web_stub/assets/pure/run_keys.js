// Columns of the table of runs by their names, such as `config.batch_size.train` and `metrics.val["loss/all"]@max`.

/** @typedef {{root: string, steps: (string | number)[], at: string}} KeyParts `at` is "" where nothing stands behind @ */

const STEP = /\.([\p{L}_][\p{L}\p{N}_]*)|\[("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|-?\d+)\]/uy;

/**
 * The parts of a text between commas that stand neither in quotes nor in brackets, trimmed; empty ones are left out.
 * @param {string} text
 */
export function splitKeys(text) {
  const parts = [];
  let [start, depth, quote] = [0, 0, ""];
  for (let i = 0; i < text.length; i += 1) {
    const sign = text[i];
    if (quote) {
      if (sign === "\\") i += 1;
      else if (sign === quote) quote = "";
    } else if (sign === '"' || sign === "'") quote = sign;
    else if (sign === "[") depth += 1;
    else if (sign === "]") depth -= 1;
    else if (sign === "," && depth <= 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)].map((part) => part.trim()).filter(Boolean);
}

/** @param {string} step as a key writes it, with its quotes */
function unquoted(step) {
  if (/^-?\d+$/.test(step)) return Number(step);
  try {
    return String(JSON.parse(step.startsWith("'") ? `"${step.slice(1, -1).replaceAll('"', '\\"')}"` : step));
  } catch {
    return step.slice(1, -1);
  }
}

/** The parts of a key; a text that is none has itself as its root. @param {string} key @returns {KeyParts} */
export function keyParts(key) {
  const [root] = /^(?:config|metrics)(?=[.[])/.exec(key) ?? [key];
  const steps = [];
  let place = root.length;
  for (;;) {
    STEP.lastIndex = place;
    const found = STEP.exec(key);
    if (!found) break;
    steps.push(found[1] ?? unquoted(found[2]));
    place = STEP.lastIndex;
  }
  const rest = key.slice(place);
  if (rest && !rest.startsWith("@")) return { root: key, steps: [], at: "" };
  return { root, steps, at: rest.slice(1) };
}

/** The values of a metric that are columns: its last, greatest and least. @param {string} key of the last */
export const variants = (key) => [["last", key], ["max", `${key}@max`], ["min", `${key}@min`]];

/** A name in words. @param {string} name of a field */
const words = (name) => name.replaceAll("_", " ");

/**
 * The head of a column: its name, and where it is from.
 * @param {string} key
 */
export function heading(key) {
  const { root, steps, at } = keyParts(key);
  if (root === "config" && steps.length) {
    const name = steps.map((step, i) => (typeof step === "number" ? `[${step}]` : `${i ? "." : ""}${step}`)).join("");
    return { over: "config", name };
  }
  if (root === "metrics" && steps.length === 2) {
    const value = at === "" ? "last" : /^[a-z]/.test(at) ? at : `at epoch ${at}`;
    return { over: `${steps[0]} · ${value}`, name: String(steps[1]) };
  }
  return { over: "", name: words(key) };
}
