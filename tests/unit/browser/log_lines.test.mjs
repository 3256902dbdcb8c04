import assert from "node:assert/strict";
import { test } from "node:test";

import {
  besideMessage, footText, isWanted, lineQuery, linkedLine, stackOf, tracebackOf,
} from "../../../web_stub/assets/pure/log_lines.js";

test("lines of the wanted level and above are shown", () => {
  const levels = ["trace", "debug", "info", "warn", "error", "fatal"];
  assert.deepEqual(levels.filter((level) => isWanted({ level, event_type: null }, "warn", false)), ["warn", "error", "fatal"]);
  assert.ok(levels.every((level) => isWanted({ level, event_type: null }, "trace", false)));
});

test("lines of metrics and progress are shown only where they are wanted", () => {
  for (const type of ["METRICS", "PROGRESS"]) {
    assert.deepEqual([true, false].map((wanted) => isWanted({ level: "info", event_type: type }, "info", wanted)), [true, false]);
  }
  assert.ok(isWanted({ level: "info", event_type: "CHECKPOINT" }, "info", false));
});

test("fields stand beside the message, texts as they are, other values as JSON, the stack apart", () => {
  const { fields, stack } = besideMessage({ body: { epoch: 3, stack: ["a", "b"] }, fields: { name: "x y", size: { w: 1 } } });
  assert.equal(fields, 'epoch=3  name=x y  size={"w":1}');
  assert.deepEqual(stack, ["a", "b"]);
  assert.deepEqual(besideMessage({ body: null, fields: null }), { fields: "", stack: [] });
});

test("beside a message there is no sequence of terminals, at any depth", () => {
  const red = (/** @type {string} */ text) => `\x1b[31m${text}\x1b[0m\x1b[K`;
  const body = { stack: [red("a"), "b"], [red("k")]: red("v") };
  const { fields, stack } = besideMessage({ body, fields: { deep: [{ x: red("y") }] } });
  assert.equal(fields, 'k=v  deep=[{"x":"y"}]');
  assert.deepEqual(stack, ["a", "b"]);
});

test("a stack that is none is empty", () => {
  assert.deepEqual([null, {}, { stack: "text" }, { stack: ["a", 1] }].map(stackOf), [[], [], [], ["a", "1"]]);
});

test("an address links to a line by its number alone", () => {
  assert.deepEqual(["#L12", "#L", "#L1x", "", "#line"].map(linkedLine), [12, 0, 0, 0, 0]);
});

/** @param {Partial<Parameters<typeof footText>[0]>} log */
const foot = (log) => footText({ shown: 0, matching: 0, all: 0, text: "", missing: 0, hasEarlier: false, hasLater: false, ...log });

test("the foot tells how many lines of how many are here, fit, and exist", () => {
  assert.equal(foot({}), "Nothing printed yet");
  assert.equal(foot({ shown: 1200, matching: 1200, all: 1200 }), "All 1,200 lines");
  assert.equal(foot({ shown: 300, matching: 1200, all: 1200, hasEarlier: true }), "300 of 1,200 lines here; scroll up for earlier ones");
  assert.equal(foot({ shown: 3, matching: 3, all: 1200 }),
    "3 of 1,200 lines fit the filter; the others are metric lines, or below the level");
  assert.equal(foot({ matching: 0, all: 1200 }), "0 of 1,200 lines fit the filter");
  assert.equal(foot({ shown: 300, matching: 900, all: 20_000, text: "loss", hasEarlier: true, hasLater: true }),
    "300 of 900 lines here; scroll up for earlier ones, down for later ones · 900 of 20,000 lines contain “loss”");
  assert.equal(foot({ shown: 2, matching: 2, all: 5000, text: "loss" }), "2 of 5,000 lines contain “loss”");
  assert.equal(foot({ shown: 300, matching: 300, all: 300, missing: 5000 }), "There is no line 5,000; the log has 300 lines so far");
});

test("a question has the filter and the place, and nothing that is the server's default", () => {
  assert.equal(lineQuery({ level: "trace", text: "", lines: "all" }, {}), "");
  assert.equal(lineQuery({ level: "error", text: "a b", lines: "" }, { before: 9, newest: true }),
    "before=9&newest=true&level=error&metrics=false&text=a+b");
  assert.equal(lineQuery({ level: "no level", text: "", lines: "all" }, {}), "");
});

test("the last printed traceback is found among the plugin's lines, up to the end", () => {
  /** @type {(stream: "agent" | "stdout" | "stderr", message: string) => {stream: any, message: string}} */
  const line = (stream, message) => ({ stream, message });
  const first = "Traceback (most recent call last):";
  assert.deepEqual(tracebackOf([
    line("stderr", first), line("stderr", "OSError: caught"), line("stdout", "going on"),
    line("stderr", first), line("agent", "noticed"), line("stderr", "  File x"), line("stderr", "KeyError: 'a'"),
  ]), [first, "  File x", "KeyError: 'a'"]);
  assert.deepEqual(tracebackOf([line("stderr", "no traceback"), line("agent", first)]), []);
});

test("a traceback in colours is found, and shown without them", () => {
  const line = (/** @type {string} */ message) => ({ stream: /** @type {const} */ ("stderr"), message });
  assert.deepEqual(tracebackOf([line("\x1b[31mTraceback (most recent call last):\x1b[0m"), line("\x1b[1mKeyError\x1b[0m: 'a'")]), [
    "Traceback (most recent call last):", "KeyError: 'a'",
  ]);
});

test("an endless traceback is cut", () => {
  const lines = Array.from({ length: 500 }, (_, i) => ({ stream: /** @type {const} */ ("stderr"), message: `line ${i}` }));
  lines[0].message = "Traceback (most recent call last):";
  assert.equal(tracebackOf(lines).length, 80);
});
