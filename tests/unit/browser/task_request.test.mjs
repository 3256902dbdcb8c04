import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldsOf, hasMore, optionsOf, requestText, suggestedName } from "../../../web_stub/assets/pure/task_request.js";

const EMPTY = {
  engine: "", gpus: "", pull: "", memory: "", "time-limit": "", "idle-limit": "", grace: "", on: "", restarts: "", env: "",
  writable: false, hardened: false, evaluate: true,
};
const DEFAULTS = { engine: "auto", gpus: "auto", pull: "missing", hardened: false };

test("what is left open is left out: the agent's settings decide", () => {
  assert.deepEqual(optionsOf(EMPTY), { writable_data: false, hardened: false, env: {} });
});

test("units of the form become those of the request", () => {
  const options = optionsOf({ ...EMPTY, memory: "1.5", "time-limit": "2", "idle-limit": "0.5", grace: "10", gpus: "0, 1" });
  assert.deepEqual([options.memory_bytes, options.time_limit_s, options.idle_limit_s, options.stop_grace_s, options.gpus],
    [1.5 * 2 ** 30, 120, 30, 10, "0,1"]);
});

test("the environment is a variable a line; values may have equals signs and spaces", () => {
  const { env } = optionsOf({ ...EMPTY, env: " A=1\n\nB=x=y z \nC=\n" });
  assert.deepEqual(env, { A: "1", B: "x=y z", C: "" });
});

test("a line of the environment that is none is named", () => {
  for (const line of ["A", "=1", "A B=1"]) {
    assert.throws(() => optionsOf({ ...EMPTY, env: `OK=1\n${line}` }), { message: `The environment line “${line}” is not NAME=VALUE.` });
  }
});

test("a label that is none is named", () => {
  assert.deepEqual(optionsOf({ ...EMPTY, on: "zone=lab, gpu=a100," }).on, { zone: "lab", gpu: "a100" });
  assert.throws(() => optionsOf({ ...EMPTY, on: "zone" }), { message: "The label “zone” is not NAME=VALUE." });
});

test("options of an earlier task come back as they went out", () => {
  const given = {
    engine: "docker", gpus: "0,1", pull: "never", writable_data: true, stop_grace_s: 10, memory_bytes: 3 * 2 ** 30, hardened: true,
    time_limit_s: 90, idle_limit_s: 30, env: { A: "1", B: "x=y" }, on: { zone: "lab", gpu: "a100" }, restarts: 2,
    evaluate: false,
  };
  assert.deepEqual(optionsOf(fieldsOf(given, DEFAULTS)), given);
});

test("options that are the agent's own stay open", () => {
  const given = {
    engine: "auto", gpus: "auto", pull: "missing", writable_data: false, stop_grace_s: 0, memory_bytes: null, hardened: false,
    time_limit_s: null, idle_limit_s: null, env: {}, on: {}, restarts: 0, evaluate: true,
  };
  assert.deepEqual(fieldsOf(given, DEFAULTS), EMPTY);
});

test("the further options are shown where one of them is set", () => {
  assert.ok(!hasMore({ ...EMPTY, engine: "docker", gpus: "0" }));
  const set = { pull: "always", memory: "1", grace: "5", env: "A=1", on: "a=b", restarts: "1", writable: true, hardened: true,
    evaluate: false };
  for (const [key, value] of Object.entries(set)) {
    assert.ok(hasMore({ ...EMPTY, [key]: value }), key);
  }
});

test("the config goes as it was written", () => {
  const config = '{"b": 1.0, "a": 12345678901234567890, "10": 1, "2": 2}';
  const text = requestText({ type: "train", name: null }, config);
  assert.equal(text, `{"type":"train","name":null,"config":${config}}`);
  JSON.parse(text);
});

test("a name is suggested as soon as it can be told", () => {
  const [plugin, project] = [{ id: 1, name: "UNet" }, { id: 2, name: "Fruit" }];
  assert.equal(suggestedName("train", plugin, project), "Fruit UNet");
  assert.equal(suggestedName("train", null, project), "");
  assert.equal(suggestedName("inference", null, project), "Fruit predictions");
  assert.equal(suggestedName("inference", plugin, null), "");
});
