// The images and objects of an evaluation, by a figure or an error, the worst first.

/** @import { Evaluation, JudgedObject, JudgedObjectList, RankedImage, RankedImageList } from "../types" */
/** @import { View } from "./parts.js" */
import { ask, attempt } from "../api.js";
import { $, el, fill, select } from "../dom.js";
import { chips } from "../pieces.js";
import {
  difference, figureText, IMAGE_FIGURES, OUTCOMES, senseOf, titleOf,
} from "../pure/evaluation/figures.js";
import { classText, kindAbout, kindText } from "../pure/evaluation/judged.js";
import {
  ANY, BAR, barText, CELL_ORDERS as CELLS, figuresQuery, imagesQuery, isSliced, judgedAddress, NO_CHOICE, objectsQuery, WHOLE,
} from "../pure/evaluation/state.js";
import * as show from "../pure/format.js";
import { shownText } from "../pure/gallery.js";
import { Tiles } from "../tiles.js";
import { Overlays } from "./overlays.js";

const PAGE = 60;
const AHEAD = "900px"; // below the window, from where more is loaded

/** @typedef {RankedImage & {id: number}} Item */

export class Gallery {
  /** Tiles of images that are shown, to be used again. @type {Map<number, {tile: HTMLElement, facts: HTMLElement}>} */ #made = new Map();
  /** @type {View | null} */ #view = null;
  #section = "";
  #turn = 0; // grows with every new question; the answer to an older one is dropped
  #isLoading = false;
  #total = 0;
  #by = "";

