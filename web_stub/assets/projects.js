// The list of projects.

import { ask, attempt } from "./api.js";
import { $, el, firstData } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";
import { swatch } from "./swatch.js";

const GROUPS = [
  ["all", "All", () => true],
  ["own", "Brought along", (project) => project.task_id === null],
  ["made", "Predictions", (project) => project.task_id !== null],
];
const SHOWN_CLASSES = 6;

const first = firstData();
const projects = first.items;
let cursor = first.next;
let group = "all";
let words = "";

function matches(project) {
  const text = `${project.id} ${project.name} ${project.classes.map((one) => one.title).join(" ")}`.toLowerCase();
  return GROUPS.find(([key]) => key === group)[2](project) && words.split(/\s+/).every((word) => text.includes(word));
}

function picture(address) {
  return el("img", { src: address, alt: "", loading: "lazy", decoding: "async", onerror: (event) => event.target.classList.add("lost") });
}

function card(project) {
  const { classes } = project;
  const facts = [`${show.count(project.images_count)} ${project.images_count === 1 ? "image" : "images"}`, show.bytes(project.size_bytes),
    `${project.datasets_count} ${project.datasets_count === 1 ? "dataset" : "datasets"}`];
  return el("article.card.project-card", {},
    el(`div.cover.n-${project.cover.length}`, { "aria-hidden": "true" }, ...(project.cover.length ? project.cover.map(picture) : [el("span", {}, "No images")])),
    el("div.project-text", {},
      el("h2", {}, el("a", { href: `/projects/${project.id}` }, project.name)),
      el("p.under", {}, facts.join(" · ")),
      el("p.class-chips", {}, ...classes.slice(0, SHOWN_CLASSES).map((one) => el("span.class-chip", {}, swatch(one.title, one.color), one.title)),
        classes.length > SHOWN_CLASSES && el("span.quiet", {}, `+${classes.length - SHOWN_CLASSES}`),
        !classes.length && el("span.quiet", {}, "No classes")),
      project.source && el("p.origin", {}, el("span.tag", {}, "predictions"), " for ", el("a", { href: `/projects/${project.source.id}` }, project.source.name)),
      el("p.made", {}, project.task_id !== null ? el("a", { href: `/tasks/${project.task_id}` }, `Task ${project.task_id}`) : "Brought along",
        el("span", { title: show.dateTime(project.created_at) }, ` · ${show.ago(project.created_at)}`))));
}

function draw() {
  const wanted = projects.filter(matches);
  $("cards").replaceChildren(...wanted.map(card));
  $("chips").replaceChildren(...GROUPS.map(([key, title, test]) => el("button.chip", {
    type: "button",
    "aria-pressed": String(key === group),
    onclick: () => { group = key; draw(); $("chips").querySelector("[aria-pressed=true]").focus(); },
  }, title, " ", el("b", {}, projects.filter(test).length))));
  const images = projects.reduce((sum, project) => sum + project.images_count, 0);
  $("summary").textContent = projects.length ? `${show.count(images)} images` : "";
  $("none").hidden = wanted.length > 0;
  $("none-title").textContent = projects.length ? "No project matches" : "No projects yet";
  $("none-text").textContent = projects.length ? "Choose another group or search for less." : "Bring a folder in Supervisely format, or upload one with the official client.";
  $("none-command").hidden = projects.length > 0;
  $("more").hidden = cursor === null;
}

$("search").addEventListener("input", (event) => { words = event.target.value.trim().toLowerCase(); draw(); });
$("more").addEventListener("click", () => attempt(async () => {
  const page = await ask(`/api/projects?limit=${first.limit}&cursor=${cursor}`);
  projects.push(...page.items);
  cursor = page.next;
  draw();
}));
draw();
