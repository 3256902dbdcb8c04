import assert from "node:assert/strict";
import { test } from "node:test";

import { lineCount, newLine, scrollTo } from "../../../web_stub/assets/pure/editing.js";

test("a new line keeps the indentation of its line", () => {
  const text = '{\n    "a": 1,';
  assert.equal(newLine(text, text.length), "\n    ");
  assert.equal(newLine("", 0), "\n");
  assert.equal(newLine('  "a"', 2), "\n  ", "only what stands before the cursor counts");
});

test("a new line behind an opening bracket is deeper", () => {
  assert.equal(newLine("  {", 3), "\n    ");
  assert.equal(newLine('  "a": [  ', 10), "\n    ");
  assert.equal(newLine("{}", 2), "\n");
});

test("an empty text has one line", () => {
  assert.deepEqual(["", "a", "a\n", "a\nb"].map(lineCount), [1, 1, 2, 2]);
});

test("a line is scrolled to with lines above it in sight, and the first lines need none", () => {
  const text = Array(100).fill("x").join("\n");
  assert.equal(scrollTo(50, text, 2000), 46 * 20);
  assert.equal(scrollTo(2, text, 2000), 0);
});
