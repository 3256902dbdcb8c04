import assert from "node:assert/strict";
import { test } from "node:test";

import { addMask, addPolygon, fillBox } from "../../../web_stub/assets/pure/raster.js";

// Drawn by cv2.fillPoly: 1, then holes 0.
const OPENCV = {
  triangle: ["........", ".###....", ".######.", "..####..", "..###...", "...#....", "........"],
  hole: ["########", "########", "##.#..##", "##.#..##", "##.#..##", "########", "########"],
};

/** @param {number} width @param {number} height */
const empty = (width, height, x = 0, y = 0) => ({ on: new Uint8Array(width * height), x, y, width, height });

/** Of the window, as the whole image. @param {ReturnType<typeof empty>} window */
const sizeOf = ({ width, height }) => ({ width, height });

/** @param {ReturnType<typeof empty>} window */
const text = ({ on, width, height }) =>
  Array.from({ length: height }, (_, y) => [...on.slice(y * width, (y + 1) * width)].map((one) => (one ? "#" : ".")).join(""));

test("a polygon covers its outline and its inside, as OpenCV fills it", () => {
  const window = empty(8, 7);
  addPolygon(window, [[[1, 1], [6, 2], [3, 5]]], sizeOf(window));
  assert.deepEqual(text(window), OPENCV.triangle);
});

test("a hole takes its own outline away, and only from its polygon", () => {
  const window = empty(8, 7);
  fillBox(window, [3, 0, 4, 7]);
  addPolygon(window, [[[0, 0], [7, 0], [7, 6], [0, 6]], [[2, 2], [5, 2], [5, 4], [2, 4]]], sizeOf(window));
  assert.deepEqual(text(window), OPENCV.hole);
});

test("a part of the image has the pixels that the whole has there", () => {
  /** @type {[number, number][]} */
  const ring = [[0, 0], [11, 3], [4, 9], [9, 1], [2, 11]];
  const [whole, part] = [empty(12, 12), empty(5, 6, 4, 3)];
  addPolygon(whole, [ring], sizeOf(whole));
  addPolygon(part, [ring], sizeOf(whole));
  assert.deepEqual(text(part), text(whole).slice(3, 9).map((line) => line.slice(4, 9)));
});

test("a polygon with a hole beside the window, or partly in it, is cut at the window", () => {
  /** @type {[number, number][][]} */
  const rings = [[[2, 1], [7, 1], [7, 5], [2, 5]], [[4, 3]]];
  const [whole, part, away] = [empty(9, 7), empty(3, 3, 3, 2), empty(2, 2, 0, 0)];
  for (const window of [whole, part, away]) addPolygon(window, rings, sizeOf(whole));
  assert.deepEqual(text(part), ["###", "#.#", "###"]);
  assert.deepEqual(text(part), text(whole).slice(2, 5).map((line) => line.slice(3, 6)));
  assert.deepEqual(text(away), ["..", ".."]);
});

test("lines that leave the image are cut at its border, as OpenCV cuts them", () => {
  const [left, right] = [empty(4, 8), empty(4, 4)];
  addPolygon(left, [[[1, 2], [-1, 7], [0, 3]]], sizeOf(left));
  assert.deepEqual(text(left), ["....", "....", ".#..", "##..", "#...", "#...", "#...", "...."]);
  addPolygon(right, [[[10, 3], [0, -9], [-4, -3]]], sizeOf(right));
  assert.deepEqual(text(right), ["...#", "...#", "...#", "...."]);
});

test("points outside of the image, a single point and none are no trouble", () => {
  const window = empty(3, 2);
  addPolygon(window, [[[-9, -9], [99, -9], [99, 99], [-9, 99]]], sizeOf(window));
  assert.deepEqual(text(window), ["###", "###"]);
  const dot = empty(3, 2);
  addPolygon(dot, [[[1, 1]], []], sizeOf(dot));
  assert.deepEqual(text(dot), ["...", ".#."]);
});

test("masks and boxes are cut at the window, and masks are put over what is there", () => {
  const window = empty(4, 2, 10, 10);
  fillBox(window, [8, 9, 11, 11]);
  addMask(window, { on: Uint8Array.from([1, 0, 1, 1]), x: 12, y: 10, width: 2, height: 2 });
  addMask(window, { on: Uint8Array.from([0, 1]), x: 9, y: 11, width: 2, height: 1 });
  assert.deepEqual(text(window), ["#.#.", "#.##"]);
  addMask(window, { on: Uint8Array.from([1]), x: 90, y: 90, width: 1, height: 1 });
});
