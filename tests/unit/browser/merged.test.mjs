import assert from "node:assert/strict";
import { test } from "node:test";

import { merged } from "../../../web_stub/assets/pure/merged.js";

/** @param {{name: string}} item */
const name = (item) => item.name;
/** @param {string} names @param {number} value */
const items = (names, value) => [...names].map((letter) => ({ name: letter, value }));

test("changed items take their places, new items come last", () => {
  const now = merged(items("abc", 1), items("bd", 2), name);

  assert.deepEqual(now.map(name), ["a", "b", "c", "d"]);
  assert.deepEqual(now.map((item) => item.value), [1, 2, 1, 2]);
});

test("of more items than are shown those stay that changed last", () => {
  let known = merged([], items("abc", 1), name, 3);
  known = merged(known, items("a", 2), name, 3);
  known = merged(known, items("d", 3), name, 3);

  assert.deepEqual(known.map(name), ["c", "a", "d"]);
});

test("nothing changed is the same list", () => {
  assert.deepEqual(merged(items("ab", 1), [], name), items("ab", 1));
});
