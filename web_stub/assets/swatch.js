// A spot of a class's or tag's colour.

import { el } from "./dom.js";
import { classColor } from "./labels.js";

export function swatch(title, color) {
  const spot = el("i.swatch", { "aria-hidden": "true" });
  spot.style.backgroundColor = classColor(title, color);
  return spot;
}
