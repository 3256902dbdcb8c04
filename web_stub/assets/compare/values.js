// Columns of the compared runs, asked for once each.

/** @import { RunColumn, RunValues } from "../types" */
/** @import { Table } from "../pure/compare/cells.js" */
import { ask } from "../api.js";

export class RunColumns {
  /** @type {Map<string, {column: RunColumn, cells: Map<number, unknown>}>} */ #known = new Map();

  /** @param {number[]} runs */
  constructor(runs) {
    this.runs = runs;
  }

  /** Ask for columns anew, when runs go on. */
  forget() { this.#known.clear(); }

  /**
   * The columns; those that are not known yet in one question.
   * @param {string[]} keys
   * @returns {Promise<Table>} a key that the server spells in another way stands as it is asked for
   */
  async of(keys) {
    const wanted = [...new Set(keys)].filter((key) => key && !this.#known.has(key));
    if (wanted.length) {
      const query = new URLSearchParams({ runs: this.runs.join(",") });
      for (const key of wanted) query.append("columns", key);
      /** @type {RunValues} */
      const { columns, rows } = await ask(`/api/runs/values?${query}`);
      columns.forEach((column, i) => {
        this.#known.set(wanted[i] ?? column.key, { column, cells: new Map(rows.map(({ id, cells }) => [id, cells[i]])) });
      });
    }
    const found = keys.flatMap((key) => this.#known.get(key) ?? []);
    return {
      columns: found.map(({ column }) => column),
      cells: new Map(this.runs.map((run) => [run, found.map(({ cells }) => cells.get(run) ?? null)])),
    };
  }
}
