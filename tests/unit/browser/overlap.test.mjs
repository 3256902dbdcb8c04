import assert from "node:assert/strict";
import { test } from "node:test";

import { Agreement, baseTitle, pictureSize } from "../../../web_stub/assets/pure/overlap.js";

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

/** @typedef {import("../../../web_stub/assets/pure/overlap.js").Area} Area */

/** A mask in the first row of an image. @param {number[]} on @returns {Area[]} */
const row = (...on) => [{ box: [0, 0, on.length, 1], mask: { on: Uint8Array.from(on), x: 0, y: 0, width: on.length, height: 1 } }];

/** @param {Agreement} agreement */
function coloured({ pixels }) {
  return Array.from({ length: pixels.length / 4 }, (_, i) => [...pixels.slice(4 * i, 4 * i + 4)]);
}

test("pixels of both sides agree, those of one side are missed or extra", () => {
  const agreement = new Agreement({ width: 4, height: 1 });
  assert.deepEqual(agreement.add(row(1, 1, 0, 0), row(1, 0, 1, 0)), { both: 1, truth: 2, predicted: 2, iou: 1 / 3 });
  assert.deepEqual(coloured(agreement), [AGREE, MISSED, EXTRA, [0, 0, 0, 0]]);
});

test("the overlap is 1 for the same pixels, 0 for none in common, and unknown where there are none", () => {
  const agreement = new Agreement({ width: 2, height: 1 });
  assert.equal(agreement.add(row(1, 1), row(1, 1)).iou, 1);
  assert.equal(agreement.add(row(1, 0), row(0, 1)).iou, 0);
  assert.equal(agreement.add(row(1, 0), []).iou, 0);
  assert.equal(agreement.add([], []).iou, null);
  assert.equal(agreement.add(row(0, 0), []).iou, null);
});

test("agreement in one class is not painted over by what is missing in another, and does paint over that", () => {
  const agreement = new Agreement({ width: 2, height: 1 });
  agreement.add(row(1, 1), row(1, 0));
  agreement.add(row(1, 1), row(0, 1));
  assert.deepEqual(coloured(agreement), [AGREE, AGREE]);
});

test("a class that is not shown is counted, and leaves the picture as it is", () => {
  const agreement = new Agreement({ width: 2, height: 1 });
  assert.equal(agreement.add(row(1, 1), row(1, 1), false).both, 2);
  assert.deepEqual([...agreement.codes], [0, 0]);
});

test("labels of a class may overlap, and reach out of the image: each pixel of the image counts once", () => {
  const agreement = new Agreement({ width: 4, height: 3 });
  /** @type {Area[]} */
  const boxes = [{ box: [-5, -5, 2, 2] }, { box: [1, 1, 9, 9] }];
  assert.deepEqual(agreement.add(boxes, [{ box: [0, 0, 4, 3] }]), { both: 9, truth: 9, predicted: 12, iou: 9 / 12 });
  assert.equal(agreement.add([{ box: [50, 50, 60, 60] }], []).truth, 0);
});

test("the picture is as large as the image where a canvas can be, else smaller in its shape; counts are those of the image", () => {
  assert.deepEqual(pictureSize({ width: 6000, height: 4000 }), { scale: 1, width: 6000, height: 4000 });
  assert.deepEqual(pictureSize({ width: 20_000, height: 20_000 }).width, 6324);
  assert.equal(pictureSize({ width: 1e8, height: 1 }).height, 1);
  const agreement = new Agreement({ width: 40_000, height: 2 });
  assert.ok(agreement.picture.width <= 16_384);
  assert.equal(agreement.add([{ box: [0, 0, 40_000, 2] }], [{ box: [39_999, 1, 40_000, 2] }]).truth, 80_000);
  assert.equal(agreement.codes.at(-1), 3, "agreement is not lost, however small");
});
