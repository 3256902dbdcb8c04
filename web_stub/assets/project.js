// One project: its images, and what is on them.

import { ask, attempt } from "./api.js";
import { $, el, firstData } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";
import { swatch } from "./swatch.js";

const PAGE = 60;

const first = firstData();
const { project, datasets, others } = first;
const url = new URLSearchParams(location.search);
const filter = { dataset: url.get("dataset"), class: url.get("class"), tag: url.get("tag"), text: url.get("text") };
let cursor = null;
let asked = 0; // what an older question answers is dropped
let loading = false;

function query(more = {}) {
  const wanted = Object.entries({ ...filter, ...more }).filter(([, value]) => value !== null && value !== "");
  return new URLSearchParams(wanted).toString();
}

function tile(image) {
  const picture = el("img", {
    src: image.thumbnail, alt: "", loading: "lazy", decoding: "async",
    onerror: (event) => { event.target.parentElement.classList.add("lost"); event.target.remove(); },
  });
  const objects = image.objects === null ? "annotation unreadable" : image.objects === 0 ? "no objects" : `${show.count(image.objects)} ${image.objects === 1 ? "object" : "objects"}`;
  return el("a.tile", { href: `/projects/${project.id}/images/${image.id}${query() ? `?${query()}` : ""}`, title: `${image.dataset.name}/${image.name}\n${image.width} × ${image.height} · ${show.bytes(image.size_bytes)}` },
    el("span.frame", {}, picture),
    el("span.tile-name", {}, image.name),
    el(`span.tile-facts${image.objects === null ? ".bad" : ""}`, {}, objects));
}

async function load(isFirst) {
  if (loading && !isFirst) return;
  loading = true;
  const mine = asked += isFirst ? 1 : 0;
  try {
    const page = await ask(`/api/projects/${project.id}/images?${query({ limit: PAGE, ...(isFirst ? {} : { cursor }) })}`);
    if (mine !== asked) return;
    cursor = page.next;
    if (isFirst) $("grid").replaceChildren();
    $("grid").append(...page.items.map(tile));
    const shown = $("grid").childElementCount;
    $("images-count").textContent = page.total > shown ? `${show.count(shown)} of ${show.count(page.total)}` : show.count(page.total);
    $("more").hidden = cursor === null;
    $("grid-none").hidden = page.total > 0;
    const isFiltered = query() !== "";
    $("grid-none").textContent = isFiltered ? "No image matches. Choose less." : "No images yet. They appear here once they are uploaded.";
  } finally {
    if (mine === asked) loading = false;
  }
}

function choose(changes) {
  Object.assign(filter, changes);
  history.replaceState(null, "", query() ? `?${query()}` : location.pathname);
  filters();
  attempt(() => load(true));
}

function filters() {
  $("datasets").hidden = datasets.length < 2;
  const all = { id: null, name: "All", images_count: project.images_count };
  $("datasets").replaceChildren(...[all, ...datasets].map((one) => {
    const id = one.id === null ? null : String(one.id);
    return el("button.chip", {
      type: "button", "aria-pressed": String(filter.dataset === id),
      onclick: () => { choose({ dataset: id }); $("datasets").querySelector("[aria-pressed=true]").focus(); },
    }, one.name, " ", el("b", {}, show.count(one.images_count)));
  }));
  const active = [["class", filter.class], ["tag", filter.tag]].filter(([, value]) => value !== null);
  $("active").hidden = active.length === 0;
  $("active").replaceChildren("Only images with ", ...active.flatMap(([kind, value], i) => [i ? " and " : "", el("button.chip", {
    type: "button", "aria-label": `Show images without ${value} too`, onclick: () => choose({ [kind]: null }),
  }, value, el("span", { "aria-hidden": "true" }, " ×"))]));
  for (const row of document.querySelectorAll("[data-kind]")) row.setAttribute("aria-pressed", String(filter[row.dataset.kind] === row.dataset.value));
}

