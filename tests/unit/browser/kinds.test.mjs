import assert from "node:assert/strict";
import test from "node:test";

import { inputsText, kindText } from "../../../web_stub/assets/pure/kinds.js";

const plugin = { id: 1, name: "UNet" };

test("a task is called by what it does", () => {
  assert.deepEqual([kindText("train"), kindText("inference"), kindText("deploy")], ["Training", "Inference", "Deployed model"]);
});

test("a task without a project is told by its plugin alone", () => {
  assert.equal(inputsText({ plugin, project: { id: 2, name: "fruit" } }), "UNet · fruit");
  assert.equal(inputsText({ plugin, project: null }), "UNet");
});
