import assert from "node:assert/strict";
import { test } from "node:test";

import { hasWords, marked } from "../../../web_stub/assets/pure/search.js";

test("all words are wanted, in any order and case", () => {
  assert.ok(hasWords("12 fruit-unet Apples", "APPLES unet"));
  assert.ok(!hasWords("12 fruit-unet Apples", "apples yolo"));
});

test("no words are in every text", () => {
  for (const words of ["", "   "]) assert.ok(hasWords("anything", words));
});

const hits = (/** @type {string} */ text, /** @type {string} */ words) =>
  marked(text, words).map(({ text: piece, isHit }) => (isHit ? `[${piece}]` : piece)).join("");

test("every place of the words is marked, in whatever case they are written there", () => {
  assert.equal(hits("Loss 1, loss 2", "loss"), "[Loss] 1, [loss] 2");
  assert.equal(hits("aaa", "aa"), "[aa]a");
  assert.equal(hits("nothing", "loss"), "nothing");
});

test("signs of regular expressions are letters like others", () => {
  assert.equal(hits("a.c (x) [1] abc", "a.c"), "[a.c] (x) [1] abc");
  assert.equal(hits("a.c (x) [1] \\d", "(x) ["), "a.c [(x) []1] \\d");
  assert.equal(hits("1/2 -> 3", "/2 -"), "1[/2 -]> 3");
});

test("letters that grow in lower case move no mark", () => {
  assert.equal(hits("İİİ loss", "loss"), "İİİ [loss]");
});

test("the pieces together are the text", () => {
  const text = "epoch 1: Loss=0.5 loss";
  assert.equal(marked(text, "loss").map((piece) => piece.text).join(""), text);
  assert.deepEqual(marked("", "x"), []);
});
