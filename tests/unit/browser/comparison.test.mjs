import assert from "node:assert/strict";
import { test } from "node:test";

import {
  Comparison, areasText, labelText, modeOf, overlapText, positionText, viewerAddress,
} from "../../../web_stub/assets/pure/comparison.js";

/** @param {string[]} titles */
const classes = (...titles) => new Map(titles.map((title) => [title, { title, color: "#123456", shape: "bitmap" }]));

/** @param {"truth" | "predictions" | "sibling"} role @param {string | null} [suffix] */
const other = (role, suffix = null) => ({ id: 5, name: "Seen", role, suffix });
const suffix = null;
const project = { id: 3, name: "Fields" };
const truth = classes("leaf", "plot", "box");
const seen = classes("leaf_nn", "plot_nn");

/** @param {string} title */
const label = (title) => ({ title, color: "#654321" });

test("predictions stand right of the ground truth", () => {
  const { left, right } = new Comparison({ project, classes: truth, suffix, other: other("predictions"), otherClasses: seen })
    .sides([label("leaf")], [label("leaf_nn")]);
  assert.deepEqual([left.title, right.title], ["Ground truth · Fields", "Predictions · Seen"]);
  assert.deepEqual([left.labels[0].title, right.labels[0].title], ["leaf", "leaf_nn"]);
});

test("from the predictions' own page, too", () => {
  const { left, right } = new Comparison({ project, classes: seen, suffix, other: other("truth"), otherClasses: truth })
    .sides([label("leaf_nn")], [label("leaf")]);
  assert.deepEqual([left.title, right.title], ["Ground truth · Seen", "Predictions · Fields"]);
  assert.deepEqual([left.labels[0].title, right.labels[0].title], ["leaf", "leaf_nn"]);
});

test("two projects of predictions are called by their names alone", () => {
  const { left, right } = new Comparison({ project, classes: seen, suffix, other: other("sibling"), otherClasses: seen }).sides([], []);
  assert.deepEqual([left.title, right.title], ["Fields", "Seen"]);
});

test("predicted classes count for those of the ground truth, and only those are compared", () => {
  const comparison = new Comparison({ project, classes: truth, suffix, other: other("predictions"), otherClasses: seen });
  assert.equal(comparison.base("leaf_nn"), "leaf");
  assert.equal(comparison.base("other"), "other");
  assert.deepEqual(comparison.compared, ["leaf", "plot"]);
});

/** @param {Comparison} comparison @param {string[]} left @param {string[]} right */
function shown(comparison, left, right) {
  const sides = comparison.sides(left.map(label), right.map(label));
  return [sides.left, sides.right].map(({ labels }) => labels.map(({ title }) => title));
}

test("among renamed predictions, objects under the old title were kept: they are not shown or counted again", () => {
  const seen = classes("leaf", "leaf_nn", "moon");
  const renamed = new Comparison({ project, classes: truth, suffix, other: other("predictions"), otherClasses: seen });
  assert.deepEqual(shown(renamed, ["leaf"], ["leaf", "leaf_nn", "moon"]), [["leaf"], ["leaf_nn", "moon"]]);
  assert.deepEqual(renamed.compared, ["leaf"]);
  const own = new Comparison({ project, classes: seen, suffix, other: other("truth"), otherClasses: truth });
  assert.deepEqual(shown(own, ["leaf", "leaf_nn"], ["leaf"]), [["leaf"], ["leaf_nn"]]);
  const plain = new Comparison({ project, classes: truth, suffix, other: other("predictions"), otherClasses: classes("leaf") });
  assert.deepEqual(shown(plain, ["leaf"], ["leaf"]), [["leaf"], ["leaf"]]);
  assert.deepEqual(plain.compared, ["leaf"]);
});

test("where the suffix of predictions is known, regions with another suffix are no predictions", () => {
  const seen = classes("leaf", "leaf_nn", "leaf_input_bbox", "plot_nn");
  const said = new Comparison({ project, classes: truth, suffix, other: other("predictions", "_nn"), otherClasses: seen });
  assert.deepEqual(["leaf_nn", "leaf_input_bbox", "leaf"].map((title) => said.base(title)), ["leaf", "leaf_input_bbox", "leaf"]);
  assert.deepEqual(said.compared, ["leaf", "plot"]);
  const own = new Comparison({ project, classes: seen, suffix: "_nn", other: other("truth"), otherClasses: truth });
  assert.equal(own.base("leaf_input_bbox"), "leaf_input_bbox");
  const unused = new Comparison({ project, classes: truth, suffix, other: other("predictions", "_nn"), otherClasses: classes("leaf_v2") });
  assert.deepEqual(unused.compared, ["leaf"], "a plugin may pass over the suffix of its config");
});