const percent = (share) => (share === 0 ? "–" : share < 0.001 ? "<0.1%" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`);

function classRow(one, most) {
  const bar = el("span.share", { "aria-hidden": "true" }, el("i"));
  bar.firstChild.style.width = `${most > 0 ? (100 * one.area_share) / most : 0}%`;
  bar.firstChild.style.backgroundColor = swatch(one.title, one.color).style.backgroundColor;
  return el("button.stat", {
    type: "button", "data-kind": "class", "data-value": one.title, "aria-pressed": "false",
    title: `Show only images with ${one.title}`, onclick: () => choose({ class: filter.class === one.title ? null : one.title }),
  },
  el("span.stat-name", {}, swatch(one.title, one.color), el("span", {}, one.title || "(no class)"), el("small", {}, one.shape || "not in the meta")),
  el("span.stat-numbers", {}, el("b", {}, show.count(one.objects)), el("b", {}, show.count(one.images)), el("b", {}, percent(one.area_share))),
  bar);
}

function tagRow(one) {
  const uses = [one.images && `${show.count(one.images)} ${one.images === 1 ? "image" : "images"}`, one.objects && `${show.count(one.objects)} ${one.objects === 1 ? "object" : "objects"}`].filter(Boolean);
  return el("button.stat", {
    type: "button", "data-kind": "tag", "data-value": one.name, "aria-pressed": "false",
    title: `Show only images with ${one.name}`, onclick: () => choose({ tag: filter.tag === one.name ? null : one.name }),
  },
  el("span.stat-name", {}, swatch(one.name, one.color), el("span", {}, one.name), one.value_type && one.value_type !== "none" && el("small", {}, one.value_type.replace(/_/g, " "))),
  el("span.stat-uses", {}, uses.join(" · ") || "unused"));
}

async function statistics() {
  const counted = await ask(`/api/projects/${project.id}/statistics`);
  const most = Math.max(...counted.classes.map((one) => one.area_share), 0);
  $("classes-count").textContent = `${show.count(counted.objects)} objects`;
  $("classes").replaceChildren(...(counted.classes.length ? [
    el("p.stat-head", { "aria-hidden": "true" }, el("span", {}, "Class"), el("span.stat-numbers", {}, el("span", {}, "Objects"), el("span", {}, "Images"), el("span", { title: "Covered part of all pixels" }, "Area"))),
    ...[...counted.classes].sort((a, b) => b.objects - a.objects).map((one) => classRow(one, most)),
  ] : [el("p.quiet", {}, "This project defines no classes.")]));
  const bare = counted.images - counted.labeled_images;
  const notes = [bare && `${show.count(bare)} ${bare === 1 ? "image has" : "images have"} no objects.`, counted.broken && `${show.count(counted.broken)} labels cannot be read.`].filter(Boolean);
  if (notes.length) $("classes").append(el("p.stat-note", {}, notes.join(" ")));
  $("tags-card").hidden = counted.tags.length === 0;
  $("tags-count").textContent = show.count(counted.tags.length);
  $("tags").replaceChildren(...counted.tags.map(tagRow));
  filters();
}

function head() {
  const facts = [["Images", show.count(project.images_count)], ["Size", show.bytes(project.size_bytes)], ["Datasets", show.count(datasets.length)], ["Added", show.dateTime(project.created_at)]];
  if (project.task_id !== null) facts.push(["Made by", el("a", { href: `/tasks/${project.task_id}` }, `Task ${project.task_id}`)]);
  if (project.source) facts.push(["Predictions for", el("a", { href: `/projects/${project.source.id}` }, project.source.name)]);
  $("facts").replaceChildren(...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  const results = others.filter((one) => one.role === "predictions");
  $("results-card").hidden = results.length === 0;
  $("results-count").textContent = show.count(results.length);
  $("results").replaceChildren(...results.map((one) => el("div.result", {},
    el("a", { href: `/projects/${one.id}` }, one.name),
    el("a.button.small", { href: `/projects/${project.id}/images?with=${one.id}`, "aria-label": `Compare ${one.name} with the ground truth` }, "Compare"))));
  const [truth, result] = project.source ? [project.source.id, project.id] : [project.id, results[0]?.id];
  if (result !== undefined && project.images_count > 0) {
    $("compare").hidden = false;
    $("compare").href = `/projects/${truth}/images?with=${result}`;
  }
}

$("search").value = filter.text ?? "";
let typed;
$("search").addEventListener("input", (event) => {
  clearTimeout(typed);
  typed = setTimeout(() => choose({ text: event.target.value.trim() }), 200);
});
$("more").addEventListener("click", () => attempt(() => load(false)));
new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) attempt(() => load(false));
}, { rootMargin: "900px" }).observe($("more"));
head();
filters();
attempt(() => load(true));
attempt(statistics).then((done) => { if (done === undefined && $("classes").textContent === "Counting…") $("classes").firstChild.textContent = "The classes could not be counted."; });
