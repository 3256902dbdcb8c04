// Nearly equal images of a project, side by side, and how far the search for them is.

/** @import { InsightsProgress, NearList, NearPair } from "./types" */
import { ask, attempt } from "./api.js";
import { $, el, fill } from "./dom.js";
import * as show from "./pure/format.js";
import { alikeText, imagesAddress, nearText, progressText } from "./pure/insights.js";

const PAGE = 12; // pairs
const PERIOD_MS = 1000; // between two looks at how far the search is
const SAMPLE = 320; // pixels

/**
 * A small picture of an image, which vanishes where it cannot be shown.
 * @param {number} id
 * @param {number} size in pixels
 */
export function sample(id, size) {
  const picture = el("img", {
    src: `/api/images/${id}/thumbnail?size=${size}`, alt: "", loading: "lazy", decoding: "async",
    onerror: () => picture.classList.add("lost"),
  });
  return picture;
}

/** @param {number} project its id */
export async function showNear(project) {
  const box = $("near-pairs");
  let offset = 0;

  /** @param {NearPair} pair */
  const drawn = (pair) => el(`div.twins${pair.is_across ? ".is-across" : ""}`, {},
    el("div.two", {}, ...pair.images.map((image) => el("a", { href: `/projects/${project}/images/${image.id}`, title: image.name },
      sample(image.id, SAMPLE), el("span.name", {}, image.name), el("span.split", {}, image.splits.join(", "))))),
    el("p.foot", {}, el("span", {}, alikeText(pair)), pair.is_across && el("span.tag", {}, "train ↔ val"),
      el("a", { href: imagesAddress(project, { finding: `near.${pair.images[0]?.id}` }) }, "all like these")));

  async function more() {
    /** @type {NearList} */
    const found = await ask(`/api/projects/${project}/insights/near?limit=${PAGE}&offset=${offset}`);
    box.append(...found.items.map(drawn));
    offset += found.items.length;
    $("near-more").hidden = found.next === null;
    return found;
  }

  const found = await watched(project, more, (progress) => {
    const bar = $("near-progress", HTMLProgressElement);
    bar.max = Math.max(progress.images, 1);
    bar.value = progress.pictures ?? 0;
    $("near-text").textContent = progressText(progress);
  });
  $("near-progress").hidden = true;
  const links = [
    found.leaks > 0 && el("a.button.small", { href: imagesAddress(project, { finding: "leak" }) }, "Images of train and val"),
    found.near > 0 && el("a.button.small", { href: imagesAddress(project, { finding: "near" }) }, "All nearly equal images"),
  ];
  $("near-text").textContent = nearText(found);
  $("near-rule").textContent = `Nearly equal: at most ${found.most_bits} of 64 bits of their hashes differ, and their miniatures by ${
    found.most_levels} of 256 levels on average.`;
  $("near-count").textContent = found.total ? show.counted(found.total, "pair") : "";
  fill($("near-links"), ...links);
  $("near-more").addEventListener("click", () => attempt(more));
}

/**
 * What the work gives. Until it is there, `tell` takes how far it is, again and again.
 * @template T
 * @param {number} project its id
 * @param {() => Promise<T>} work
 * @param {(progress: InsightsProgress) => void} tell
 */
export async function watched(project, work, tell) {
  let isDone = false;
  const watching = setInterval(() => attempt(async () => {
    /** @type {InsightsProgress} */
    const progress = await ask(`/api/projects/${project}/insights/progress`);
    if (!isDone && progressText(progress)) tell(progress);
  }), PERIOD_MS);
  try {
    return await work();
  } finally {
    isDone = true;
    clearInterval(watching);
  }
}
