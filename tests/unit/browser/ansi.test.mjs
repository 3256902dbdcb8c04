import assert from "node:assert/strict";
import { test } from "node:test";

import { pieces, styled } from "../../../web_stub/assets/pure/ansi.js";

const E = "\x1b[";
/** @param {string} text */
const pairs = (text) => styled(text).map((piece) => [piece.text, piece.style]);

test("colours and weights become classes, and end where the program ends them", () => {
  assert.deepEqual(pairs(`a${E}1;31mb${E}22mc${E}0md`), [["a", ""], ["b", "a-red a-bold"], ["c", "a-red"], ["d", ""]]);
  assert.deepEqual(pairs(`${E}92;44mx${E}39my${E}49;3;4mz${E}mw`), [
    ["x", "a-green a-on-blue"], ["y", "a-on-blue"], ["z", "a-italic a-under"], ["w", ""],
  ]);
});

test("of 256 colours and of millions the nearest name is taken", () => {
  assert.deepEqual(pairs(`${E}38;5;9ma${E}38;5;46mb${E}38;5;255mc${E}38;2;250;5;5md${E}38:2:0:0:200me`), [
    ["a", "a-red"], ["b", "a-green"], ["c", "a-white"], ["d", "a-red"], ["e", "a-blue"],
  ]);
});

test("a plain text is one piece", () => {
  assert.deepEqual(pairs("plain"), [["plain", ""]]);
  assert.deepEqual(pairs(""), [["", ""]]);
});

test("what is no colour stays the text it is, and odd numbers set nothing", () => {
  assert.deepEqual(pairs(`${E}2Ja${E}999;38;7mb${E}38mc`), [[`${E}2Ja`, ""], ["b", ""], ["c", ""]]);
});

test("a word is found across colours", () => {
  assert.deepEqual(pieces(`lo${E}31mss${E}0m is nan`, "LOSS"), [
    { text: "lo", style: "", isHit: true }, { text: "ss", style: "a-red", isHit: true }, { text: " is nan", style: "", isHit: false },
  ]);
  assert.deepEqual(pieces("", "x"), []);
});

test("no text is lost or doubled, whatever is between", () => {
  const text = `${E}31mE${E}1mrr${E}0mor ${E}bad and ${E}38;5;300mmore${E}`;
  for (const wanted of ["", "r", "error", "zzz"]) {
    assert.equal(pieces(text, wanted).map((piece) => piece.text).join(""), `Error ${E}bad and more${E}`);
  }
});