  /** @param {Evaluation} evaluation */
  constructor(evaluation) {
    this.evaluation = evaluation;
    this.overlays = new Overlays(evaluation);
    /** @type {Tiles<Item>} */
    this.tiles = new Tiles($("grid"), (item) => this.#tile(item));
    /** @type {JudgedObject[]} */
    this.objects = [];
    const near = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) attempt(() => this.#load(false));
    }, { rootMargin: AHEAD });
    this.near = near;
    $("more").addEventListener("click", () => attempt(() => this.#load(false)));
  }

  /** Show what the address names. @param {View} view @param {string} section */
  async show(view, section) {
    this.#view = view;
    this.#section = section;
    this.#controls(view);
    await this.#load(true);
  }

  /** The figure that orders images where none is chosen. */
  get #first() { return IMAGE_FIGURES[this.#section]?.[0] ?? "errors"; }

  /** @param {View} view */
  #controls(view) {
    const { chosen, section, choose } = view;
    const isObjects = chosen.list === "objects";
    for (const one of $("lists").querySelectorAll("button")) one.setAttribute("aria-pressed", String(one.value === chosen.list));
    $("images-title").textContent = isObjects ? "Objects" : "Images";
    for (const id of ["by-box", "of-box", "order-box"]) $(id).hidden = isObjects;
    const hasCell = chosen.truth !== ANY || chosen.predicted !== ANY;
    const figures = [...IMAGE_FIGURES[this.#section] ?? [], ...(hasCell && CELLS[this.#section] ? [CELLS[this.#section]] : []),
      ...(chosen.by === BAR ? [BAR] : [])];
    fill(select("by"), ...figures.map((name) => el("option", { value: name }, titleOf(name))));
    select("by").value = chosen.by || this.#first;
    fill(select("of"), el("option", { value: "" }, "all classes"),
      ...section.classes.map(({ title }) => el("option", { value: title }, title)));
    select("of").value = chosen.of;
    const texts = orderTexts(chosen.by || this.#first, view.others.length > 0);
    texts.forEach((text, i) => { select("order").options[i].textContent = text; });
    select("order").value = chosen.order;
    const offered = OUTCOMES.filter((kind) => typeof section.headline[kind] === "number");
    $("kinds").hidden = offered.length === 0;
    chips($("kinds"), [{ key: "", title: "All", count: Number(section.headline.truths ?? 0) }, ...offered.map((kind) => ({
      key: kind, title: titleOf(kind), count: Number(section.headline[kind]),
    }))].slice(offered.length ? 0 : 1).map((chip) => ({ ...chip, isChosen: chosen.kind === chip.key })),
    (kind) => choose({ ...NO_CHOICE, list: chosen.list, kind: chosen.kind === kind ? "" : kind }));
    for (const chip of $("kinds").querySelectorAll("button")) chip.classList.add(`k-${chip.dataset.key || "all"}`);
    this.#drawChosen(view);
  }

  /** What the images were chosen by, each with a way back. @param {View} view */
  #drawChosen({ chosen, choose, section }) {
    const none = section.confusion?.titles.at(-1) ?? "nothing";
    const word = (/** @type {string} */ title) => (title === ANY ? "anything" : title || none);
    const parts = [
      (chosen.truth !== ANY || chosen.predicted !== ANY) && `${word(chosen.truth)}, predicted ${word(chosen.predicted)}`,
      chosen.by === BAR && `confidence ${barText(chosen.bar)}`,
      chosen.kind !== "" && !OUTCOMES.includes(chosen.kind) && titleOf(chosen.kind),
      chosen.of !== "" && `the figure of ${chosen.of}`,
    ].filter((part) => part !== false);
    $("chosen").hidden = parts.length === 0;
    fill($("chosen"), "Only ", ...parts.flatMap((part, i) => [i ? ", " : "", el("strong", {}, part)]), " ",
      el("button.chip", { type: "button", onclick: () => choose({ ...NO_CHOICE, list: chosen.list }) }, "Show all"));
  }

  /** @param {boolean} isFirst whether what comes replaces what is shown */
  async #load(isFirst) {
    const view = this.#view;
    if (!view || (this.#isLoading && !isFirst)) return;
    this.#isLoading = true;
    if (isFirst) this.#turn += 1;
    const mine = this.#turn;
    try {
      if (view.chosen.list === "objects") await this.#loadObjects(view, isFirst, mine);
      else await this.#loadImages(view, isFirst, mine);
    } finally {
      if (mine === this.#turn) this.#isLoading = false;
    }
  }

  /** @param {View} view @param {boolean} isFirst @param {number} mine */
  async #loadImages(view, isFirst, mine) {
    const against = view.others[0]?.id;
    const query = imagesQuery(view.chosen, this.#first) + (against === undefined ? "" : `&against=${against}`);
    /** @type {RankedImageList} */
    const page = await ask(`/api/evaluations/${view.id}/images?${query}&limit=${PAGE}&offset=${isFirst ? 0 : this.tiles.count}`);
    if (mine !== this.#turn) return;
    this.#total = page.total;
    this.#by = page.by;
    const items = page.items.map((image) => ({ ...image, id: image.number }));
    if (isFirst) {
      const numbers = new Set(items.map(({ number }) => number));
      for (const number of this.#made.keys()) if (!numbers.has(number)) this.#made.delete(number);
      this.tiles.replace(items);
    } else this.tiles.append(items);
    this.overlays.judge(figuresQuery({ ...judgedAs(view), ...WHOLE }, true));
    this.#over(this.tiles.count);
    $("grid").hidden = false;
    $("objects").hidden = true;
  }

  /** @param {View} view @param {boolean} isFirst @param {number} mine */
  async #loadObjects(view, isFirst, mine) {
    const query = objectsQuery(view.chosen, "");
    const offset = isFirst ? 0 : this.objects.length;
    /** @type {JudgedObjectList} */
    const page = await ask(`/api/evaluations/${view.id}/objects?${query}&limit=${PAGE}&offset=${offset}`);
    if (mine !== this.#turn) return;
    this.#total = page.total;
    this.objects = isFirst ? page.items : [...this.objects, ...page.items];
    fill($("objects"), el("table", {},
      el("thead", {}, el("tr", {}, ...["What", "Class", "Image"].map((word) => el("th", {}, word)),
        ...["IoU", "Confidence", "Area"].map((word) => el("th.right", {}, word)))),
      el("tbody", {}, ...this.objects.map((object) => this.#objectRow(object, view)))));
    this.#over(this.objects.length);
    $("grid").hidden = true;
    $("objects").hidden = false;
  }

  /** @param {JudgedObject} object @param {View} view */
  #objectRow(object, view) {
    return el("tr", {},
      el("td", { title: kindAbout(object) }, el(`span.kind.k-${object.kind}`, {}, kindText(object))),
      el("td", {}, classText(object)),
      el("td", {}, el("a", { href: this.#address(object, view, object) }, `${object.dataset}/${object.name}`)),
      el("td.right", {}, figureText("iou", object.overlap)), el("td.right", {}, figureText("confidence", object.confidence)),
      el("td.right", {}, show.count(Math.round(object.area))));
  }

  /** How much is shown of how much. @param {number} shown */
  #over(shown) {
    $("images-count").textContent = shownText(shown, this.#total);
    $("more").hidden = shown >= this.#total;
    this.near.unobserve($("more")); // so that it tells anew: after these there may still be room
    this.near.observe($("more"));
    $("grid-none").hidden = this.#total > 0;
    $("grid-none").textContent = "Nothing matches. Choose less.";
  }

  /**
   * @param {{truth_image_id: number | null}} image
   * @param {View} view
   * @param {JudgedObject} [object] that is to be looked at
   */
  #address(image, view, object) {
    if (image.truth_image_id === null) return null;
    const query = imagesQuery(judgedAs(view), this.#first);
    const place = object ? `&object=${object.truth ?? ""}.${object.predicted ?? ""}` : "";
    return judgedAddress(this.evaluation, image.truth_image_id, query) + place;
  }

  /** @param {Item} item */
  #tile(item) {
    const view = this.#view;
    const known = this.#made.get(item.number);
    const { tile, facts } = known ?? this.#newTile(item);
    const name = this.#by;
    const isBeside = view !== null && view.others.length > 0;
    const by = difference(name, item.value, item.other);
    fill(facts, `${titleOf(name)} ${figureText(name, item.value)}`, isBeside && el("span", { title: view.others[0].name },
      ` / ${figureText(name, item.other)} `, el(`small.change.is-${by.look}`, {}, by.text)));
    const href = view && this.#address(item, view);
    if (href) tile.setAttribute("href", el("a", { href }).getAttribute("href") ?? "");
    return tile;
  }

  /** @param {Item} item */
  #newTile(item) {
    const canvas = el("canvas", { "aria-hidden": "true" });
    const facts = el(`span.tile-facts${item.problems.length ? ".bad" : ""}`);
    const picture = el("img", {
      src: `/api/images/${item.truth_image_id}/thumbnail`, alt: "", loading: "lazy", decoding: "async",
      onerror: () => { picture.parentElement?.classList.add("lost"); picture.remove(); },
    });
    const tile = el("a.tile", { title: [`${item.dataset}/${item.name}`, ...item.problems].join("\n") },
      el("span.frame", {}, item.truth_image_id !== null && picture, canvas), el("span.tile-name", {}, item.name), facts);
    const made = { tile, facts };
    this.#made.set(item.number, made);
    this.overlays.add(canvas, item);
    return made;
  }
}

/**
 * What is chosen, with the confidence that the figures of a slice have: the whole has another best one.
 * @param {View} view
 */
function judgedAs({ chosen, section }) {
  const { confidence } = section.headline;
  return isSliced(chosen) && chosen.confidence === "" && typeof confidence === "number"
    ? { ...chosen, confidence: String(confidence) } : chosen;
}

/** Texts of the order with another evaluation beside: better and worse there. @param {string} name @param {boolean} isBeside */
const orderTexts = (name, isBeside) => (isBeside
  ? ["Better there first", "Better here first"] : senseOf(name) ? ["Worst first", "Best first"] : ["Most first", "Least first"]);
