// The list of plugins: the newest version of each image.

/** @import { Plugin, PluginsPage } from "./types" */
import { $, el, firstData } from "./dom.js";
import "./frame.js";
import { List } from "./list.js";
import * as show from "./pure/format.js";

/** @type {PluginsPage} */
const { answer, limit } = firstData();

/**
 * @param {Plugin} plugin
 * @param {string} versions of its image
 */
const tile = ({ id, title, image, tag, description, modes, configs }, versions) => el("article.card.tile", {},
  el("h2", {}, el("a", { href: `/plugins/${id}` }, title)),
  el("p.mono.quiet", {}, `${image}:${tag}`),
  el("p", {}, description || "No description."),
  el("p.tile-foot", {},
    ...modes.map((mode) => el("span.tag.mode", {}, mode === "train" ? "training" : mode)),
    !modes.length && el("span.tag.failed", {}, "no modes"),
    el("span.quiet", {}, show.counted(configs.length, "preset"), versions !== "1" && ` · ${versions} versions`)));

new List({
  groups: [{ key: "all", title: "All", query: { newest: "true" }, count: () => 0 }],
  sorts: [["name", "Name"]],
  first: answer,
  limit,
  rows: $("rows"),
  box: $("rows"),
  row: tile,
  marks: (/** @type {PluginsPage["answer"]} */ { versions }) => ({ image }) => String(versions[image]),
  noun: "plugin",
  none: "A plugin is a neural network in a folder or an image. Add one from a terminal; submitting a task with it adds it, too.",
  address: "/api/plugins",
});
