import assert from "node:assert/strict";
import { test } from "node:test";

import { colourAt, colourOfPart, hex } from "../../../web_stub/assets/pure/compare/colours.js";

/** @param {string} colour */
const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

/** @param {string} one @param {string} other the distance in sRGB */
const distance = (one, other) => Math.hypot(...parts(one).map((value, i) => value - parts(other)[i]));

test("OKLCH becomes the sRGB that browsers make of it", () => {
  assert.equal(hex(1, 0, 0), "#ffffff");
  assert.equal(hex(0, 0, 0), "#000000");
  assert.equal(hex(0.627955, 0.257683, 29.2339), "#ff0000");
});

for (const isDark of [false, true]) {
  test(`the first twelve colours are far apart, a hundred are all different (${isDark ? "dark" : "light"})`, () => {
    const colours = Array.from({ length: 100 }, (_, i) => colourAt(i, isDark));
    assert.equal(new Set(colours).size, 100);
    for (const [i, one] of colours.slice(0, 12).entries()) {
      for (const other of colours.slice(0, i)) assert.ok(distance(one, other) > 40, `${one} and ${other}`);
    }
  });

  test(`a greater number stands out more from the page (${isDark ? "dark" : "light"})`, () => {
    const light = [0, 0.5, 1].map((part) => parts(colourOfPart(part, isDark)).reduce((sum, value) => sum + value, 0));
    assert.ok(isDark ? light[0] < light[1] && light[1] < light[2] : light[0] > light[1] && light[1] > light[2]);
    assert.equal(colourOfPart(-3, isDark), colourOfPart(0, isDark));
  });
}
