// What a person has chosen of the table of runs, and the questions to the server that follow from it.

/** @import { Group } from "./list_state.js" */
import * as show from "./format.js";
import { sum } from "./list_state.js";
import { MOST_SUMMED } from "./run_columns.js";
import { splitKeys } from "./run_keys.js";
import { sortOf, sortText } from "./run_sort.js";
import { both } from "./where_text.js";

/**
 * As the address has it: `columns`, `sort` and `group` with commas, `page` from 1, `selected` ids with commas, `open` the
 * conditions of opened groups as JSON, `archived` "1" for the runs of the archive in place of the others.
 * @typedef {{show: string, archived: string, text: string, where: string, columns: string, sort: string, group: string,
 *   page: string, selected: string, open: string}} Chosen
 */

/** An address that names nothing. @type {Chosen} */
export const NOTHING_CHOSEN = {
  show: "", archived: "", text: "", where: "", columns: "", sort: "", group: "", page: "1", selected: "", open: "",
};
export const LIMIT = 100; // rows of a page
export const OPENED = 20; // runs of an opened group
const LONGEST_WHERE = 2000; // characters of a condition
const LONGEST_OPEN = 4000; // characters of the conditions of opened groups
/** Facts of each row that the page needs whatever is shown: links, and durations that go on. */
export const ALWAYS = ["name", "status", "started", "finished"];

const UNDER_WAY = ["queued", "consumed", "started", "deployed", "terminating"];

/** @param {string} key @param {string} title @param {string[]} status @returns {Group} */
const group = (key, title, status) =>
  ({ key, title, query: { status }, count: (counts) => status.reduce((all, one) => all + (counts[one] ?? 0), 0) });

/** Choices by status; the first is everything. @type {Group[]} */
export const GROUPS = [
  { key: "all", title: "All", query: {}, count: sum },
  group("running", "Running", UNDER_WAY),
  group("finished", "Finished", ["finished"]),
  group("error", "Failed", ["error"]),
  group("stopped", "Stopped", ["stopped"]),
];

/** The query of a stream that brings news whenever something changes: tasks under way, and how many there are of each status. */
export const NEWS = `limit=100&${UNDER_WAY.map((status) => `status=${status}`).join("&")}`;

/** @param {string} name of the group @returns {Group} */
export const groupOf = (name) => GROUPS.find(({ key }) => key === name) ?? GROUPS[0];

/** @param {Chosen} chosen */
export const pageOf = ({ page }) => Math.max(1, Math.floor(Number(page)) || 1);

/** @param {string} text */
export function openOf(text) {
  try {
    const open = JSON.parse(text || "[]");
    return Array.isArray(open) ? open.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

/** The archive or the rest, as the server is asked for it. @param {string} archived */
export const placeQuery = (archived) => (archived ? "archived=true" : "");

/** As the address has it. Of more than fit, those that were opened first close. @param {string[]} open conditions */
export function openText(open) {
  let kept = open;
  while (JSON.stringify(kept).length > LONGEST_OPEN) kept = kept.slice(1);
  return kept.length ? JSON.stringify(kept) : "";
}

/** The condition of a group, if the server takes it beside the one in use. @param {Chosen} chosen @param {string | null} where */
export const whereOf = (chosen, where) => (where !== null && both(chosen.where, where).length <= LONGEST_WHERE ? where : null);

/** @param {Chosen} chosen @returns {URLSearchParams} which runs */
function filter({ show: shown, archived, text, where }) {
  const query = new URLSearchParams(placeQuery(archived));
  if (text.trim()) query.set("text", text.trim());
  if (where.trim()) query.set("where", where.trim());
  for (const status of [groupOf(shown).query.status ?? []].flat()) query.append("status", status);
  return query;
}

/** @param {URLSearchParams} query @param {number} page */
function paged(query, page) {
  query.set("limit", String(LIMIT));
  if (page > 1) query.set("offset", String((page - 1) * LIMIT));
  return query;
}

/** The order as the table can have it: a table of runs has no column `count`. @param {Chosen} chosen */
export function sortNow({ sort, group: by }) {
  return by ? sortOf(sort) : sortOf(sort).filter(({ key }) => key !== "count");
}

/** The question for a page of rows. @param {Chosen} chosen @param {string[]} columns */
export function tableQuery(chosen, columns) {
  const query = filter(chosen);
  query.set("columns", [...new Set([...columns, ...ALWAYS])].join(","));
  const sort = sortText(sortNow(chosen));
  if (sort) query.set("sort", sort);
  return paged(query, pageOf(chosen)).toString();
}

/** The columns of a table of groups: those by which they are, and those of numbers. @param {Chosen} chosen @param {string[]} numeric */
export function groupColumns({ group: by }, numeric) {
  const split = splitKeys(by);
  return { by: split, summed: numeric.filter((key) => !split.includes(key)).slice(0, MOST_SUMMED) };
}

/** @param {Chosen} chosen @param {string[]} numeric columns */
function groupsFilter(chosen, numeric) {
  const { by, summed } = groupColumns(chosen, numeric);
  const query = filter(chosen);
  query.set("group", by.join(","));
  query.set("columns", [...by, ...summed].join(","));
  const sort = sortText(sortNow(chosen).filter(({ key }) => key === "count" || by.includes(key) || summed.includes(key)));
  if (sort) query.set("sort", sort);
  return query;
}

/** The question for a page of groups. @param {Chosen} chosen @param {string[]} numeric columns */
export const groupsQuery = (chosen, numeric) => paged(groupsFilter(chosen, numeric), pageOf(chosen)).toString();

/**
 * The question for the first runs of an opened group.
 * @param {Chosen} chosen
 * @param {string} where the condition of the group
 * @param {string[]} columns
 */
export function openedQuery(chosen, where, columns) {
  const query = filter({ ...chosen, where: both(chosen.where, where) });
  query.set("columns", [...new Set([...columns, ...ALWAYS])].join(","));
  const sort = sortText(sortNow({ ...chosen, group: "" }));
  if (sort) query.set("sort", sort);
  query.set("limit", String(OPENED));
  return query.toString();
}

/** The file of everything that the table has, on all its pages. @param {Chosen} chosen @param {string[]} columns @param {string} format */
export function exportAddress(chosen, columns, format) {
  const query = filter(chosen);
  query.set("columns", ["id", ...columns].join(","));
  const sort = sortText(sortNow(chosen));
  if (sort) query.set("sort", sort);
  return `/api/runs.${format}?${query}`;
}

/** The same for groups. @param {Chosen} chosen @param {string[]} numeric columns @param {string} format */
export const groupsExport = (chosen, numeric, format) => `/api/runs.${format}?${groupsFilter(chosen, numeric)}`;

/**
 * Which rows of how many are shown.
 * @param {number} page
 * @param {number} length rows here
 * @param {number} total rows on all pages
 * @param {string} noun
 */
export function rangeText(page, length, total, noun) {
  if (length === 0 || length === total) return show.counted(total, noun);
  const first = (page - 1) * LIMIT + 1;
  return `${show.count(first)}–${show.count(first + length - 1)} of ${show.counted(total, noun)}`;
}

/** The page that compares runs. @param {number[]} ids */
export const compareAddress = (ids) => `/compare?runs=${ids.join(",")}`;
