import assert from "node:assert/strict";
import { test } from "node:test";

import { fitted, isInside, kept, lookingAt, placeAt, scaleText, wheelFactor, zoomed } from "../../../web_stub/assets/pure/viewport.js";

const PANE = { width: 800, height: 600 };
const SIZE = { width: 80, height: 60 };
const near = (/** @type {number} */ a, /** @type {number} */ b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test("a fitted image is whole and in the middle, and small ones are not blown up without end", () => {
  const view = fitted(PANE, { width: 4000, height: 1000 });
  near(view.scale, (800 - 32) / 4000);
  near(view.x, 16);
  near(view.y, (600 - 1000 * view.scale) / 2);
  assert.equal(fitted(PANE, SIZE).scale, 8);
});

test("zooming keeps the place under the pointer", () => {
  const view = { x: 10, y: -20, scale: 2 };
  const before = placeAt(view, 300, 200);
  for (const factor of [1.5, 1 / 3]) {
    const after = placeAt(zoomed(view, factor, 300, 200), 300, 200);
    near(after[0], before[0]);
    near(after[1], before[1]);
  }
});

test("zooming ends at large pixels and at a small image", () => {
  assert.equal(zoomed({ x: 0, y: 0, scale: 60 }, 10, 0, 0).scale, 64);
  assert.equal(zoomed({ x: 0, y: 0, scale: 0.03 }, 0.001, 0, 0).scale, 0.02);
  assert.equal(zoomed({ x: 0, y: 0, scale: 0.001 }, 0.5, 0, 0).scale, 0.001, "a fitted giant is not made larger by zooming out");
});

test("a label that is looked at is in the middle, however small or large it is", () => {
  for (const box of /** @type {[number, number, number, number][]} */ ([[5, 5, 25, 15], [7, 7, 8, 8], [-50, 40, 500, 55]])) {
    const view = lookingAt(box, PANE);
    const [x, y] = placeAt(view, 400, 300);
    near(x, (box[0] + box[2]) / 2);
    near(y, (box[1] + box[3]) / 2);
    assert.ok(view.scale <= 16);
  }
});

test("some of the image stays in the pane wherever it is moved", () => {
  for (const at of [-1e6, 1e6]) {
    const { x, y, scale } = kept({ x: at, y: at, scale: 2 }, PANE, SIZE);
    const isSeen = x + SIZE.width * scale >= 48 && x <= PANE.width - 48 && y + SIZE.height * scale >= 48 && y <= PANE.height - 48;
    assert.ok(isSeen);
  }
  assert.deepEqual(kept({ x: 100, y: 50, scale: 2 }, PANE, SIZE), { x: 100, y: 50, scale: 2 });
});

test("the last pixel is inside, the next is not", () => {
  assert.ok(isInside(SIZE, 0, 0) && isInside(SIZE, 79.9, 59.9));
  assert.ok(!isInside(SIZE, 80, 0) && !isInside(SIZE, -0.1, 0) && !isInside(SIZE, 0, 60));
});

test("turning the wheel back undoes turning it, and a touch pad zooms faster", () => {
  const wheel = { deltaY: 100, deltaMode: 0, ctrlKey: false };
  near(wheelFactor(wheel) * wheelFactor({ ...wheel, deltaY: -100 }), 1);
  assert.ok(wheelFactor(wheel) < 1);
  assert.ok(wheelFactor({ ...wheel, ctrlKey: true }) < wheelFactor(wheel));
});

test("a scale is told in percent, a small one with a digit more", () => {
  assert.deepEqual([2.591, 1, 0.1, 0.0521].map(scaleText), ["259%", "100%", "10%", "5.2%"]);
});
