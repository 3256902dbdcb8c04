// One project: what its data says. Each number is a link to its images.

/** @import { Finding, Frame, Insights, Places, ProjectPage, SizedClass, Splits, Together } from "./types" */
/** @import { Filter } from "./pure/gallery.js" */
import { ask, attempt } from "./api.js";
import { care } from "./care.js";
import { $, el, fill, firstData, select } from "./dom.js";
import "./frame.js";
import { sample, showNear, watched } from "./insights_near.js";
import { swatch } from "./pieces.js";
import { drawHead } from "./project_side.js";
import * as show from "./pure/format.js";
import { greatest, imagesAddress, progressText, sizeText, strength } from "./pure/insights.js";

/** @type {ProjectPage} */
const first = firstData();
const { project } = first;

const SAMPLE = 160; // pixels of small pictures
const FRAMES = 12; // sizes of images that are listed; the others are folded

/** @param {Partial<Filter>} filter */
const address = (filter) => imagesAddress(project.id, filter);

/**
 * A cell of a table that leads to its images; nothing for none.
 * @param {number} count
 * @param {number} most
 * @param {string} title
 * @param {Partial<Filter>} filter
 */
function cell(count, most, title, filter) {
  if (!count) return el("td");
  const link = el("a", { href: address(filter), title, "aria-label": title }, show.count(count));
  link.style.setProperty("--strength", String(strength(count, most)));
  return el("td", {}, link);
}

// ---------------------------------------------------------------- findings

/** @param {Insights} said */
function drawFindings(said) {
  const found = said.findings.filter((one) => one.images > 0);
  const lone = said.lone_classes.map((one) => findingRow({
    name: `Class ${one.title || "(none)"}`, meaning: "A single image has it, so nothing can be learned or judged of it.",
    objects: one.objects, images: 1, examples: [one.image_id],
  }, { class: one.title }));
  const nothing = said.findings.filter((one) => one.images === 0).map((one) => one.name.toLowerCase());
  const unused = said.unused_classes;
  fill($("findings"),
    ...found.map((one) => findingRow(one, { finding: one.kind })), ...lone,
    el("p.clean", {}, [
      nothing.length ? `Nothing was found of: ${nothing.join(", ")}.` : "",
      unused.length ? `No image has ${unused.length === 1 ? "the class" : "the classes"} ${unused.join(", ")}.` : "",
    ].filter(Boolean).join(" ")));
  $("findings-count").textContent = found.length + lone.length ? show.counted(found.length + lone.length, "finding") : "none";
}

/**
 * @param {Omit<Finding, "kind">} one
 * @param {Partial<Filter>} filter
 */
const findingRow = (one, filter) => el(`a.finding${filter.finding === "both" ? ".is-leak" : ""}`, { href: address(filter) },
  el("span", {}, el("b", {}, one.name), el("small", {}, one.meaning)),
  el("span.samples", {}, ...one.examples.map((id) => sample(id, SAMPLE))),
  el("span.numbers", {}, one.objects === null ? "" : `${show.counted(one.objects, "label")} on `, show.counted(one.images, "image")));

// ---------------------------------------------------------------- classes

/** @param {Insights} said */
function drawSizes({ classes, borders }) {
  const most = greatest(classes.map((one) => one.sizes));
  const rows = [...classes].sort((a, b) => b.objects - a.objects);
  const heads = [...borders, 0].map((_, i) => el("th", { scope: "col" }, sizeText(borders, i)));
  fill($("sizes"), rows.length ? el("table.cells", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Class"), el("th", { scope: "col" }, "Objects"), ...heads)),
    el("tbody", {}, ...rows.map((one) => sizeRow(one, most, borders)))) : el("p.quiet", {}, "This project defines no classes."));
}

/** @param {SizedClass} one @param {number} most @param {number[]} borders */
const sizeRow = (one, most, borders) => el("tr", {},
  el("th", { scope: "row", title: one.title }, swatch(one.title, one.color), one.title || "(no class)"),
  cell(one.objects, 0, `${one.title}: ${show.counted(one.objects, "object")}`, { class: one.title }),
  ...one.sizes.map((count, i) => cell(count, most,
    `${one.title}, ${sizeText(borders, i)} pixels: ${show.counted(count, "object")}`, { class: one.title, finding: `size.${i}` })));

/** @param {Together} said */
function drawTogether({ titles, images, left_out: left }) {
  const most = greatest(images.map((row, i) => row.filter((_, j) => i !== j)));
  fill($("together"), titles.length > 1 ? el("table.cells", {},
    el("thead", {}, el("tr", {}, el("td"), ...titles.map((title) => el("th.upright", { scope: "col", title }, el("span", {}, title))))),
    el("tbody", {}, ...images.map((row, i) => el("tr", {}, el("th", { scope: "row", title: titles[i] }, titles[i]),
      ...row.map((count, j) => {
        const [one, other] = [titles[i] ?? "", titles[j] ?? ""];
        if (i !== j) {
          return cell(count, most, `${one} and ${other}: ${show.counted(count, "image")}`, { class: one, also: other });
        }
        const own = cell(count, 0, `${one}: ${show.counted(count, "image")}`, { class: one });
        own.classList.add("own");
        return own;
      })))))
    : el("p.quiet", {}, "There are not two classes that could occur together."));
  $("together-note").textContent = left ? `Classes on fewer images are left out: ${show.count(left)}.` : "";
}

