// What the rows of the table of runs show: runs, groups of runs, and the runs of an opened group.

/** @import { Run, RunColumn, RunGroup, RunGroups, RunTable } from "./types" */
/** @import { Cell } from "./pure/run_cells.js" */
/** @import { CellPlan, RowPlan } from "./runs_rows.js" */
import { el } from "./dom.js";
import { status } from "./pieces.js";
import { now } from "./pure/clock.js";
import * as show from "./pure/format.js";
import { NONE, cell, isRight, summaryCell } from "./pure/run_cells.js";

/**
 * @typedef {object} RunsParts
 * @property {(id: number, box: HTMLInputElement, isRange: boolean) => void} onSelect
 * @property {(where: string) => void} onOpen opens or closes a group
 * @property {(where: string) => string} only the address of a group's runs alone
 */

/** @param {unknown} mark @param {() => HTMLElement} make @returns {CellPlan} */
const plan = (mark, make) => ({ mark: JSON.stringify(mark), make });

/** @param {Cell} cell @param {string} [what] */
const textCell = ({ text, title, href }, what = "") =>
  el(`td${what}`, { title: title || null }, href ? el("a", { href }, text) : text === NONE ? el("span.none", {}, NONE) : text);

/** The value of a column in a row, by the key of the column. @param {RunTable} table @returns {(run: Run, key: string) => any} */
function reader({ columns }) {
  const places = new Map(columns.map(({ key }, i) => [key, i]));
  return (run, key) => run.cells[places.get(key) ?? -1];
}

/** Seconds of a run; of one that goes on, until now. @param {string | null} started @param {string | null} finished */
function seconds(started, finished) {
  const ms = show.taskDuration({ started_at: started, finished_at: finished });
  return ms === null ? null : ms / 1000;
}

/**
 * @param {Run} run
 * @param {string} name
 * @param {RunsParts} parts
 * @returns {CellPlan}
 */
function lead({ id }, name, { onSelect }) {
  return plan(["lead", id, name], () => {
    const box = el("input", { type: "checkbox", "aria-label": `Select run ${id}, ${name}` });
    box.addEventListener("click", (event) => onSelect(id, box, event.shiftKey));
    return el("th.lead", { scope: "row" }, el("div", {},
      el("label.pick", {}, box), el("a.number", { href: `/tasks/${id}`, "aria-label": `Run ${id}` }, id)));
  });
}

/** @param {Run} run @param {RunColumn} column @param {(run: Run, key: string) => any} valueOf @returns {CellPlan} */
function runCell(run, column, valueOf) {
  const { key, kind } = column;
  const value = key === "duration" ? seconds(valueOf(run, "started"), valueOf(run, "finished")) : valueOf(run, key);
  if (kind === "status") return plan([key, value], () => el("td", {}, status(value)));
  const said = { ...cell(column, value, now()), ...(key === "name" && { href: `/tasks/${run.id}` }) };
  return plan([key, kind, said], () => textCell(said, isRight(kind) ? ".right" : key === "name" ? ".name" : ""));
}

/**
 * @param {RunTable} table
 * @param {string[]} shown columns
 * @param {RunsParts} parts
 * @returns {RowPlan[]}
 */
export function runRows(table, shown, parts) {
  const valueOf = reader(table);
  const columns = shown.flatMap((key) => table.columns.find((one) => one.key === key) ?? []);
  return table.rows.map((run) => ({
    key: String(run.id), what: "run", id: run.id,
    cells: [lead(run, valueOf(run, "name"), parts), ...columns.map((column) => runCell(run, column, valueOf))],
  }));
}

/**
 * @param {RunGroups} groups
 * @param {Map<string, RunTable>} opened runs by the condition of their group
 * @param {RunsParts} parts
 * @returns {RowPlan[]}
 */
export function groupRows(groups, opened, parts) {
  return groups.groups.flatMap((group) => {
    const table = group.where === null ? undefined : opened.get(group.where);
    return [groupRow(groups, group, table !== undefined, parts), ...(table ? openedRows(groups, group, table, parts) : [])];
  });
}

/** @param {RunGroups} groups @param {RunGroup} group @param {boolean} isOpen @param {RunsParts} parts @returns {RowPlan} */
function groupRow({ by, columns }, { key, count, summaries, where }, isOpen, { onOpen, only }) {
  const values = by.map((column, i) => cell(column, key[i], now()));
  const name = values.map(({ text }) => text).join(", ");
  const open = plan(["open", where, isOpen], () => el("th.lead", { scope: "row" },
    where === null ? el("span.unseen", {}, name) : el("button.open", {
      type: "button", "aria-expanded": String(isOpen), "aria-label": `Runs with ${name}`, onclick: () => onOpen(where),
    }, isOpen ? "▾" : "▸")));
  const runs = show.count(count);
  const href = where === null ? "" : only(where);
  return {
    key: `group ${JSON.stringify(key)}`, what: "group", id: null,
    cells: [
      open,
      ...by.map((column, i) => plan([column.key, values[i], column.kind], () =>
        (column.kind === "status" && key[i] ? el("td", {}, status(key[i])) : textCell(values[i])))),
      plan(["count", runs, href], () => el("td.right", {},
        href ? el("a", { href, title: "Only these runs", "aria-label": `${runs}: only these runs` }, runs) : runs)),
      ...columns.map(({ key: column, kind }, i) => {
        const said = summaryCell(kind, summaries[i]);
        return plan([column, said], () => textCell(said, ".right"));
      }),
    ],
  };
}

/** @param {RunGroups} groups @param {RunGroup} group @param {RunTable} table @param {RunsParts} parts @returns {RowPlan[]} */
function openedRows({ by, columns }, { key, where }, table, parts) {
  const valueOf = reader(table);
  const known = columns.flatMap(({ key: column }) => table.columns.find((one) => one.key === column) ?? []);
  const runs = table.rows.map((run) => {
    const [name, state] = [valueOf(run, "name"), valueOf(run, "status")];
    const title = plan([name, state], () => el("td.name", { colSpan: by.length + 1, title: name },
      el("a", { href: `/tasks/${run.id}` }, name), " ", status(state)));
    return {
      key: `run ${where} ${run.id}`, what: "run inner", id: run.id,
      cells: [lead(run, name, parts), title, ...known.map((column) => runCell(run, column, valueOf))],
    };
  });
  if (table.total === table.rows.length) return runs;
  const said = `${show.count(table.rows.length)} of ${show.counted(table.total, "run")}`;
  const more = plan([said, where], () => el("td.quiet", { colSpan: by.length + columns.length + 1 }, `${said} · `,
    el("a", { href: parts.only(where ?? "") }, "all of them")));
  const pad = plan("pad", () => el("td.lead", {}));
  return [...runs, { key: `more ${JSON.stringify(key)}`, what: "inner", id: null, cells: [pad, more] }];
}
