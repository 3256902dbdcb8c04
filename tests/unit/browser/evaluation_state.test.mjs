import assert from "node:assert/strict";
import { test } from "node:test";

import { valuesOf } from "../../../web_stub/assets/pure/address.js";
import * as state from "../../../web_stub/assets/pure/evaluation/state.js";

const { DEFAULTS } = state;

test("an address without a query asks for everything", () => {
  assert.equal(state.figuresQuery(DEFAULTS, true), "");
  assert.equal(state.figuresQuery(DEFAULTS, false), "curves=false");
  assert.equal(state.imagesQuery(DEFAULTS, "iou"), "by=iou");
  assert.equal(state.objectsQuery(DEFAULTS, ""), "");
  assert.equal(state.isSliced(DEFAULTS), false);
});

test("a slice goes into every question", () => {
  const judged = { confidence: "0.35", iou: "0.75", dataset: "ds 1", tag: "val", only: "apple", size: "medium", object: "small" };
  const chosen = { ...DEFAULTS, ...judged };
  const slice = "confidence=0.35&iou=0.75&dataset=ds+1&tag=val&class=apple&min_pixels=500000&max_pixels=2000000&object_size=small";
  assert.equal(state.figuresQuery(chosen, true), slice);
  assert.equal(state.imagesQuery({ ...chosen, order: "best", by: "f1" }, "errors"), `${slice}&by=f1&order=best`);
  assert.equal(state.objectsQuery({ ...chosen, kind: "missed" }, "area"), `${slice}&kind=missed&order=area`);
  assert.ok(state.isSliced(chosen));
  assert.equal(state.figuresQuery({ ...DEFAULTS, size: "huge" }, true), "");
});

test("a cell of the matrix leads to its images, and its last row and column to those without a class", () => {
  const titles = ["apple", "pear", "no object"];
  const cell = state.cellChoice("segmentation", titles, 0, 1);
  assert.equal(state.imagesQuery({ ...DEFAULTS, ...cell }, "iou"), "by=cell&truth_class=apple&predicted_class=pear");
  const missed = state.cellChoice("detection", titles, 0, 2);
  assert.equal(state.imagesQuery({ ...DEFAULTS, ...missed }, "errors"), "by=errors&truth_class=apple&predicted_class=");
  assert.equal(state.objectsQuery({ ...DEFAULTS, ...missed }, ""), "truth_class=apple&predicted_class=");
  const extra = state.cellChoice("detection", titles, 2, 1);
  assert.equal(state.objectsQuery({ ...DEFAULTS, ...extra }, ""), "truth_class=&predicted_class=pear");
  assert.ok(state.isChosen({ ...DEFAULTS, ...cell }, cell));
  assert.ok(!state.isChosen({ ...DEFAULTS, ...cell }, missed));
  assert.ok(!state.isChosen(DEFAULTS, cell));
  assert.deepEqual({ ...DEFAULTS, ...cell, ...state.NO_CHOICE }, DEFAULTS);
});

test("a bar of the reliability diagram leads to its images, until they are ordered by something else", () => {
  const chosen = { ...DEFAULTS, ...state.barChoice(3) };
  assert.equal(state.imagesQuery(chosen, "wrong_tags"), "by=bar&bar=3");
  assert.equal(state.imagesQuery({ ...chosen, by: "wrong_tags" }, "wrong_tags"), "by=wrong_tags");
  assert.equal(state.barText("3"), "0.3 to 0.4");
  assert.deepEqual({ ...chosen, ...state.NO_CHOICE }, DEFAULTS);
});

test("a class of any letters goes through an address, and no class is told from any class", () => {
  const chosen = { ...DEFAULTS, ...state.cellChoice("tags", ["a&b=c", "", "no object"], 0, 1) };
  const back = valuesOf(state.pageAddress(7, chosen).split("?")[1], DEFAULTS);
  assert.deepEqual(back, chosen);
});

test("evaluations beside this one come once each, never itself, and not too many", () => {
  assert.deepEqual(state.othersOf({ ...DEFAULTS, with: "3,2,3,x,7" }, 7), [3, 2]);
  assert.equal(state.othersOf({ ...DEFAULTS, with: "1,2,3,4,5,6,7" }, 9).length, 4);
});

test("the address of an image leads back to the same question", () => {
  const evaluation = { id: 5, truth: { id: 1 }, predictions: { id: 2 } };
  const query = state.imagesQuery({ ...DEFAULTS, ...state.cellChoice("segmentation", ["apple", "no object"], 0, 1), tag: "val" }, "errors");
  const address = state.judgedAddress(evaluation, 12, query);
  assert.ok(address.startsWith("/projects/1/images/12?with=2&mode=errors&evaluation=5&e.tag=val"));
  assert.equal(state.imagesOf(new URLSearchParams(address.split("?")[1])), query);
});
