import assert from "node:assert/strict";
import { test } from "node:test";

import { altText, imagesQuery, pairsOf, placeOf, stopsOf, stopText } from "../../../web_stub/assets/pure/task_images.js";

/**
 * @param {number} id @param {string} name @param {number | null} [step] @param {string | null} [caption]
 * @returns {import("../../../web_stub/assets/types").TaskImage}
 */
const image = (id, name, step = null, caption = null) =>
  ({ id, name, step, caption, width: 8, height: 6, size_bytes: 9, file: "", picture: "", thumbnail: "" });

test("the slider stops at every step, and last at the images without a step", () => {
  assert.deepEqual(stopsOf({ steps: [-1, 0.5, 12], without_step: 0 }), ["-1", "0.5", "12"]);
  assert.deepEqual(stopsOf({ steps: [1], without_step: 3 }), ["1", "none"]);
});

test("without a wish the slider stands at the newest step", () => {
  assert.equal(placeOf(["1", "2", "3"], ""), 2);
  assert.equal(placeOf(["1", "2", "none"], ""), 1);
  assert.equal(placeOf(["none"], ""), 0);
});

test("a step of the address is found, or the nearest one below; what is no step is the newest", () => {
  assert.equal(placeOf(["1", "2", "none"], "none"), 2);
  assert.equal(placeOf(["1", "2.5", "3"], "2.5"), 1);
  assert.equal(placeOf(["1", "2.5", "none"], "2"), 0);
  assert.equal(placeOf(["1", "2.5"], "0"), 0);
  assert.equal(placeOf(["1", "2.5", "none"], "x"), 1);
});

test("images of two steps stand beside each other by name, also where a name comes twice or one side has none", () => {
  const pairs = pairsOf([image(1, "a"), image(2, "b"), image(3, "a")], [image(4, "c"), image(5, "a")]);

  assert.deepEqual(pairs.map(({ name, after, before }) => [name, after?.id, before?.id]), [
    ["a", 1, 5], ["b", 2, undefined], ["a", 3, undefined], ["c", undefined, 4],
  ]);
});

test("names and steps of any spelling pass through an address", () => {
  assert.equal(imagesQuery({ step: "1e+21" }), "limit=1000&step=1e%2B21");
  assert.equal(imagesQuery({ name: "val/ä&b" }), "limit=1000&name=val%2F%C3%A4%26b");
});

test("an image is told by its name, its step and its caption", () => {
  assert.equal(altText(image(1, "val/0", 2.5, "IoU 0.5")), "val/0, step 2.5, IoU 0.5");
  assert.equal(altText(image(1, "curve.png")), "curve.png, no step");
  assert.equal(stopText("none"), "no step");
});
