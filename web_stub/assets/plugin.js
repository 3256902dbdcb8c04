// One plugin: colours for its presets, times as a person reads them.

import { json } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";

for (const element of document.querySelectorAll("[data-json]")) element.replaceChildren(json(JSON.parse(element.textContent)));
for (const element of document.querySelectorAll("[data-time]")) {
  element.textContent = show.ago(element.dateTime);
  element.title = show.dateTime(element.dateTime);
}
