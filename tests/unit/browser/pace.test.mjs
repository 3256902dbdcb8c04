import assert from "node:assert/strict";
import { test } from "node:test";

import { isValid, leftText, rateText } from "../../../web_stub/assets/pure/pace.js";

/** @import { Pace } from "../../../web_stub/assets/types" */

const NOON = new Date(2026, 2, 1, 12, 0, 10).getTime();

/** @param {Partial<Pace>} [more] @returns {Pace} */
const pace = (more) => (
  { unit: "epoch", bar: null, done: 1, total: 9, seconds_per_unit: 1, ends_at: null, valid_until: new Date(NOON).toISOString(), ...more });

/** @type {["epoch" | "step", number, string][]} The words of tests/unit/test_pace.py */
const RATES = [
  ["epoch", 3.14, "3.1 s per epoch"],
  ["epoch", 0.05, "0.05 s per epoch"],
  ["epoch", 42.4, "42 s per epoch"],
  ["epoch", 250, "4 min 10 s per epoch"],
  ["epoch", 7800, "2 h 10 min per epoch"],
  ["step", 0.19, "5.3 steps per second"],
  ["step", 0.004, "250 steps per second"],
  ["step", 2, "2.0 s per step"],
];

for (const [unit, seconds, text] of RATES) {
  test(`a rate in words: ${text}`, () => assert.equal(rateText(pace({ unit, seconds_per_unit: seconds })), text));
}

/** @type {[number, string][]} */
const LEFT = [
  [-4, "less than a minute left (12:00)"],
  [50, "less than a minute left (12:01)"],
  [730, "about 12 min left (12:12)"],
  [7800, "about 2 h 10 min left (14:10)"],
  [76 * 3600, "about 3 d 4 h left (2026-03-04 16:00)"],
];

for (const [seconds, text] of LEFT) {
  test(`what is left in words: ${text}`, () => {
    assert.equal(leftText(pace({ ends_at: new Date(NOON + 1000 * seconds).toISOString() }), NOON), text);
  });
}

test("without a whole nothing is said of an end", () => assert.equal(leftText(pace(), NOON), ""));

test("a pace holds until its time, and none is no pace", () => {
  assert.equal(isValid(pace(), NOON - 1), true);
  assert.equal(isValid(pace(), NOON), false);
  assert.equal(isValid(null, NOON), false);
});
