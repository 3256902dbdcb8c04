// Cells of the table of runs: as text, in order, and which of them are the same.

/** @import { RunColumn } from "../../types" */
import * as show from "../format.js";

const SHORT = 7; // characters of a number that a config gives: 0.0001

/** @param {unknown} cell @returns {cell is {id: number, name: string}} */
const isReference = (cell) => typeof cell === "object" && cell !== null && "id" in cell && "name" in cell;

/** Equal for cells that belong together. @param {unknown} cell @param {string} [kind] of the column */
export const cellKey = (cell, kind) => JSON.stringify(kind === "reference" && isReference(cell) ? cell.id : cell ?? null);

/**
 * A cell as a person reads it.
 * @param {unknown} cell
 * @param {string} kind of the column
 */
export function cellText(cell, kind) {
  if (cell === null || cell === undefined) return "–";
  if (typeof cell === "number") return measureText(cell, kind) ?? numberText(cell);
  if (kind === "time" && typeof cell === "string") return show.dateTime(cell);
  if (kind === "reference" && isReference(cell)) return cell.name;
  return typeof cell === "string" ? cell : JSON.stringify(cell);
}

/** A duration or a size in words; null for other kinds. @param {number} value in seconds or bytes @param {string} kind */
export const measureText = (value, kind) =>
  (kind === "duration" ? show.duration(value * 1000) : kind === "size" ? show.bytes(value) : null);

/** A number as it was given, where that is short. @param {number} value */
const numberText = (value) => (String(value).length <= SHORT ? String(value) : show.number(value));

/** The number behind a cell; null for other values. Times count in seconds. @param {unknown} cell @param {string} kind */
export function numberOf(cell, kind) {
  if (kind === "time" && typeof cell === "string") return Date.parse(cell) / 1000;
  return typeof cell === "number" ? cell : null;
}

/** Numbers by size, then texts, then the rest, nothing last. @param {unknown} one @param {unknown} other */
export function byCell(one, other) {
  const rank = (/** @type {unknown} */ cell) => (typeof cell === "number" ? 0 : typeof cell === "string" ? 1 : cell === null ? 3 : 2);
  if (rank(one) !== rank(other)) return rank(one) - rank(other);
  if (typeof one === "number" && typeof other === "number") return one - other;
  return JSON.stringify(one).localeCompare(JSON.stringify(other), "en", { numeric: true });
}

/**
 * Columns of runs, as the server gave them.
 * @typedef {object} Table
 * @property {RunColumn[]} columns
 * @property {Map<number, unknown[]>} cells by run
 */

/**
 * A column with its cells by run.
 * @param {Table} table
 * @param {number} index of the column
 * @returns {{column: RunColumn, cells: Map<number, unknown>} | null}
 */
export function columnAt({ columns, cells }, index) {
  const column = columns[index];
  return column ? { column, cells: new Map([...cells].map(([run, row]) => [run, row[index] ?? null])) } : null;
}

/** @param {Table | null} table */
export const firstColumn = (table) => table && columnAt(table, 0);
