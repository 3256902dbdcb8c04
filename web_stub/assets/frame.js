// The frame of every page: its button for logging out.

import { ask, attempt } from "./api.js";
import { setAhead } from "./pure/clock.js";
import { at } from "./pure/site.js";

const made = Number(document.querySelector("meta[name=server-time]")?.getAttribute("content"));
const [loaded] = performance.getEntriesByType("navigation");
if (made && loaded instanceof PerformanceNavigationTiming) { // the page was made just before its first byte came
  setAhead(made - (Date.now() - (performance.now() - loaded.responseStart)));
}

document.getElementById("logout")?.addEventListener("click", () => attempt(async () => {
  await ask("/logout", { method: "POST" });
  location.href = at("/login");
}));
