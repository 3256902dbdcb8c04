import assert from "node:assert/strict";
import { test } from "node:test";

import * as figures from "../../../web_stub/assets/pure/evaluation/figures.js";

const DETECTION = {
  headline: {
    ap: 0.41, ap50: 0.6, ap_small: null, truths: 9, missed: 2, confidence: 0.3, iou: 0.5, precision: 0.7, recall: 0.8, f1: 0.75,
  },
  classes: [
    { title: "pear 10", ap: 0.5, truths: 4, best: [0] },
    { title: "pear 9", ap: null, truths: 1 },
    { title: "apple", ap: 0.2, truths: 4 },
  ],
};

test("sections stand in one order, and an unknown one is passed over", () => {
  const all = { version: 1, tags: DETECTION, detection: DETECTION, odd: DETECTION };
  assert.deepEqual(figures.sectionsOf(all).map(({ name }) => name), ["detection", "tags"]);
  assert.equal(figures.sectionOf(all, "tags")?.name, "tags");
  assert.equal(figures.sectionOf(all, "gone")?.name, "detection");
  assert.equal(figures.sectionOf(null, ""), null);
});

test("the headline parts figures that stand out from the rest, and leaves settings out", () => {
  const { first, rest } = figures.splitHeadline(DETECTION);
  assert.deepEqual(first, ["ap", "ap50", "precision", "recall", "f1"]);
  assert.deepEqual(rest, ["ap_small", "truths", "missed"]);
});

test("every number of a row is a column", () => {
  assert.deepEqual(figures.columnsOf(DETECTION), ["ap", "truths"]);
  assert.equal(figures.titleOf("ap50"), "AP 50");
  assert.equal(figures.titleOf("a_new_figure"), "A new figure");
});

test("rows go up and down by a column, undefined ones last, and titles as people count", () => {
  const titles = (/** @type {string} */ sort) => figures.sorted(DETECTION.classes, sort).map(({ title }) => title);
  assert.deepEqual(titles(""), ["pear 10", "pear 9", "apple"]);
  assert.deepEqual(titles("ap"), ["apple", "pear 10", "pear 9"]);
  assert.deepEqual(titles("-ap"), ["pear 10", "apple", "pear 9"]);
  assert.deepEqual(titles("title"), ["apple", "pear 9", "pear 10"]);
  assert.deepEqual(titles("-title"), ["pear 10", "pear 9", "apple"]);
  const clicks = ["ap", "-ap", "", "ap"];
  assert.deepEqual(clicks.slice(1), clicks.slice(0, 3).map((sort) => figures.sortAfter(sort, "ap")));
});

test("a figure never reads as zero or one unless it is", () => {
  assert.equal(figures.figureText("iou", 0.00001), "<0.001");
  assert.equal(figures.figureText("iou", 0.99999), ">0.999");
  assert.equal(figures.figureText("iou", 1), "1.000");
  assert.equal(figures.figureText("iou", 0), "0.000");
  assert.equal(figures.figureText("iou", null), "–");
  assert.equal(figures.figureText("truth_pixels", 1234567), "1,234,567");
  assert.equal(figures.figureText("mean_distance", 12.3456), "12.346");
});

test("a difference says which is better, by the sense of the figure", () => {
  assert.deepEqual(figures.difference("ap", 0.4, 0.5), { text: "+0.100", look: "better" });
  assert.deepEqual(figures.difference("ap", 0.5, 0.4), { text: "−0.100", look: "worse" });
  assert.deepEqual(figures.difference("missed", 3, 1), { text: "−2", look: "better" });
  assert.deepEqual(figures.difference("truths", 3, 4), { text: "+1", look: "equal" });
  assert.deepEqual(figures.difference("ap", 0.5, 0.5), { text: "±0", look: "equal" });
  assert.deepEqual(figures.difference("ap", null, 0.5), { text: "", look: "none" });
});

test("an evaluation is called by its model, else by its predictions", () => {
  const predictions = { name: "guesses" };
  assert.equal(figures.nameOf({ model: null, predictions }), "guesses");
  assert.equal(figures.nameOf({ model: { name: "net", checkpoint_index: 7 }, predictions }), "net, checkpoint 7");
  assert.equal(figures.nameOf({ model: { name: "net", checkpoint_index: null }, predictions }), "net");
});
