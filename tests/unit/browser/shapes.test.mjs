import assert from "node:assert/strict";
import { test } from "node:test";

import { boxOf, ringArea, shapeOf, whole } from "../../../web_stub/assets/pure/shapes.js";

const SIZE = { width: 80, height: 60 };

/** @param {any} object @param {unknown} [shape] of its class */
const read = (object, shape) => shapeOf(object, shape, SIZE);

/** @param {unknown} exterior @param {unknown} [interior] */
const points = (exterior, interior = []) => ({ points: { exterior, interior } });

test("a polygon goes through the middles of its pixels, and its holes do not count", () => {
  const { kind, rings, area, box, open } = read(points([[40, 5], [70, 5], [70, 25], [40, 25]], [[[50, 10], [60, 10], [60, 20], [50, 20]]]));
  assert.equal(kind, "polygon");
  assert.deepEqual(rings.map((ring) => ring[0]), [[40.5, 5.5], [50.5, 10.5]]);
  assert.equal(area, 30 * 20 - 10 * 10);
  assert.deepEqual(box, [40, 5, 71, 26]);
  assert.equal(open, false);
});

test("a rectangle has its last pixels whole, whichever corners were given", () => {
  for (const corners of [[[5, 30], [24, 49]], [[24, 30], [5, 49]]]) {
    const { kind, rings, area, box } = read(points(corners), "rectangle");
    assert.deepEqual([kind, area, box], ["rectangle", 20 * 20, [5, 30, 25, 50]]);
    assert.deepEqual(rings, [[[5, 30], [25, 30], [25, 50], [5, 50]]]);
  }
});

test("two points are a line where nothing says that they are corners", () => {
  assert.equal(read(points([[40, 40], [70, 40]])).kind, "line");
  assert.equal(read(points([[40, 40], [70, 40]]), "line").open, true);
  assert.equal(read(points([[1, 1], [5, 1], [9, 9]]), "line").kind, "line");
  assert.equal(read({ ...points([[1, 1], [5, 5]]), geometryType: "rectangle" }).kind, "rectangle");
});

test("the class says the shape, and the object only in a class of any shape", () => {
  const object = { ...points([[1, 1], [5, 5]]), geometryType: "rectangle" };
  assert.equal(read(object, "any").kind, "rectangle");
  assert.equal(read(object, "line").kind, "line");
  assert.equal(read({ ...object, bitmap: null }, "rectangle").kind, "rectangle");
  assert.throws(() => read(object, "graph"));
  assert.throws(() => read(object, "mask_3d"));
  assert.throws(() => read(points([[1, 1], [5, 5], [9, 9]]), "rectangle"));
});

test("a cuboid has three faces of four points", () => {
  const corners = [[0, 0], [4, 0], [4, 4], [0, 4], [6, 2], [6, 6], [2, 6]];
  const faces = [[0, 1, 2, 3], [1, 4, 5, 2], [2, 5, 6, 3]];
  const { kind, rings, area, box } = read({ points: /** @type {any} */ (corners), faces }, "cuboid");
  assert.deepEqual([kind, rings.length, area, box], ["cuboid", 3, 16 + 8 + 8, [0, 0, 7, 7]]);
  assert.throws(() => read({ points: /** @type {any} */ (corners), faces: [[0, 1, 2, 99]] }, "cuboid"));
});

test("a point and a graph are dots in the middles of pixels", () => {
  assert.deepEqual(read(points([[60, 52]]), "point").dots, [[60.5, 52.5]]);
  const graph = read({ nodes: { a: { loc: [1, 2] }, b: { loc: [3, 4] } } });
  assert.deepEqual([graph.kind, graph.dots, graph.box], ["graph", [[1.5, 2.5], [3.5, 4.5]], [1, 2, 4, 5]]);
});

test("fractions are rounded half to even, as plugins read them", () => {
  assert.deepEqual([0.5, 1.5, 2.5, -1.5, 2.4, 2.6, 7].map(whole), [0, 2, 2, -2, 2, 3, 7]);
  assert.deepEqual(read(points([[1.5, 1], [6.5, 4]]), "rectangle").box, [2, 1, 7, 5]);
});

test("points far outside are moved nearer, so that drawing them stays possible", () => {
  const { box } = read(points([[0, 0], [1e300, 5], [3, -1e18]]));
  assert.ok(box.every((value) => Math.abs(value) <= 1e5 + 81));
});

test("holes that are no list are none, and more hole than polygon leaves nothing", () => {
  assert.equal(read(points([[0, 0], [10, 0], [0, 10]], "holes")).area, 50);
  assert.equal(read(points([[0, 0], [2, 0], [0, 2]], [[[0, 0], [9, 0], [0, 9]]])).area, 0);
});

test("an object without points, or with points that are none, cannot be read", () => {
  const broken = [
    {}, { points: null }, { points: {} }, points([]), points("text"), points([["a", 0]]), points([[1]]), points([null]),
    points([[0, 0], [1, 1], [2, NaN]]), points([[0, 0], [9, 9], [0, 9]], [[["x", 1]]]), { nodes: {} }, { nodes: { a: {} } },
  ];
  for (const object of broken) assert.throws(() => read(object), JSON.stringify(object));
});

test("a ring may have more points than a call may have arguments", () => {
  const ring = Array.from({ length: 300_000 }, (_, i) => /** @type {[number, number]} */ ([i % 70, i % 50]));
  assert.deepEqual(boxOf(ring), [0, 0, 70, 50]);
});

test("the area of a ring is the same in both directions", () => {
  /** @type {[number, number][]} */
  const ring = [[0, 0], [4, 0], [4, 3]];
  assert.equal(ringArea(ring), 6);
  assert.equal(ringArea([...ring].reverse()), 6);
});
