// What a chart draws, as CSV that a spreadsheet opens without harm.

const FORMULA = /^[=+\-@\t\r\n]/; // as agent/store/runs/export.py

/** @param {unknown} cell */
export function csvCell(cell) {
  if (cell === null || cell === undefined) return "";
  if (typeof cell === "number") return Number.isFinite(cell) ? String(cell) : "";
  const text = typeof cell === "string" ? (FORMULA.test(cell) ? `'${cell}` : cell) : JSON.stringify(cell);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {unknown[][]} rows the first one is the head */
export const csvOf = (rows) => rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");

/** A name for a file: letters, digits, dots, dashes and underscores. @param {string} text @param {string} suffix */
export const fileName = (text, suffix) =>
  `${text.replace(/[^\p{L}\p{N}_.-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 80) || "chart"}.${suffix}`;
