// What every page's frame does.

import { ask, attempt } from "./api.js";
import { $ } from "./dom.js";

$("logout")?.addEventListener("click", () => attempt(async () => {
  await ask("/logout", { method: "POST" });
  location.href = "/login";
}));
