// The list of projects.

/** @import { ProjectCard, ProjectsPage } from "./types" */
import { $, el, firstData } from "./dom.js";
import "./frame.js";
import { List } from "./list.js";
import { swatch } from "./pieces.js";
import * as show from "./pure/format.js";
import { sum } from "./pure/list_state.js";
import { Selected } from "./selected.js";

const SHOWN_CLASSES = 6;

/** @type {ProjectsPage} */
const { answer, limit } = firstData();

/** @param {string} address */
const picture = (address) => el("img", {
  src: address, alt: "", loading: "lazy", decoding: "async",
  onerror: (/** @type {{target: Element}} */ { target }) => target.classList.add("lost"),
});

/** @param {ProjectCard} project */
function facts(project) {
  const images = show.counted(project.images_count, "image");
  return [images, show.bytes(project.size_bytes), show.counted(project.datasets_count, "dataset")].join(" · ");
}

/** @param {ProjectCard} project */
function card(project) {
  const { id, name, classes, cover, source, task_id: task, created_at: created } = project;
  return el("article.card.project-card", {}, selected.box(project),
    el(`div.cover.n-${cover.length}`, { "aria-hidden": "true" },
      ...(cover.length ? cover.map(picture) : [el("span", {}, "No images")])),
    el("div.project-text", {},
      el("h2", {}, el("a", { href: `/projects/${id}` }, name)),
      el("p.under", {}, facts(project)),
      project.tags.length > 0 && el("p.class-chips", {}, ...project.tags.map((tag) => el("span.tag.own", { title: tag }, tag))),
      el("p.class-chips", {},
        ...classes.slice(0, SHOWN_CLASSES).map((one) =>
          el("span.class-chip", {}, swatch(one.title, one.color), one.title)),
        classes.length > SHOWN_CLASSES && el("span.quiet", {}, `+${classes.length - SHOWN_CLASSES}`),
        !classes.length && el("span.quiet", {}, "No classes")),
      source && el("p.origin", {}, el("span.tag", {}, "predictions"), " for ",
        el("a", { href: `/projects/${source.id}` }, source.name)),
      el("p.made", {}, task === null ? "Brought along" : el("a", { href: `/tasks/${task}` }, `Task ${task}`),
        el("span", { title: show.dateTime(created) }, ` · ${show.ago(created)}`))));
}

/** @type {Selected} */
const selected = new Selected({ noun: "project", shown: () => list.ids, refresh: () => list.refresh() });

/** @type {List<ProjectCard, ProjectsPage["answer"]>} */
const list = new List({
  groups: [
    { key: "all", title: "All", query: {}, count: sum },
    { key: "own", title: "Brought along", query: { origin: "brought" }, count: ({ brought }) => brought },
    { key: "made", title: "Predictions", query: { origin: "made" }, count: ({ made }) => made },
  ],
  sorts: [["name", "Name"], ["-images", "Most images"], ["-size", "Largest"], ["id", "Oldest first"]],
  first: answer,
  limit,
  rows: $("cards"),
  box: $("cards"),
  row: card,
  noun: "project",
  none: "Bring a folder in Supervisely format, or upload one with the official client.",
  summary: (/** @type {ProjectsPage["answer"]} */ { images_count: images }) => show.counted(images, "image"),
  address: "/api/projects",
  onDraw: () => selected.draw(),
});
