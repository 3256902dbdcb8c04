import assert from "node:assert/strict";
import { test } from "node:test";

import {
  confidenceOf, curlText, gpuChoices, isSure, modeConfig, pythonText, regionBetween, timesText, wayOf,
} from "../../../web_stub/assets/pure/try_it.js";

const size = { width: 640, height: 480 };

test("a region is what is cut off at each side", () => {
  const { name, bounds } = modeConfig("roi", size, [10, 20, 110, 220], null);
  assert.deepEqual([name, bounds], ["roi", { left: "10px", top: "20px", right: "530px", bottom: "260px" }]);
  assert.deepEqual(modeConfig("roi", size, null, null).bounds, { left: "0px", top: "0px", right: "0px", bottom: "0px" });
});

test("a window is never larger than the image, and windows overlap by less than a window", () => {
  for (const side of [1, 2, 20, 33, 100, 256, 5000]) {
    /** @type {any} */
    const { window, min_overlap: overlap } = modeConfig("sliding_window", { width: side, height: 300 }, null, null);
    assert.ok(window.width <= side && window.width >= 1 && overlap.x < window.width, String(side));
  }
});

test("a model that gives boxes only is asked for boxes in windows", () => {
  const boxes = { classes: [{ title: "a", shape: "rectangle" }] };
  const mixed = { classes: [...boxes.classes, { title: "b", shape: "bitmap" }] };
  const names = [boxes, mixed, { classes: [] }, null].map((meta) => modeConfig("sliding_window", size, null, meta).name);
  assert.deepEqual(names, ["sliding_window_det", "sliding_window", "sliding_window", "sliding_window"]);
});

test("a region has whole pixels, lies in the image, whichever corner came first; a click is none", () => {
  assert.deepEqual(regionBetween([50.7, 700], [-3, 10.2], size), [0, 10, 51, 480]);
  assert.equal(regionBetween([50, 50], [52.5, 300], size), null);
});

test("objects without a confidence are shown whatever is asked for", () => {
  assert.equal(confidenceOf(["x", { name: "confidence", value: "0.9" }, { name: "confidence", value: 0.25 }]), 0.25);
  assert.equal(confidenceOf([null, 3]), null);
  assert.deepEqual([0.2, 0.25, 0.3].map((least) => isSure([{ name: "confidence", value: 0.25 }], least)), [true, true, false]);
  assert.equal(isSure([], 1), true);
});

test("the same question as a command and as a program, with odd names of files", () => {
  const mode = { name: "roi", save: false, of: [1, null] };
  const command = curlText("http://127.0.0.1:8120", 7, "it's $HOME.jpg", mode);
  assert.ok(command.includes(`'image=@it'\\''s $HOME.jpg'`) && command.includes('"x-api-key: $TOKEN"'), command);
  const program = pythonText("http://127.0.0.1:8120", 7, 'a"b.jpg', mode);
  assert.ok(program.includes('sly.image.read("a\\"b.jpg")'), program);
  assert.ok(program.includes('mode = {"name": "roi", "save": False, "of": [1, None]}'), program);
});

test("times are milliseconds, short ones with a fraction", () => {
  const text = timesText({ queue_s: 0.0004, transfer_s: 0.0021, model_s: 0.25, total_s: 0.2525 });
  assert.equal(text, "253 ms: waiting 0.4 ms · transfer 2.1 ms · model 250 ms");
});

test("an unknown way is the whole image", () => {
  assert.deepEqual([null, "roi", "x", "sliding_window"].map(wayOf), ["full_image", "roi", "full_image", "sliding_window"]);
});

test("a model is started on a GPU that some machine has", () => {
  assert.deepEqual(gpuChoices(2).choices.map(({ value }) => value), ["", "0", "1", "all", "none"]);
  assert.deepEqual(gpuChoices(null).choices.map(({ value }) => value), ["", "all", "none"]);
  assert.deepEqual([gpuChoices(2).why, gpuChoices(null).why], ["", ""]);
});

test("where no machine has a GPU, the page says so and offers no choice", () => {
  const { choices, why } = gpuChoices(0);
  assert.deepEqual([choices.length, why], [1, "No machine whose agent runs has a GPU."]);
});
