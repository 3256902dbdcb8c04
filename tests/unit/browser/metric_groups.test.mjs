import assert from "node:assert/strict";
import { test } from "node:test";

import { PINNED, groupsOf, listOf, listText, prefixOf, toggled } from "../../../web_stub/assets/pure/metric_groups.js";

const NO_VIEW = { words: "", pinned: [], turned: [] };
const many = Array.from({ length: 600 }, (_, i) => (i % 2 ? `head${i % 20}/iou_${i}` : `loss_${i}`));

test("a prefix ends at the first sign that parts a name, or before the number of a name", () => {
  assert.deepEqual(["train/loss", "layer.3.grad", "loss_17", "loss17", "lr", "/odd", "17", "a: b"].map(prefixOf),
    ["train", "layer", "loss", "loss", "lr", "/odd", "17", "a"]);
});

test("a few metrics stand together without a title", () => {
  assert.deepEqual(groupsOf(["a/loss", "a/iou", "lr"], NO_VIEW),
    [{ key: "", title: "", names: ["a/loss", "a/iou", "lr"], isOpen: true }]);
});

test("many metrics stand by prefix, in their order, and only the first group is open", () => {
  const groups = groupsOf([...many, "single"], NO_VIEW);
  assert.deepEqual(groups.map(({ title }) => title), ["loss", ...[1, 3, 5, 7, 9, 11, 13, 15, 17, 19].map((i) => `head${i}`), "Other"]);
  assert.deepEqual(groups.map(({ isOpen }) => isOpen), [true, ...Array(11).fill(false)]);
  assert.equal(groups.flatMap(({ names }) => names).length, 601);
});

test("pinned metrics come first, a person folds and opens, and a search opens what it finds", () => {
  const [first, second] = groupsOf(many, { words: "", pinned: ["head3/iou_3"], turned: ["loss", "head1"] });
  assert.deepEqual([first.key, first.names, first.isOpen], [PINNED, ["head3/iou_3"], true]);
  assert.deepEqual([second.key, second.isOpen], ["loss", false]);
  const found = groupsOf(many, { ...NO_VIEW, words: "IOU_1 head" });
  assert.ok(found.every(({ isOpen, names }) => isOpen && names.every((name) => name.includes("iou_1"))));
  assert.deepEqual(groupsOf(many, { ...NO_VIEW, words: "nothing" }), []);
});

test("a list of names survives the address, whatever is in the names", () => {
  const names = ["a,b", "50%", "ä/ö", PINNED, "%2C"];
  assert.deepEqual(listOf(listText(names)), names);
  assert.deepEqual(listOf("%E0%A4%A,b,,"), ["b"]);
  assert.deepEqual(toggled(toggled(["a"], "b"), "a"), ["b"]);
});
