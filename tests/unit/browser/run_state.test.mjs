import assert from "node:assert/strict";
import { test } from "node:test";

import { addressWith, valuesOf } from "../../../web_stub/assets/pure/address.js";
import {
  NOTHING_CHOSEN, compareAddress, exportAddress, groupsExport, groupsQuery, openOf, openText, openedQuery, pageOf, placeQuery, rangeText,
  sortNow, tableQuery, whereOf,
} from "../../../web_stub/assets/pure/run_state.js";

/** @param {string} query of an address */
const chosen = (query) => valuesOf(query, NOTHING_CHOSEN);
/** @param {string} query */
const asked = (query) => Object.fromEntries(new URLSearchParams(query));

test("an address and what is chosen lead to each other", () => {
  const all = {
    show: "error", archived: "1", text: "a b", where: 'config["x,y"] == "&"', columns: 'name,config["x,y"]', sort: "-id",
    group: "status", page: "3", selected: "1,5", open: '["status == \\"error\\""]',
  };
  const address = addressWith("http://h/runs", all, NOTHING_CHOSEN);
  assert.deepEqual(chosen(new URL(address).search), all);
  assert.equal(addressWith(address, NOTHING_CHOSEN, NOTHING_CHOSEN), "http://h/runs");
});

test("the question has filter, order, page and columns, and those that the page needs", () => {
  const query = tableQuery(chosen("?show=running&text=+x+&where=id+%3E+1&sort=-id,count&page=3"), ["name", "config.lr"]);
  const { columns, text, where, sort, limit, offset } = asked(query);
  assert.deepEqual([columns, text, where, sort, limit, offset],
    ["name,config.lr,status,started,finished", "x", "id > 1", "-id", "100", "200"]);
  assert.equal(new URLSearchParams(query).getAll("status").length, 5);
  assert.equal(asked(tableQuery(chosen("?show=odd&page=-2"), [])).offset, undefined);
});

test("groups are asked with their own columns and order", () => {
  const query = asked(groupsQuery(chosen("?group=config.lr&sort=-count,name,-metrics.val.iou"), ["config.lr", "metrics.val.iou"]));
  assert.deepEqual([query.group, query.columns, query.sort], ["config.lr", "config.lr,metrics.val.iou", "-count,-metrics.val.iou"]);
  const many = Array.from({ length: 30 }, (_, i) => `config.k${i}`);
  assert.equal(asked(groupsQuery(chosen("?group=status"), many)).columns.split(",").length, 1 + 20, "no more than the server sums");
});

test("the runs of a group have its condition and that of the page", () => {
  const query = asked(openedQuery(chosen("?group=status&where=id+%3E+1&sort=count"), 'status == "error"', ["duration"]));
  assert.equal(query.where, '(id > 1) and (status == "error")');
  assert.deepEqual([query.sort, query.limit, query.columns], [undefined, "20", "duration,name,status,started,finished"]);
});

test("a file has what is seen, on all pages", () => {
  const page = chosen("?where=id+%3E+1&sort=-id&page=2&selected=4");
  assert.equal(exportAddress(page, ["name", "duration"], "csv"),
    "/api/runs.csv?where=id+%3E+1&columns=id%2Cname%2Cduration&sort=-id");
  assert.equal(groupsExport(chosen("?group=status&page=2"), ["duration"], "json"), "/api/runs.json?group=status&columns=status%2Cduration");
});

test("the archive is asked for in place of the other runs, in every question", () => {
  const page = chosen("?archived=1&group=status");
  const file = exportAddress(page, [], "csv").split("?")[1];
  for (const query of [tableQuery(page, []), groupsQuery(page, []), openedQuery(page, "id == 1", []), file]) {
    assert.equal(asked(query).archived, "true");
  }
  assert.equal(asked(tableQuery(chosen(""), [])).archived, undefined);
  assert.equal(placeQuery(""), "");
});

test("only a table of groups is ordered by their size", () => {
  assert.equal(sortNow(chosen("?sort=-count,id&group=status")).length, 2);
  assert.equal(sortNow(chosen("?sort=-count,id")).length, 1);
});

test("texts of an address that mean nothing are as if they were not there", () => {
  assert.deepEqual(openOf("{"), []);
  assert.deepEqual(openOf('[1, "a"]'), ["a"]);
  assert.equal(pageOf(chosen("?page=x")), 1);
});

test("opened groups and their conditions stay within what an address and the server take", () => {
  const conditions = [1, 2, 3, 4, 5].map((i) => `config.a == "${String(i).repeat(900)}"`);
  assert.deepEqual(openOf(openText(conditions)), conditions.slice(1), "the one that was opened first closes");
  assert.equal(openText([]), "");
  assert.equal(whereOf(chosen("?where=id+%3E+1"), conditions[0]), conditions[0]);
  assert.equal(whereOf(chosen(`?where=${"x".repeat(1200)}`), conditions[0]), null);
  assert.equal(whereOf(chosen(""), null), null);
});

test("rows say of how many they are", () => {
  assert.equal(rangeText(1, 24, 24, "run"), "24 runs");
  assert.equal(rangeText(3, 34, 1234, "run"), "201–234 of 1,234 runs");
});

test("the page that compares takes ids with commas", () => {
  assert.equal(compareAddress([1, 5, 9]), "/compare?runs=1,5,9");
});
