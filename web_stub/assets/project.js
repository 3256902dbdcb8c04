// One project: its images, narrowed by dataset, class, tag and name.

/** @import { Image, ImageList, ProjectPage } from "./types" */
/** @import { Filter } from "./pure/gallery.js" */
import { ask, attempt } from "./api.js";
import { care } from "./care.js";
import { $, el, fill, firstData, input } from "./dom.js";
import { drawEvaluations } from "./evaluation/cards.js";
import "./frame.js";
import { chips, onPause } from "./pieces.js";
import { drawHead, drawResults, drawStatistics } from "./project_side.js";
import { asked, filterOf, imageTitle, objectsText, queryOf, shownText } from "./pure/gallery.js";
import { findingText } from "./pure/insights.js";
import { Tiles } from "./tiles.js";

const PAGE = 60;
const AHEAD = "900px"; // below the window, from where further images are loaded
const PAUSE_MS = 200;

/** @type {ProjectPage} */
const first = firstData();
const { project, datasets } = first;
const filter = filterOf(location.search);
/** @type {number | null} */
let cursor = null;
let turn = 0; // grows with every new question; the answer to an older question is dropped
let isLoading = false;

/** @param {Image} image */
function tile(image) {
  const picture = el("img", {
    src: image.thumbnail, alt: "", loading: "lazy", decoding: "async",
    onerror: () => { picture.parentElement?.classList.add("lost"); picture.remove(); },
  });
  const href = `/projects/${project.id}/images/${image.id}${asked(queryOf(filter))}`;
  return el("a.tile", { href, title: imageTitle(image) },
    el("span.frame", {}, picture),
    el("span.tile-name", {}, image.name),
    el(`span.tile-facts${image.objects === null ? ".bad" : ""}`, {}, objectsText(image.objects)));
}

/** @type {Tiles<Image>} */
const tiles = new Tiles($("grid"), tile);
const near = new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) attempt(() => load(false));
}, { rootMargin: AHEAD });

/** @param {boolean} isFirst whether the images replace the shown images */
async function load(isFirst) {
  if (isLoading && !isFirst) return;
  isLoading = true;
  if (isFirst) turn += 1;
  const mine = turn;
  try {
    const query = queryOf(filter, { limit: PAGE, cursor: isFirst ? null : cursor });
    /** @type {ImageList} */
    const page = await ask(`/api/projects/${project.id}/images?${query}`);
    if (mine !== turn) return;
    cursor = page.next;
    if (isFirst) tiles.replace(page.items);
    else tiles.append(page.items);
    $("images-count").textContent = shownText(tiles.count, page.total);
    $("more").hidden = cursor === null;
    near.unobserve($("more")); // so that it tells anew: after these images there may still be room
    near.observe($("more"));
    $("grid-none").hidden = page.total > 0;
    $("grid-none").textContent = queryOf(filter) === ""
      ? "No images yet. They appear here once they are uploaded." : "No image matches. Choose less.";
  } finally {
    if (mine === turn) isLoading = false;
  }
}

/** @param {Partial<Filter>} changes */
function choose(changes) {
  Object.assign(filter, changes);
  history.replaceState(null, "", asked(queryOf(filter)) || location.pathname);
  drawFilters();
  attempt(() => load(true));
}

function drawFilters() {
  $("datasets").hidden = datasets.length < 2;
  const all = { key: null, title: "All", count: project.images_count };
  const each = datasets.map((one) => ({ key: String(one.id), title: one.name, count: one.images_count }));
  const offered = [all, ...each].map((one) => ({ ...one, isChosen: filter.dataset === one.key }));
  chips($("datasets"), offered, (dataset) => choose({ dataset }));
  const kinds = /** @type {const} */ (["class", "also", "tag", "finding"]);
  const active = kinds.flatMap((kind) => {
    const value = filter[kind];
    return value === null ? [] : [{ kind, text: kind === "finding" ? findingText(value, first.words) : value }];
  });
  $("active").hidden = active.length === 0;
  const head = filter.finding === null ? "Only images with " : "Only these images: ";
  fill($("active"), head, ...active.flatMap(({ kind, text }, i) => [i ? " and " : "", el("button.chip", {
    type: "button", "aria-label": `Show images without ${text} too`, onclick: () => choose({ [kind]: null }),
  }, text, el("span", { "aria-hidden": "true" }, " ×"))]));
  for (const row of document.querySelectorAll("[data-kind]")) {
    const kind = /** @type {"class" | "tag"} */ (row.getAttribute("data-kind"));
    row.setAttribute("aria-pressed", String(filter[kind] === row.getAttribute("data-value")));
  }
}

/** Choose a class or tag; choosing it again lets it go. @param {"class" | "tag"} kind @param {string} value */
const toggle = (kind, value) => choose({ [kind]: filter[kind] === value ? null : value });

async function statistics() {
  drawStatistics(await ask(`/api/projects/${project.id}/statistics`), toggle);
  drawFilters();
  return true;
}

input("search").value = filter.text ?? "";
onPause(input("search"), PAUSE_MS, (text) => choose({ text }));
$("more").addEventListener("click", () => attempt(() => load(false)));
drawHead(first);
drawResults(first);
drawFilters();
attempt(() => load(true));
attempt(statistics).then((isDone) => {
  if (!isDone) fill($("classes"), el("p.quiet", {}, "The classes could not be counted."));
});
attempt(() => drawEvaluations("project", project.id));
care("project", project);
