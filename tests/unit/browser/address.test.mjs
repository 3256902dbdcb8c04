import assert from "node:assert/strict";
import { test } from "node:test";

import { addressWith, valuesOf } from "../../../web_stub/assets/pure/address.js";

const DEFAULTS = { axis: "epoch", smooth: "0", q: "" };

test("an address gives the values that it names, and else those of an empty one", () => {
  assert.deepEqual(valuesOf("", DEFAULTS), DEFAULTS);
  assert.deepEqual(valuesOf("?smooth=0.9&q=a%20b&other=1", DEFAULTS), { axis: "epoch", smooth: "0.9", q: "a b" });
});

test("an address has what differs from the defaults, beside what others wrote there", () => {
  const address = "http://a/tasks/1?compare=3,4&axis=step#L5";
  assert.equal(addressWith(address, { axis: "epoch", smooth: "0.9", q: "50%,ä" }, DEFAULTS),
    "http://a/tasks/1?compare=3,4&smooth=0.9&q=50%25,%C3%A4#L5");
});

test("values read from a written address are those written", () => {
  const values = { axis: "time", smooth: "0.5", q: "a&b=c #1 +,%2C" };
  assert.deepEqual(valuesOf(new URL(addressWith("http://a/", values, DEFAULTS)).search, DEFAULTS), values);
});
