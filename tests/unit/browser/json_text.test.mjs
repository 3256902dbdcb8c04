import assert from "node:assert/strict";
import { test } from "node:test";

import { mistake, pretty } from "../../../web_stub/assets/pure/json_text.js";

const DEEP = '{"a":' + "[".repeat(300) + "]".repeat(300) + "}";

/** Text, line, column, a word of the sentence. @type {[string, number, number, RegExp][]} */
const MISTAKES = [
  ["", 1, 1, /empty/],
  ["  ", 1, 3, /empty/],
  ["[1]", 1, 1, /begins with \{/],
  ['{"a": 1,}', 1, 8, /comma/],
  ['{"a": [1,]}', 1, 9, /comma/],
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3, /comma or \} is missing/],
  ['{"a": 1', 1, 1, /\{ is never closed/],
  ['{\n  "a": [1, 2', 2, 8, /\[ is never closed; a \]/],
  ["{'a': 1}", 1, 2, /double quotes/],
  ["{a: 1}", 1, 2, /"a"/],
  ["{1: 2}", 1, 2, /a key is expected/],
  ['{"a": constructor}', 1, 7, /double quotes/],
  ['{"a": True}', 1, 7, /True is written true/],
  ['{"a": None}', 1, 7, /None is written null/],
  ['{"a": NaN}', 1, 7, /no NaN/],
  ['{"a": 01}', 1, 7, /number/],
  ['{"a": 1.}', 1, 7, /number/],
  ['{"a": .5}', 1, 7, /expected/],
  ['{"a": 1e999}', 1, 7, /too large/],
  ['{"a": "x\n"}', 1, 7, /closing quote/],
  ['{"a": "x\ty"}', 1, 9, /control character/],
  ['{"a": "\\q"}', 1, 8, /backslash/],
  ['{"a": "\\u12"}', 1, 8, /backslash/],
  ['{"a": 1} // lr', 1, 10, /comments/],
  ['{"a": 1, "a": 2}', 1, 10, /twice/],
  ['{"a": 1, "\\u0061": 2}', 1, 10, /twice/],
  ['{"a" 1}', 1, 6, /colon/],
  ['{"a": }', 1, 7, /value/],
  ['{"a": , "b": 1}', 1, 7, /before this comma/],
  ['{"a": 1} x', 1, 10, /after/],
  ['{"a": [1, 2}', 1, 12, /\]/],
  [DEEP, 1, 206, /deeply/],
];

for (const [text, line, column, sentence] of MISTAKES) {
  test(`the mistake in ${JSON.stringify(text.slice(0, 40))} is found where it is`, () => {
    const found = mistake(text);
    assert.ok(found);
    assert.deepEqual([found.line, found.column], [line, column]);
    assert.match(found.sentence, sentence);
    assert.equal(text.slice(0, found.at).split("\n").length, line);
  });
}

test("an object that JSON.parse reads has no mistake", () => {
  const texts = ["{}", ' {"a": [1, -2.5e3, true, null, "\\u00e4\\n"], "b": {"c": {}}}\n', '{"": {"": []}}', '{"a": "“\\""}'];
  for (const text of texts) {
    assert.equal(mistake(text), null, text);
    JSON.parse(text);
  }
});

test("every text that JSON.parse refuses has a mistake", () => {
  const pieces = ['{', '}', '[', ']', ',', ':', '"a"', '"b"', "1", "-", "01", "1.5", "tru", "true", "null", " ", "\n", "'", "\\"];
  let seed = 1;
  const random = () => { seed = (seed * 16807) % 2147483647; return seed; };
  let refused = 0;
  for (let i = 0; i < 20_000; i += 1) {
    const text = "{" + Array.from({ length: random() % 9 }, () => pieces[random() % pieces.length]).join("") + "}";
    let isValid = true;
    try { JSON.parse(text); } catch { isValid = false; refused += 1; }
    if (!isValid) assert.notEqual(mistake(text), null, text);
    else if (mistake(text)) assert.match(mistake(text)?.sentence ?? "", /twice/, text); // JSON.parse allows a key twice
  }
  assert.ok(refused > 1000 && refused < 20_000);
});

test("tidying keeps every number and text as it was written", () => {
  const text = '{"lr":1.0,"big":12345678901234567890,"e":1E-3,"t":"a, b: [c] \\" d","list":[1,2.50,[]],"o":{"10":1,"2":{}}}';
  const tidy = pretty(text);
  const bare = (/** @type {string} */ json) => json.match(/"(?:[^"\\\\]|\\\\.)*"|[^\s]/g)?.join("");
  assert.equal(bare(tidy), bare(text));
  assert.deepEqual(JSON.parse(tidy), JSON.parse(text));
});

test("tidying leaves short flat parts on one line, and tidying twice changes nothing", () => {
  const text = '{"size": {"width": 256, "height": 256}, "deep": {"a": {"b": 1}}, "none": {}, "long": ["'
    + Array(30).fill("x").join('","') + '"]}';
  const tidy = pretty(text);
  const lines = tidy.split("\n");
  assert.equal(lines[1], '  "size": {"width": 256, "height": 256},');
  assert.equal(lines[2], '  "deep": {');
  assert.equal(lines[3], '    "a": {"b": 1}');
  assert.ok(tidy.includes('  "none": {},'));
  assert.ok(tidy.includes('  "long": [\n    "x",\n'));
  assert.equal(pretty(tidy), tidy);
});
