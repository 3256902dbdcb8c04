import assert from "node:assert/strict";
import { test } from "node:test";

import { CHART_DEFAULTS, viewOf, zoomText } from "../../../web_stub/assets/pure/view.js";

test("an address without a word shows the whole run over epochs", () => {
  assert.deepEqual(viewOf(CHART_DEFAULTS),
    { axis: "epoch", log: false, smoothing: 0, window: null, words: "", pinned: [], turned: [] });
});

test("whatever stands in an address is a view", () => {
  const odd = viewOf({ axis: "colour", log: "x", smooth: "7", zoom: "3,1", metrics: "l", pin: "a,b", fold: "" });
  assert.deepEqual(odd, { axis: "epoch", log: false, smoothing: 0.99, window: null, words: "l", pinned: ["a", "b"], turned: [] });
  for (const zoom of ["", "1", "1,2,3", "a,b", "1,Infinity", "2,2"]) assert.equal(viewOf({ ...CHART_DEFAULTS, zoom }).window, null);
  for (const smooth of ["", "x", "-1"]) assert.equal(viewOf({ ...CHART_DEFAULTS, smooth }).smoothing, 0);
});

test("a zoom is read as it was written, without digits that nobody sees", () => {
  const zoom = zoomText(1 / 3, 12);
  assert.equal(zoom, "0.333333333,12");
  assert.deepEqual(viewOf({ ...CHART_DEFAULTS, zoom }).window, [0.333333333, 12]);
  assert.equal(zoomText(null, null), "");
});
