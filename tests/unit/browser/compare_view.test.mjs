import assert from "node:assert/strict";
import { test } from "node:test";

import * as view from "../../../web_stub/assets/pure/compare/view.js";

test("ids of an address come once each, and what is no id is passed over", () => {
  assert.deepEqual(view.idsOf("3,1, 3 x 0 -2 1e3,12"), [3, 1, 12]);
  assert.deepEqual(view.idsOf(""), []);
});

test("limits of any metric go through an address", () => {
  /** @type {Map<string, import("../../../web_stub/assets/pure/compare/view.js").Limits>} */
  const limits = new Map([["loss", [0, 1.5]], ["a:b,c%", [null, -2]], ["free", [null, null]], ["low", [1e-9, null]]]);
  const text = view.limitsText(limits);
  limits.delete("free");
  assert.deepEqual(view.limitsOf(text), limits);
  assert.deepEqual(view.limitsOf("loss:a:1,%E0%A4%A:0:1"), new Map([["loss", [null, 1]]]));
});

test("what is shown is written in the shorter way and reads back", () => {
  const every = ["1", "2", '"a,b"', "null"];
  for (const wanted of [[], ["1"], ["1", "2"], ['"a,b"'], ["1", "2", '"a,b"'], every]) {
    const text = view.shownText(every, new Set(wanted));
    assert.deepEqual(every.filter((key) => view.isShown(key, view.shownOf(text))), wanted);
  }
  assert.equal(view.shownText(every, new Set(every)), "");
  assert.equal(view.shownText(every, new Set(["1"])), "only:1");
  assert.equal(view.shownText(every, new Set(every.slice(1))), "not:1");
});

test("a click turns one; a click for one alone comes back to all", () => {
  const every = ["1", "2", "3"];
  const after = (/** @type {string} */ text, /** @type {string} */ key, isAlone = false) =>
    view.shownAfter(every, view.shownOf(text), key, isAlone);
  assert.equal(after("", "2"), "not:2");
  assert.equal(after("not:2", "2"), "");
  assert.equal(after("", "2", true), "only:2");
  assert.equal(after("only:2", "2", true), "");
  assert.equal(after("only:2", "3", true), "only:3");
});

test("a band is drawn of groups only", () => {
  assert.equal(view.compareViewOf({ ...view.DEFAULTS, draw: "range" }).draw, "curves");
  assert.equal(view.compareViewOf({ ...view.DEFAULTS, draw: "range", group: "config.lr" }).draw, "range");
  assert.equal(view.compareViewOf({ ...view.DEFAULTS, draw: "odd", group: "config.lr" }).draw, "curves");
});
