// Views of the table of runs under names: addresses that this browser keeps.

/** @typedef {{name: string, query: string}} View */

const LONGEST_NAME = 80;
const NOT_KEPT = ["page", "selected", "open"]; // of the moment

/** The views in a stored text; none where it cannot be read. @param {string | null} text @returns {View[]} */
export function viewsOf(text) {
  try {
    const stored = JSON.parse(text ?? "[]");
    return Array.isArray(stored) ? stored.filter((one) => typeof one?.name === "string" && typeof one?.query === "string")
      .map(({ name, query }) => ({ name, query })) : [];
  } catch {
    return [];
  }
}

/** What of an address belongs to a view. @param {string} query of the address */
export function viewQuery(query) {
  const kept = new URLSearchParams(query);
  for (const name of NOT_KEPT) kept.delete(name);
  return kept.toString();
}

/** A name as it is kept. @param {string} name */
const tidy = (name) => name.trim().replace(/\s+/g, " ").slice(0, LONGEST_NAME);

/**
 * With this view; one of the same name is replaced.
 * @param {View[]} views
 * @param {string} name
 * @param {string} query
 */
export function withView(views, name, query) {
  const view = { name: tidy(name), query: viewQuery(query) };
  if (!view.name) return views;
  const at = views.findIndex((one) => one.name === view.name);
  return at < 0 ? [...views, view] : views.with(at, view);
}

/** @param {View[]} views @param {string} name */
export const withoutView = (views, name) => views.filter((one) => one.name !== name);

/**
 * Under another name, at the same place. Nothing changes where the name is empty or another view has it.
 * @param {View[]} views
 * @param {string} from
 * @param {string} to
 */
export function renamed(views, from, to) {
  const name = tidy(to);
  if (!name || views.some((one) => one.name === name)) return views;
  return views.map((one) => (one.name === from ? { ...one, name } : one));
}

/** The view that an address shows. @param {View[]} views @param {string} query */
export const viewAt = (views, query) => views.find((one) => one.query === viewQuery(query)) ?? null;
