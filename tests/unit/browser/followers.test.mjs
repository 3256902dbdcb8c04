import assert from "node:assert/strict";
import { test } from "node:test";

import { Followers } from "../../../web_stub/assets/pure/followers.js";

/** @param {number} stream @param {string} mark @param {string} [id] */
const message = (stream, mark, id = "", name = id ? "batch" : "state") => ({ name, id, data: [`${stream} ${mark}`, "{}"] });

test("followers that are equally far share a place, the others have their own", () => {
  /** @type {Followers<string>} */
  const followers = new Followers();
  followers.follow("a", "tasks/1/stream", 10);
  followers.follow("b", "tasks/1/stream", 10);
  followers.follow("c", "tasks/1/stream", 12);
  followers.follow("d", "stream", 0);

  assert.deepEqual(followers.question(), [
    { address: "tasks/1/stream", after: 10, mark: "" },
    { address: "tasks/1/stream", after: 12, mark: "" },
    { address: "stream", after: 0, mark: "" },
  ]);
  assert.deepEqual(followers.take(message(0, "m.1", "11")), ["a", "b"]);
  assert.deepEqual(followers.take(message(2, "l.1")), ["d"]);
});

test("a new connection asks for what comes behind the last message, and those that met share a place", () => {
  /** @type {Followers<string>} */
  const followers = new Followers();
  followers.follow("a", "tasks/1/stream", 10);
  followers.follow("b", "tasks/1/stream", 12);
  followers.question();
  followers.take(message(0, "m.3", "13"));
  followers.take(message(1, "m.3", "13"));
  followers.take(message(1, "m.4"));
  followers.take(message(0, "m.4"));

  assert.deepEqual(followers.question(), [{ address: "tasks/1/stream", after: 13, mark: "m.4" }]);
  assert.deepEqual(followers.take(message(0, "m.4", "14")), ["a", "b"]);
});

test("every follower gets each event once, whenever connections break and others come and go", () => {
  /** @type {Followers<number>} */
  const followers = new Followers();
  /** @type {Map<number, number[]>} */
  const got = new Map();
  let seed = 7;
  const random = (/** @type {number} */ below) => { seed = (seed * 1103515245 + 12345) % 2 ** 31; return seed % below; };
  for (let round = 0; round < 60; round += 1) {
    const last = round * 10;
    followers.follow(round, "tasks/1/stream", last);
    got.set(round, [last]);
    if (round % 7 === 6) { followers.leave(round - 3); got.delete(round - 3); }
    const places = followers.question();
    assert.ok(places.length <= got.size);
    const ends = places.map(({ after }) => Math.max(after, last + random(11))); // the connection breaks somewhere
    places.forEach(({ after }, stream) => {
      for (let seq = after + 1; seq <= ends[stream]; seq += 1) {
        for (const one of followers.take(message(stream, "m.1", String(seq)))) got.get(one)?.push(seq);
      }
    });
  }
  for (const [, events] of got) events.forEach((seq, i) => assert.equal(seq, events[0] + i));
});

test("a stream that has ended is followed by nobody", () => {
  /** @type {Followers<string>} */
  const followers = new Followers();
  followers.follow("a", "tasks/1/stream", 0);
  followers.follow("b", "stream", 0);
  followers.question();

  assert.deepEqual(followers.take(message(0, "m.1", "", "end")), ["a"]);
  assert.deepEqual(followers.all, ["b"]);
  assert.equal(followers.isAsAsked, false);
  assert.deepEqual(followers.question().map(({ address }) => address), ["stream"]);
  assert.equal(followers.isAsAsked, true);
});

test("who has left gets nothing more, and a connection for it alone is not needed", () => {
  /** @type {Followers<string>} */
  const followers = new Followers();
  followers.follow("a", "stream", 0);
  followers.follow("b", "stream", 0);
  followers.follow("c", "models/stream", 0);
  followers.question();
  followers.leave("a");
  assert.equal(followers.isAsAsked, true);
  followers.leave("c");
  assert.equal(followers.isAsAsked, false);

  assert.deepEqual(followers.take(message(1, "m.1")), []);
  assert.deepEqual(followers.take(message(0, "l.1")), ["b"]);
  assert.deepEqual(followers.take(message(5, "l.1")), []);
});
