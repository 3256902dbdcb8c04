import assert from "node:assert/strict";
import { test } from "node:test";

import { deflateSync } from "node:zlib";

import { isPng, pngHead, rim, tint } from "../../../web_stub/assets/pure/mask.js";

/** A chunk of a PNG; nobody here looks at its checksum. @param {string} name @param {Buffer} data */
const chunk = (name, data) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(name, "latin1"), data, Buffer.alloc(4)]);
};

/** @param {number} type of its colours @param {string[]} chunks between head and pixels */
const png = (type, ...chunks) => {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(20, 0);
  head.writeUInt32BE(10, 4);
  head.set([8, type], 8);
  return new Uint8Array(Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk("IHDR", head),
    ...chunks.map((name) => chunk(name, Buffer.alloc(3))), chunk("IDAT", deflateSync(Buffer.alloc(8))),
  ]));
};

test("a PNG tells its size", () => {
  const { width, height } = pngHead(png(2));
  assert.deepEqual([width, height], [20, 10]);
});

test("the mask is in the transparency where the PNG has one, else in the colours", () => {
  assert.deepEqual([0, 2, 3, 4, 6].map((type) => pngHead(png(type)).byAlpha), [false, false, false, true, true]);
  assert.ok(pngHead(png(3, "PLTE", "tRNS")).byAlpha, "a palette with transparency, as the official SDK writes it");
  assert.ok(!pngHead(png(2, "tRNS")).byAlpha);
});

test("a PNG that is part of a larger buffer is read from its own beginning", () => {
  const whole = new Uint8Array([1, 2, 3, ...png(6)]);
  assert.equal(pngHead(whole.subarray(3)).width, 20);
});

test("other bytes are no PNG", () => {
  for (const bytes of [[], [0x89, 0x50], [0x78, 0x9c, 1, 2]]) assert.ok(!isPng(new Uint8Array(bytes)));
  assert.throws(() => pngHead(new Uint8Array(40)), /not a PNG/);
});

test("a PNG cut before its head ends is an error, not a hang", () => {
  assert.throws(() => pngHead(png(3).slice(0, 20)), RangeError);
  assert.equal(pngHead(png(3).slice(0, 40)).byAlpha, false);
});

test("in a PNG that was not packed any channel counts", () => {
  const pixels = () => ({ width: 2, height: 2, data: new Uint8ClampedArray([0, 0, 0, 9, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) });
  assert.deepEqual([...tint(pixels(), true, "#102030", true).on], [1, 1, 0, 0]);
  assert.deepEqual([...tint(pixels(), true, "#102030").on], [1, 0, 0, 0]);
});

test("pixels of the mask get its colour, others are cleared", () => {
  const pixels = { width: 2, height: 2, data: new Uint8ClampedArray([9, 9, 9, 255, 0, 0, 0, 255, 0, 0, 1, 255, 0, 0, 0, 0]) };
  const { on, area } = tint(pixels, false, "#102030");
  assert.deepEqual([[...on], area], [[1, 0, 1, 0], 2]);
  assert.deepEqual([...pixels.data.slice(0, 4)], [16, 32, 48, 255]);
  assert.deepEqual([3, 7, 11, 15].map((i) => pixels.data[i]), [255, 0, 255, 0]);
});

test("with transparency, black pixels that are seen belong to the mask", () => {
  const pixels = { width: 2, height: 1, data: new Uint8ClampedArray([0, 0, 0, 1, 9, 9, 9, 0]) };
  assert.deepEqual([...tint(pixels, true, "#ffffff").on], [1, 0]);
});

/** @param {string[]} rows of `#` and others */
const bits = (...rows) => /** @type {const} */ (
  [Uint8Array.from(rows.join(""), (char) => Number(char === "#")), rows[0].length, rows.length]);

test("a rectangle has four sides, one line each", () => {
  assert.deepEqual(rim(...bits("....", ".##.", ".##.", "....")),
    [[1, 1, 3, 1], [1, 3, 3, 3], [1, 1, 1, 3], [3, 1, 3, 3]]);
});

test("a mask that fills its picture has a rim, too, and an empty one has none", () => {
  assert.deepEqual(rim(...bits("#")), [[0, 0, 1, 0], [0, 1, 1, 1], [0, 0, 0, 1], [1, 0, 1, 1]]);
  assert.deepEqual(rim(...bits("..", "..")), []);
});

test("the rim of any mask is as long as its pixels have neighbours outside of it", () => {
  const rows = ["#..#.", "##.##", ".#.#.", "#####"];
  const [on, width, height] = bits(...rows);
  const at = (/** @type {number} */ x, /** @type {number} */ y) => (rows[y]?.[x] === "#" ? 1 : 0);
  let edges = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (at(x, y)) edges += 4 - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1);
    }
  }
  const length = rim(on, width, height).reduce((sum, [x1, y1, x2, y2]) => sum + (x2 - x1) + (y2 - y1), 0);
  assert.equal(length, edges);
});

test("confetti has a bounded rim", () => {
  const side = 400;
  const confetti = Uint8Array.from({ length: side * side }, (_, i) => ((i + Math.floor(i / side)) % 2));
  assert.ok(rim(confetti, side, side).length <= 30_000 + side);
});
