// A chart as a file: SVG and PNG of the drawing, CSV of its numbers.

import { csvOf, fileName } from "../pure/compare/csv.js";
import { css, draw } from "./svg.js";

const SHARP = 2; // pixels of a PNG for each of the page

/** @param {Blob} blob @param {string} name */
function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The drawing by itself, with the page's ground and a title. @param {SVGSVGElement} drawing @param {string} title */
function standalone(drawing, title) {
  const copy = /** @type {SVGSVGElement} */ (drawing.cloneNode(true));
  for (const passing of copy.querySelectorAll("[data-passing]")) passing.remove();
  const { width, height } = drawing.viewBox.baseVal;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.prepend(draw("title", {}, title), draw("rect", { width, height, fill: css("--card") }));
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

/** @param {SVGSVGElement} drawing @param {string} title */
export function saveSvg(drawing, title) {
  download(new Blob([standalone(drawing, title).text], { type: "image/svg+xml" }), fileName(title, "svg"));
}

/** @param {SVGSVGElement} drawing @param {string} title */
export async function savePng(drawing, title) {
  const { text, width, height } = standalone(drawing, title);
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: width * SHARP, height: height * SHARP });
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!(blob instanceof Blob)) throw new Error("This browser makes no picture of the chart.");
    download(blob, fileName(title, "png"));
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** @param {unknown[][]} rows @param {string} title */
export const saveCsv = (rows, title) => download(new Blob([csvOf(rows)], { type: "text/csv" }), fileName(title, "csv"));
