// What the server says of the table of runs: the columns that there are, a page of rows, or a page of groups with the open ones.

/** @import { RunColumns, RunGroups, RunTable } from "./types" */
/** @import { Chosen } from "./pure/run_state.js" */
/** @import { HeadColumn } from "./runs_head.js" */
import { ask } from "./api.js";
import { isRight } from "./pure/run_cells.js";
import { defaultColumns, numericColumns } from "./pure/run_columns.js";
import { splitKeys } from "./pure/run_keys.js";
import * as state from "./pure/run_state.js";

/** @typedef {{table: RunTable} | {groups: RunGroups, opened: Map<string, RunTable>}} Answer */

export class RunsServer {
  /** @type {Promise<RunColumns> | null} */ #asked = null;
  /** Columns of a table for which nobody has chosen any; new ones change them no more. @type {Promise<string[]> | null} */ #usual = null;
  #archived = "";
  /** The columns that there are, once the server has said so. @type {RunColumns | null} */ known = null;

  /** @param {() => void} onKnown when `known` has changed */
  constructor(onKnown) {
    this.onKnown = onKnown;
  }

  /** @param {boolean} [isAnew] @returns {Promise<RunColumns>} */
  columns(isAnew = false) {
    if (!this.#asked || isAnew) {
      /** @type {Promise<RunColumns>} */
      const asked = ask(`/api/runs/columns?${state.placeQuery(this.#archived)}`).then((known) => {
        if (this.#asked !== asked) return known; // another question has followed
        this.known = known;
        this.onKnown();
        return known;
      });
      asked.catch(() => { if (this.#asked === asked) this.#asked = null; });
      this.#asked = asked;
    }
    return this.#asked;
  }

  /** The columns are those of the archive, or of the other runs. @param {string} archived */
  #look(archived) {
    if (archived === this.#archived) return;
    this.#archived = archived;
    this.#asked = this.#usual = this.known = null;
  }

  /** @returns {Promise<string[]>} */
  #usualColumns() {
    if (!this.#usual) {
      const usual = this.columns().then(defaultColumns);
      usual.catch(() => { if (this.#usual === usual) this.#usual = null; });
      this.#usual = usual;
    }
    return this.#usual;
  }

  /**
   * The answer to what is chosen, and the columns that a table of it shows.
   * @param {Chosen} chosen
   * @returns {Promise<{answer: Answer, columns: string[]}>}
   */
  async answer(chosen) {
    this.#look(chosen.archived);
    const columns = chosen.columns ? splitKeys(chosen.columns) : await this.#usualColumns();
    const isGrouped = splitKeys(chosen.group).length > 0;
    return { answer: isGrouped ? await this.#groups(chosen, columns) : await this.#table(chosen, columns), columns };
  }

  /** @param {Chosen} chosen @param {string[]} columns @returns {Promise<Answer>} */
  async #table(chosen, columns) {
    return { table: await ask(`/api/runs?${state.tableQuery(chosen, columns)}`) };
  }

  /** @param {Chosen} chosen @param {string[]} columns @returns {Promise<Answer>} */
  async #groups(chosen, columns) {
    const numeric = numericColumns(await this.columns(), columns);
    /** @type {RunGroups} */
    const groups = await ask(`/api/runs/groups?${state.groupsQuery(chosen, numeric)}`);
    for (const group of groups.groups) group.where = state.whereOf(chosen, group.where);
    const open = state.openOf(chosen.open).filter((where) => groups.groups.some((one) => one.where === where));
    const summed = groups.columns.map(({ key }) => key);
    const tables = await Promise.all(open.map((where) => ask(`/api/runs?${state.openedQuery(chosen, where, summed)}`)));
    return { groups, opened: new Map(open.map((where, i) => [where, tables[i]])) };
  }
}

/** What tables and groups have in common. @param {Answer} answer */
export function factsOf(answer) {
  const { total, counts } = "table" in answer ? answer.table : answer.groups;
  const { length } = "table" in answer ? answer.table.rows : answer.groups.groups;
  return { total, counts, length };
}

/** Whether a duration grows in it. @param {Answer | null} answer */
export function goesOn(answer) {
  const tables = !answer ? [] : "table" in answer ? [answer.table] : [...answer.opened.values()];
  return tables.some(({ columns, rows }) => {
    const ended = columns.findIndex(({ key }) => key === "finished");
    const started = columns.findIndex(({ key }) => key === "started");
    return columns.some(({ key }) => key === "duration") && rows.some(({ cells }) => cells[started] && !cells[ended]);
  });
}

/** @param {Answer} answer @param {string[]} shown columns of a table @returns {HeadColumn[]} */
export function headColumns(answer, shown) {
  if ("groups" in answer) {
    const { by, columns } = answer.groups;
    return [
      ...by.map(({ key }) => ({ key, isRight: false, hasMenu: true })), { key: "count", isRight: true, hasMenu: false },
      ...columns.map(({ key }) => ({ key, isRight: true, hasMenu: true })),
    ];
  }
  const kinds = new Map(answer.table.columns.map(({ key, kind }) => [key, kind]));
  return shown.filter((key) => kinds.has(key)).map((key) => ({ key, isRight: isRight(kinds.get(key) ?? ""), hasMenu: true }));
}
