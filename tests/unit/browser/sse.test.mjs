import assert from "node:assert/strict";
import { test } from "node:test";

import { SseReader } from "../../../web_stub/assets/pure/sse.js";

const TEXT = ': ping\n\nretry: 1000\n\ndata: 0 m.1\nevent: batch\ndata: {"a": "b: c"}\nid: 12\n\n: ping\n\nevent: end\ndata:x\n\ndata\n\n';
const MESSAGES = [
  { name: "batch", id: "12", data: ["0 m.1", '{"a": "b: c"}'] },
  { name: "end", id: "", data: ["x"] },
  { name: "message", id: "", data: [""] },
];

test("messages are read, comments and times to wait are not", () => {
  assert.deepEqual(new SseReader().read(TEXT), MESSAGES);
});

test("messages are the same wherever the text is cut", () => {
  for (let size = 1; size < TEXT.length; size += 1) {
    const reader = new SseReader();
    const messages = [];
    for (let at = 0; at < TEXT.length; at += size) messages.push(...reader.read(TEXT.slice(at, at + size)));
    assert.deepEqual(messages, MESSAGES, `in pieces of ${size}`);
  }
});

test("the beginning of a message is no message", () => {
  assert.deepEqual(new SseReader().read("event: batch\ndata: {}\n"), []);
});
