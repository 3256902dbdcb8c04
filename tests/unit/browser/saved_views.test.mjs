import assert from "node:assert/strict";
import { test } from "node:test";

import { renamed, viewAt, viewQuery, viewsOf, withView, withoutView } from "../../../web_stub/assets/pure/saved_views.js";

const VIEWS = [{ name: "best", query: "sort=-id" }, { name: "all", query: "" }];

test("what is stored is read, and what cannot be read is no view", () => {
  assert.deepEqual(viewsOf(JSON.stringify(VIEWS)), VIEWS);
  for (const text of [null, "", "{", "7", '{"name": "x"}', '[{"name": 1, "query": ""}, null]']) assert.deepEqual(viewsOf(text), []);
});

test("a view has what was chosen, without page, selection and opened groups", () => {
  assert.equal(viewQuery("?sort=-id&page=3&selected=1,2&open=%5B%5D&where=a"), "sort=-id&where=a");
  assert.deepEqual(viewAt(VIEWS, "?page=2&sort=-id"), VIEWS[0]);
  assert.equal(viewAt(VIEWS, "?sort=id"), null);
});

test("a view of the same name is replaced at its place, and a name is tidied", () => {
  assert.deepEqual(withView(VIEWS, "  best ", "?text=x&page=2")[0], { name: "best", query: "text=x" });
  assert.deepEqual(withView(VIEWS, "new   one", "?text=x")[2], { name: "new one", query: "text=x" });
  assert.equal(withView(VIEWS, " ", "?text=x"), VIEWS);
});

test("a view is renamed to a free name only, and removed", () => {
  assert.deepEqual(renamed(VIEWS, "best", "top").map(({ name }) => name), ["top", "all"]);
  assert.equal(renamed(VIEWS, "best", "all"), VIEWS);
  assert.equal(renamed(VIEWS, "best", " "), VIEWS);
  assert.deepEqual(withoutView(VIEWS, "best"), [VIEWS[1]]);
});
