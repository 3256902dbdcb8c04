// Works here, breaks there: what the original platform would do otherwise, asked for when the section is opened.

/** @import { Difference, Portability } from "./types" */
import { ask, attempt } from "./api.js";
import { $, el, fill } from "./dom.js";
import { bare } from "./pure/ansi.js";

/** @param {string} path below /api */
export function portability(path) {
  const place = $("portability");
  place.addEventListener("toggle", () => {
    if (place.hasAttribute("open")) attempt(async () => draw(await ask(`/api/${path}/portability`)));
  });
}

/** @param {Portability} report */
function draw({ differences, lines_read, lines, is_code_read, files_left_out }) {
  const notes = [
    differences.length ? "" : "Nothing is known that the original platform would do otherwise.",
    is_code_read ? "" : "The plugin's files are not on this machine: its code was not read.",
    files_left_out ? `Not read of the plugin's code, too large or too many: files and parts of folders, ${files_left_out}.` : "",
    lines_read < lines ? `The first ${lines_read} of ${lines} lines were read, and all checkpoints.` : "",
  ];
  fill($("portability-list"), ...differences.map(item), ...notes.filter(Boolean).map((note) => el("li.quiet", {}, note)));
}

/** @param {Difference} one */
const item = ({ level, where, count, here, there, remedy, evidence }) => el(`li.${level}`, {},
  el("p", {}, el(level === "breaks" ? "span.tag.failed" : "span.tag", {}, level), " ", el("span.mono", {}, bare(where)),
    count > 1 ? ` and ${count - 1} more` : ""),
  el("p", {}, bare(here), " ", el("span.quiet", {}, "There: "), there),
  el("p", {}, remedy, " ", el("span.quiet", {}, `docs/contract/${evidence}`)));
