// Which rows of a list are selected: one by one, or a range from the one before.

/** @import { Outcome } from "../types" */

export class Selection {
  /** @type {Set<number>} */ ids = new Set();
  /** The row from which a range goes. @type {number | null} */ #from = null;

  get size() { return this.ids.size; }

  /**
   * Select a row, or take it out. With `isRange` every row between it and the one that was changed before, too.
   * @param {number} id
   * @param {boolean} isOn
   * @param {number[]} shown ids of the page, in its order
   * @param {boolean} [isRange]
   */
  set(id, isOn, shown, isRange = false) {
    const [from, to] = [shown.indexOf(this.#from ?? -1), shown.indexOf(id)];
    const some = isRange && from >= 0 && to >= 0 ? shown.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    for (const one of some) {
      if (isOn) this.ids.add(one);
      else this.ids.delete(one);
    }
    this.#from = id;
  }

  /** @param {Iterable<number>} ids */
  replace(ids) {
    this.ids = new Set(ids);
    this.#from = null;
  }
}

const AT_ONCE = 1000; // things in a request

/**
 * The requests that take a removal back, the results that went with it, too: the results first, so that they are there
 * when their task is.
 * @param {"task" | "model" | "project"} noun
 * @param {Outcome[]} outcomes of the removal
 * @returns {{noun: "task" | "model" | "project", ids: number[]}[]}
 */
export function wayBack(noun, outcomes) {
  const went = outcomes.filter(({ error }) => error === null);
  /** @type {["task" | "model" | "project", number[]][]} */
  const all = [
    ["model", went.flatMap(({ models }) => models)],
    ["project", went.flatMap(({ projects }) => projects)],
    [noun, went.map(({ id }) => id)],
  ];
  return all.flatMap(([one, ids]) => Array.from({ length: Math.ceil(ids.length / AT_ONCE) }, (_, part) => (
    { noun: one, ids: ids.slice(part * AT_ONCE, (part + 1) * AT_ONCE) })));
}

/** Tags as a person writes them, a comma between. @param {string} text */
export const tagsOf = (text) => [...new Set(text.split(",").map((tag) => tag.trim()).filter(Boolean))];

/**
 * What leads from the tags that are there to those that are wanted.
 * @param {string[]} before
 * @param {string[]} after
 */
export const tagChanges = (before, after) => ({
  tag: after.filter((tag) => !before.includes(tag)),
  untag: before.filter((tag) => !after.includes(tag)),
});
