// Classes and tags of a project's meta. A meta comes from outside: invalid entries are passed over.

/** @typedef {{title: string, color: string, shape: unknown}} ClassInfo */

/** Colours that were made from titles. @type {Map<string, string>} */
const made = new Map();

/**
 * A class's colour as #rrggbb; a class without a valid colour gets a colour made from its title.
 * @param {string} title
 * @param {unknown} [color]
 */
export function classColor(title, color) {
  if (typeof color === "string" && /^#[0-9a-f]{6}$/i.test(color)) return color;
  const known = made.get(title) ?? colorOf(title);
  made.set(title, known);
  return known;
}

/** @param {string} title */
function colorOf(title) {
  let hash = 0;
  for (const char of title) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  const channel = (/** @type {number} */ n) => {
    const k = (n + (hash % 360) / 30) % 12;
    return Math.round(255 * (0.5 - 0.36 * Math.max(-1, Math.min(k - 3, 9 - k, 1)))).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

/** @param {unknown} value */
export const asList = (value) => (Array.isArray(value) ? value : []);

/**
 * Classes of a project by title.
 * @param {{classes?: unknown} | null} meta
 * @returns {Map<string, ClassInfo>}
 */
export function classesOf(meta) {
  return new Map(asList(meta?.classes).filter((one) => typeof one?.title === "string")
    .map((one) => [one.title, { title: one.title, color: classColor(one.title, one.color), shape: one.shape }]));
}

/**
 * A tag as its project writes it, `name` or `name: value`.
 * @param {unknown} tag a name, or an object with name and value
 */
export function tagText(tag) {
  if (typeof tag === "string") return tag;
  const { name, value } = /** @type {{name?: unknown, value?: unknown}} */ (tag ?? {});
  return value === undefined || value === null ? String(name ?? "") : `${name}: ${value}`;
}
