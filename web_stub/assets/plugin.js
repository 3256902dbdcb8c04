// One plugin: colours for its presets, times as a person reads them.

import { fill, json } from "./dom.js";
import "./frame.js";
import { portability } from "./portability.js";
import * as show from "./pure/format.js";

portability(`plugins/${location.pathname.split("/").at(-1)}`);
for (const element of document.querySelectorAll("[data-json]")) fill(element, json(JSON.parse(element.textContent)));
for (const element of document.querySelectorAll("time")) {
  element.textContent = show.ago(element.dateTime);
  element.title = show.dateTime(element.dateTime);
}