test("two projects of predictions: what both kept of the ground truth is left out of both", () => {
  const otherClasses = classes("leaf", "plot", "leaf_v2", "plot_v2");
  const both = new Comparison({
    project, classes: classes("leaf", "plot", "leaf_nn"), suffix: "_nn", other: other("sibling", "_v2"), otherClasses,
  });
  assert.deepEqual(shown(both, ["leaf", "leaf_nn"], ["leaf", "leaf_v2"]), [["leaf_nn"], ["leaf_v2"]]);
  assert.deepEqual(both.compared, ["leaf", "plot"]);
  const counts = both.counts([label("leaf_nn")], [label("leaf_v2")]);
  assert.deepEqual(counts.map(({ title, left, right }) => [title, left, right]), [["leaf", 1, 1]]);
  const alike = new Comparison({ project, classes: seen, suffix: "_nn", other: other("sibling", "_nn"), otherClasses: seen });
  assert.deepEqual(alike.compared, ["leaf_nn", "plot_nn"]);
});

test("a class that the ground truth does not know is not compared", () => {
  const comparison = new Comparison({ project, classes: truth, suffix, other: other("predictions"), otherClasses: classes("moon", "box") });
  assert.deepEqual(comparison.compared, ["box"]);
});

test("objects are counted by class and side, classes of the meta first", () => {
  const comparison = new Comparison({ project, classes: truth, suffix, other: other("predictions"), otherClasses: seen });
  const counts = comparison.counts([label("leaf"), label("unknown")], [label("leaf_nn"), label("leaf_nn")]);
  assert.deepEqual(counts.map(({ title, left, right }) => [title, left, right]),
    [["leaf", 1, 2], ["plot", 0, 0], ["box", 0, 0], ["unknown", 1, 0]]);
  assert.equal(counts[3].color, "#654321");
});

test("a project alone has its own titles", () => {
  const alone = new Comparison({ project, classes: seen, suffix, other: null, otherClasses: new Map() });
  assert.equal(alone.base("leaf_nn"), "leaf_nn");
  assert.deepEqual(alone.counts([label("leaf_nn")], []).map(({ title, left }) => [title, left]), [["leaf_nn", 1], ["plot_nn", 0]]);
});

test("an address keeps the filter, and the comparison where there is one", () => {
  /** @type {[string, string][]} */
  const filter = [["class", "a b"]];
  assert.equal(viewerAddress(3, 7, { filter: [], other: null, mode: "swipe" }), "/projects/3/images/7");
  assert.equal(viewerAddress(3, 7, { filter, other: 5, mode: "side" }), "/projects/3/images/7?class=a+b&with=5");
  assert.equal(viewerAddress(3, 7, { filter, other: 5, mode: "swipe" }), "/projects/3/images/7?class=a+b&with=5&mode=swipe");
});

test("an unknown mode is the first one", () => {
  assert.deepEqual(["side", "swipe", "difference", "none", null].map(modeOf), ["side", "swipe", "difference", "side", "side"]);
});

test("the pixels of a class are told, or why there are none", () => {
  assert.equal(areasText({ both: 1200, truth: 1300, predicted: 1201, iou: 0.9 }, true), "1,200 both · 100 missed · 1 extra");
  assert.equal(areasText({ both: 0, truth: 0, predicted: 0, iou: null }, true), "no pixel on either side");
  assert.equal(areasText(undefined, true), "", "not known yet");
  assert.match(areasText(undefined, false), /^not compared/);
});

test("an overlap has two digits, whole ones as well, and reads as 0 or 1 for nothing else", () => {
  assert.deepEqual([0.0001, 0.9999].map((iou) => overlapText({ iou })), ["<0.01", ">0.99"]);
  assert.deepEqual([0, 1, 0.5, 0.4949, 0.005].map((iou) => overlapText({ iou })), ["0.00", "1.00", "0.50", "0.49", "0.01"]);
  assert.deepEqual([overlapText({ iou: null }), overlapText(undefined)], ["–", "–"]);
});

test("a label tells its kind and its part of the image, or that it cannot be read", () => {
  assert.equal(labelText({ kind: "polygon", area: 50, broken: false }, 1000), "polygon · 5.0%");
  assert.equal(labelText({ kind: "bitmap", area: 0.1, broken: false }, 1000), "bitmap · <0.1%");
  assert.equal(labelText({ kind: "line", area: 0, broken: false }, 1000), "line");
  assert.equal(labelText({ kind: "", area: 0, broken: true }, 1000), "cannot be read");
});

test("an image that the filter does not match has no position", () => {
  assert.equal(positionText(2, 1500), "2 of 1,500");
  assert.equal(positionText(null, 10), "not among the 10 chosen");
});

test("a thousand labels do not look through the titles a thousand times", () => {
  const comparison = new Comparison({ project, classes: truth, suffix, other: other("predictions", "_nn"), otherClasses: seen });
  let reads = 0;
  const { titles } = comparison.right;
  comparison.right = { suffix: "_nn", get titles() { reads += 1; return titles; } };
  for (let i = 0; i < 1000; i += 1) {
    assert.equal(comparison.base(i % 2 ? "leaf_nn" : "moon"), i % 2 ? "leaf" : "moon");
    comparison.sides([label("leaf")], [label("leaf_nn")]);
    assert.deepEqual(comparison.compared, ["leaf", "plot"]);
  }
  assert.ok(reads < 10, `${reads}`);
});