// ---------------------------------------------------------------- places

/** @param {Places} said */
function drawPlaces({ title, objects }) {
  const most = greatest(objects);
  const map = $("places");
  map.style.gridTemplateColumns = `repeat(${objects[0]?.length ?? 1}, 1fr)`;
  fill(map, ...objects.flatMap((row, y) => row.map((count, x) => {
    const text = `${show.counted(count, "object")} in column ${x + 1}, row ${y + 1}`;
    const href = address({ class: title, finding: `place.${x}.${y}` });
    const part = count ? el("a", { href, title: text, "aria-label": text }) : el("i");
    part.style.setProperty("--strength", String(strength(count, most)));
    return part;
  })));
}

/** @param {Insights} said */
function choosePlaces(said) {
  const used = said.classes.filter((one) => one.objects > 0);
  const choice = select("places-class");
  fill(choice, el("option", { value: "" }, "All classes"), ...used.map((_, i) => el("option", { value: String(i) }, used[i]?.title ?? "")));
  choice.addEventListener("change", () => attempt(async () => {
    const title = choice.value === "" ? null : used[Number(choice.value)]?.title ?? null;
    const query = title === null ? "" : `?${new URLSearchParams({ class: title })}`;
    drawPlaces(title === null ? said.places : await ask(`/api/projects/${project.id}/insights/places${query}`));
  }));
  drawPlaces(said.places);
}

// ---------------------------------------------------------------- images

/** @param {Frame[]} frames @param {number} count */
function drawFrames(frames, count) {
  const most = frames[0]?.images ?? 1;
  const rows = frames.map(({ width, height, images }) => {
    const [shape, bar] = [el("i.shape"), el("i.fill")];
    const scale = Math.min(20 / width, 16 / height);
    shape.style.width = `${Math.max(3, scale * width)}px`;
    shape.style.height = `${Math.max(3, scale * height)}px`;
    bar.style.width = `${(100 * images) / most}%`;
    return el("a.bar-row", { href: address({ finding: `frame.${width}x${height}` }) },
      el("span.of", {}, el("span.shape-box", {}, shape), `${width} × ${height}`), el("span.track", {}, bar),
      el("span.number", {}, show.count(images)));
  });
  const rest = rows.length > FRAMES + 1 ? rows.splice(FRAMES) : [];
  const folded = el("details", {}, el("summary", {}, show.counted(rest.length, "more size")), ...rest);
  fill($("frames"), ...rows, ...(rest.length ? [folded] : []));
  $("frames-count").textContent = count > frames.length ? `${show.count(frames.length)} of ${show.counted(count, "size")}`
    : show.counted(count, "size");
}

/** @param {Splits} splits */
function drawSplits(splits) {
  const parts = /** @type {const} */ (["train", "val", "both", "neither"]);
  const total = parts.reduce((sum, part) => sum + splits[part], 0);
  /** @type {Record<string, Partial<Filter> | null>} */
  const filters = { train: { tag: "train" }, val: { tag: "val" }, both: { finding: "both" }, neither: null };
  fill($("splits"), ...parts.filter((part) => splits[part]).map((part) => {
    const piece = el(`i.part-${part}`);
    piece.style.width = `${(100 * splits[part]) / total}%`;
    return piece;
  }));
  fill($("splits-legend"), ...parts.filter((part) => splits[part]).map((part) => {
    const text = [el(`i.part-${part}`), `${part === "neither" ? "neither tag" : part} `, el("b", {}, show.count(splits[part]))];
    const filter = filters[part];
    return filter ? el("a", { href: address(filter) }, text) : el("span", {}, text);
  }));
}

// ---------------------------------------------------------------- all of it

async function drawAll() {
  /** @type {() => Promise<Insights>} */
  const asking = () => ask(`/api/projects/${project.id}/insights`);
  const said = await watched(project.id, asking, (progress) => { $("counting").textContent = progressText(progress); });
  $("counting").hidden = true;
  $("insights").hidden = false;
  drawFindings(said);
  drawSizes(said);
  drawTogether(said.together);
  choosePlaces(said);
  drawFrames(said.frames, said.frames_count);
  drawSplits(said.splits);
  return true;
}

drawHead(first);
attempt(drawAll).then((isDone) => {
  if (isDone) attempt(() => showNear(project.id));
  else $("counting").textContent = "The data could not be looked through.";
});
care("project", project);
