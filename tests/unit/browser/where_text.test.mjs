import assert from "node:assert/strict";
import { test } from "node:test";

import { both, completed, completions, faultOf, wordAt } from "../../../web_stub/assets/pure/where_text.js";

const KEYS = ["name", "config.lr", "config.lr_decay", "metrics.val.loss", "metrics.val.loss@max", 'config["learning rate"]', "model"];
const FAULT = 'where, character 11: a single "=" compares nothing: write ==';

test("the word at the caret is the name that is being typed", () => {
  assert.deepEqual(wordAt("name == 1 and config.l > 2", 22), { start: 14, word: "config.l" });
  assert.deepEqual(wordAt("metrics.val.loss@m", 18), { start: 0, word: "metrics.val.loss@m" });
  assert.deepEqual(wordAt('config["learning r', 18), { start: 0, word: 'config["learning r' });
  assert.equal(wordAt('name == "config', 15), null, "in quotes");
  assert.equal(wordAt("config.lr ", 10), null);
  assert.equal(wordAt("name == 1 and", 13), null, "a word of the language");
  assert.equal(wordAt("", 0), null);
});

test("keys in brackets belong to the word, and numbers and texts do not", () => {
  assert.deepEqual(wordAt('a == "x" and config["a \\" b"].sizes[0].l', 40), { start: 13, word: 'config["a \\" b"].sizes[0].l' });
  assert.deepEqual(wordAt("not (config[1", 13), { start: 5, word: "config[1" });
  assert.equal(wordAt("config.lr < 1e", 14), null, "a number");
  assert.equal(wordAt("name == 'it\\'s", 14), null, "in quotes");
  assert.equal(wordAt("name == 'config' ", 16), null, "behind quotes");
});

test("a long text is looked through once, whatever is in it", () => {
  for (const piece of ["a", "a.", '["', "[1", '"', "'", "a@[", "\\"]) {
    const text = `x${piece.repeat(100_000)}`;
    assert.equal(wordAt(`${text} `, text.length + 1)?.word.endsWith(piece) ?? false, false, piece);
    assert.ok((wordAt(text, text.length)?.word.length ?? 0) <= text.length);
  }
  const long = `config.${"a.".repeat(100_000)}b`;
  assert.deepEqual(wordAt(`1 < ${long}`, long.length + 4), { start: 4, word: long });
});

test("names that begin with the word come first, then those with such a part, then those that have it", () => {
  assert.deepEqual(completions(KEYS, "config.lr"), ["config.lr_decay"]);
  assert.deepEqual(completions(KEYS, "LO"), ["metrics.val.loss", "metrics.val.loss@max"]);
  assert.deepEqual(completions(KEYS, "l"), [
    "config.lr", "config.lr_decay", "metrics.val.loss", "metrics.val.loss@max", 'config["learning rate"]', "model",
  ]);
  assert.deepEqual(completions(KEYS, "m", 2), ["metrics.val.loss", "metrics.val.loss@max"]);
  assert.deepEqual(completions(KEYS, "zz"), []);
});

test("a name takes the place of the word, and the caret stands behind it", () => {
  assert.deepEqual(completed("a == 1 and conf < 2", 15, "config.lr"), { text: "a == 1 and config.lr < 2", caret: 20 });
  assert.deepEqual(completed("a == ", 5, "name"), { text: "a == name", caret: 9 });
});

test("a sentence of the server names a parameter and a place, which counts characters", () => {
  assert.deepEqual(faultOf(FAULT, "config.lr = 0.1"),
    { parameter: "where", place: 10, said: 'a single "=" compares nothing: write ==' });
  assert.equal(faultOf("where, character 3: so", "😀😀=").place, 4, "a sign outside the first plane is two units");
  assert.deepEqual(faultOf("columns: 300 are too many", ""), { parameter: "columns", place: null, said: "300 are too many" });
  assert.deepEqual(faultOf("Out of order.", ""), { parameter: "", place: null, said: "Out of order." });
});

test("two conditions hold together whatever is in them", () => {
  assert.equal(both("a == 1 or b == 2", "c == 3"), "(a == 1 or b == 2) and (c == 3)");
  assert.equal(both(" ", "c == 3"), "c == 3");
  assert.equal(both("a == 1", ""), "a == 1");
});
