import assert from "node:assert/strict";
import { test } from "node:test";

import { baseTitle, comparedSize, paint } from "../../../web_stub/assets/pure/overlap.js";

const AGREE = [29, 158, 94, 255];
const MISSED = [214, 48, 49, 255];
const EXTRA = [33, 103, 201, 255];

test("a predicted class stands for the longest title it begins with", () => {
  const bases = new Set(["apple", "apple_pie", "pear"]);
  assert.equal(baseTitle("apple_nn", bases), "apple");
  assert.equal(baseTitle("apple_pie_nn", bases), "apple_pie");
  assert.equal(baseTitle("apple_pie", bases), "apple_pie");
});

test("a class that only looks alike stands for itself", () => {
  const bases = new Set(["apple", ""]);
  assert.equal(baseTitle("applesauce", bases), "applesauce");
  assert.equal(baseTitle("plum_nn", bases), "plum_nn");
});

/** @param {number[]} truth @param {number[]} predicted @param {Uint8ClampedArray} [picture] */
function painted(truth, predicted, picture = new Uint8ClampedArray(4 * truth.length)) {
  const overlap = paint(Uint8Array.from(truth), Uint8Array.from(predicted), picture);
  return { overlap, pixels: truth.map((_, i) => [...picture.slice(4 * i, 4 * i + 4)]), picture };
}

test("pixels of both sides agree, those of one side are missed or extra", () => {
  const { overlap, pixels } = painted([1, 1, 0, 0], [1, 0, 1, 0]);
  assert.deepEqual(pixels, [AGREE, MISSED, EXTRA, [0, 0, 0, 0]]);
  assert.deepEqual(overlap, { both: 1, truth: 2, predicted: 2, iou: 1 / 3 });
});

test("the overlap is 1 for the same pixels, 0 for none in common, and unknown where there are none", () => {
  assert.equal(painted([1, 1], [1, 1]).overlap.iou, 1);
  assert.equal(painted([1, 0], [0, 1]).overlap.iou, 0);
  assert.equal(painted([0, 0], [0, 0]).overlap.iou, null);
});

test("agreement in one class is not painted over by what is missing in another, and does paint over that", () => {
  const { picture } = painted([1, 1], [1, 0]);
  assert.deepEqual(painted([1, 1], [0, 1], picture).pixels, [AGREE, AGREE]);
});

test("large images are compared smaller, in their shape, and small ones as they are", () => {
  assert.deepEqual(comparedSize({ width: 80, height: 60 }), { scale: 1, width: 80, height: 60 });
  const { width, height, scale } = comparedSize({ width: 20_000, height: 15_000 });
  assert.ok(width * height <= 3.01e6);
  assert.equal(width, 2000);
  assert.equal(height, 1500);
  assert.equal(scale, 0.1);
  assert.equal(comparedSize({ width: 1e8, height: 1 }).height, 1);
});
