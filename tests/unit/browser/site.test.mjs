import assert from "node:assert/strict";
import { test } from "node:test";

import { at, rootOf, within } from "../../../web_stub/assets/pure/site.js";

test("the root is where the assets lie", () => {
  for (const root of ["/", "/proxy/8120/", "/user/ada/proxy/8120/", "/assets/of/ours/"]) {
    assert.equal(rootOf(`https://hub.example:8000${root}assets/pure/site.js`), root);
  }
});

test("an address goes to the browser and back", () => {
  for (const root of ["/", "/proxy/8120/"]) {
    for (const address of ["/", "/tasks/5?a=/b#L3", "/api/models"]) {
      assert.equal(at(address, root), root + address.slice(1));
      assert.equal(within(at(address, root), root), address);
    }
  }
});

test("other addresses stay", () => {
  for (const address of ["https://a/b", "//a/b", "#L3", "?a", "blob:x", "data:,x", ""]) assert.equal(at(address, "/x/"), address);
});
