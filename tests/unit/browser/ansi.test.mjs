import assert from "node:assert/strict";
import { test } from "node:test";

import { bare, pieces, styled } from "../../../web_stub/assets/pure/ansi.js";

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
  assert.deepEqual(pairs(`${E}2Ja${E}999;38;7mb${E}38mc`), [[`${E}2Jabc`, ""]]);
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

test("parts of a colour stand between semicolons or colons, with or without a colour space", () => {
  for (const red of ["38;2;250;5;5", "38:2:250:5:5", "38:2::250:5:5", "38:2:1:250:5:5", "38:2::250:5:5:0:1", "38:5:9", "38;5;9"]) {
    assert.deepEqual(pairs(`${E}${red}mx`), [["x", "a-red"]], red);
    assert.deepEqual(pairs(`${E}3;${red};1mx`), [["x", "a-red a-bold a-italic"]], red);
  }
  assert.deepEqual(pairs(`${E}48:2::0:0:200;38:5:2mx`), [["x", "a-green a-on-blue"]]);
});

test("the colour of an underline sets nothing else, and its kinds are one", () => {
  assert.deepEqual(pairs(`${E}58;5;1;4mx${E}58:2::1:3:4my${E}4:0mz${E}4:3mw`), [
    ["xy", "a-under"], ["z", ""], ["w", "a-under"],
  ]);
});

test("a line of very many colours keeps its text, and has few pieces", () => {
  const many = Array.from({ length: 100_000 }, (_, i) => `${E}3${i % 8}mx`).join("");
  for (const wanted of ["", "x", "xx"]) {
    const shown = pieces(many, wanted);
    assert.equal(shown.map((piece) => piece.text).join(""), "x".repeat(100_000));
    assert.ok(shown.length <= 501);
    if (wanted !== "xx") assert.deepEqual([1, 499, 500].map((i) => shown[i].style), ["a-red", "a-yellow", ""]);
  }
});

test("a search that is found very often has few pieces, too", () => {
  const shown = pieces("ab".repeat(100_000), "a");
  assert.equal(shown.length, 501);
  assert.equal(shown.map((piece) => piece.text).join(""), "ab".repeat(100_000));
});

test("one sequence of very many numbers is read once", () => {
  assert.deepEqual(pairs(`${E}${"38;".repeat(300_000)}0;31mx`), [["x", "a-red"]]);
  assert.deepEqual(pairs(`${E}38${":5".repeat(300_000)}mx`), [["x", "a-magenta"]]);
});

test("equal styles that follow each other are one piece", () => {
  assert.deepEqual(pairs(`${E}31ma${E}31mb${E}0;31mc${E}0m${E}32m`), [["abc", "a-red"]]);
});

test("where no colours are shown, no sequence of terminals is left", () => {
  const text = `${E}31mred${E}0m ${E}2J${E}?25lx \x1b]0;title\x07y \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1b(B\x1b=\x1b7z\x1b${E}`;
  assert.equal(bare(text), "red x y link z");
  assert.equal(bare("plain"), "plain");
});
