import assert from "node:assert/strict";
import { test } from "node:test";

import {
  alikeText, findingText, greatest, imagesAddress, nearText, progressText, sizeText, strength,
} from "../../../web_stub/assets/pure/insights.js";

const BORDERS = [8, 16, 32];
const WORDS = { names: { tiny: "Tiny labels" }, borders: BORDERS };

test("sizes are named by their borders", () => {
  assert.deepEqual([0, 1, 2, 3].map((number) => sizeText(BORDERS, number)), ["<8", "8–16", "16–32", "≥32"]);
});

test("a cell is stronger the more it counts, and one that counts anything can be seen", () => {
  assert.equal(strength(0, 9), 0);
  assert.equal(strength(3, 0), 0);
  assert.equal(strength(9, 9), 1);
  assert.ok(strength(1, 1_000_000) > 0.1);
  assert.ok(strength(4, 9) > strength(3, 9));
  assert.equal(strength(10, 9), 1);
  assert.equal(greatest([]), 0);
  assert.equal(greatest([[1, 2], [], [7, 0]]), 7);
});

test("a finding of an address is said in words, whatever it is", () => {
  const said = (/** @type {string} */ finding) => findingText(finding, WORDS);
  assert.equal(said("tiny"), "Tiny labels");
  assert.equal(said("size.1"), "objects of 8–16 pixels");
  assert.equal(said("place.0.4"), "objects in column 1, row 5 of the map");
  assert.equal(said("frame.640x480"), "640 × 480 pixels");
  assert.deepEqual(["near", "near.12", "leak"].map(said), [
    "nearly equal images", "nearly equal to image 12", "nearly equal in train and val",
  ]);
  assert.equal(said("toString"), "toString");
  assert.equal(said("<b>"), "<b>");
});

test("an address names what is chosen, and nothing else", () => {
  assert.equal(imagesAddress(3, {}), "/projects/3");
  assert.equal(imagesAddress(3, { class: "a&b", finding: "size.2", tag: null }), "/projects/3?class=a%26b&finding=size.2");
});

test("what was found among the images is said in sentences", () => {
  const near = {
    total: 3, across: 1, near: 4, leaks: 1, compared: 2000, unreadable: 0, missing: 0, is_complete: true, most_bits: 8, most_levels: 20,
  };
  assert.equal(nearText(near), "4 of 2,000 images nearly equal another one. 1 image of val is in train, too: the model has seen it.");
  assert.equal(nearText({ ...near, near: 0, leaks: 0, unreadable: 2, missing: 1 }),
    "None of 2,000 images nearly equal another one. 2 images cannot be decoded. The bytes of 1 image are gone.");
  assert.match(nearText({ ...near, is_complete: false, leaks: 2 }), /has seen them\. The search ended early/);
});

test("a pair says how alike it is, and a search how far it is", () => {
  assert.deepEqual([{ bits: 0, is_same_file: true }, { bits: 0, is_same_file: false }, { bits: 3, is_same_file: false }].map(alikeText),
    ["the same file", "the same hash", "3 of 64 bits differ"]);
  const progress = { images: 5000, labels: null, pictures: null };
  assert.equal(progressText({ ...progress, pictures: 1200 }), "Images are being compared: 1,200 of 5,000.");
  assert.equal(progressText({ ...progress, labels: 0 }), "The labels are being counted: 0 of 5,000 images.");
  assert.equal(progressText(progress), "");
});
