import assert from "node:assert/strict";
import { test } from "node:test";

import { asked, filterOf, imageTitle, leftOut, objectsText, queryOf, shownText, usesText } from "../../../web_stub/assets/pure/gallery.js";

test("a filter goes into an address and comes out of it as it was", () => {
  const filter = { dataset: "2", class: "price card", also: null, tag: null, finding: "size.3", text: "ä&b" };
  assert.deepEqual(filterOf(asked(queryOf(filter))), filter);
});

test("no filter is no query", () => {
  const none = filterOf("");
  assert.equal(queryOf(none), "");
  assert.equal(queryOf({ ...none, text: "" }), "");
  assert.equal(asked(""), "");
  assert.equal(queryOf(none, { limit: 60, cursor: null }), "limit=60");
});

test("objects of an image are counted, and an unreadable annotation is said so", () => {
  assert.deepEqual([null, 0, 1, 2000].map(objectsText), ["annotation unreadable", "no objects", "1 object", "2,000 objects"]);
});

test("an image is named with its dataset, size and bytes", () => {
  const image = {
    id: 1, dataset: { id: 1, name: "ds0" }, name: "a.png", width: 64, height: 48, size_bytes: 2048, mime: "image/png",
    objects: 0, file: "", picture: "", thumbnail: "", created_at: "",
  };
  assert.equal(imageTitle(image), "ds0/a.png\n64 × 48 · 2.0 KiB");
});

test("a page says n of N until it has all", () => {
  assert.deepEqual([shownText(60, 1500), shownText(3, 3)], ["60 of 1,500", "3"]);
});

test("uses of a tag are counted on images and objects", () => {
  assert.equal(usesText({ images: 1, objects: 2 }), "1 image · 2 objects");
  assert.equal(usesText({ images: 0, objects: 1 }), "1 object");
  assert.equal(usesText({ images: 0, objects: 0 }), "unused");
});

test("statistics say what they leave out", () => {
  assert.equal(leftOut({ images: 5, labeled_images: 5, broken: 0 }), "");
  assert.equal(leftOut({ images: 5, labeled_images: 4, broken: 3 }), "1 image has no objects. 3 labels cannot be read.");
  assert.equal(leftOut({ images: 5, labeled_images: 2, broken: 0 }), "3 images have no objects.");
});
