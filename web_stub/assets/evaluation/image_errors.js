// In the viewer: what became of the objects of an image, one after the other, and the images of an evaluation in its order.

/** @import { FoundImage, JudgedObject, JudgedObjectList, RankedImageList } from "../types" */
/** @import { Label } from "../labels.js" */
/** @import { Classes } from "../pure/comparison.js" */
/** @import { Shown } from "../viewer_image.js" */
/** @import { Stage } from "../stage.js" */
/** @import { Judged } from "./judged_labels.js" */
import { ask } from "../api.js";
import { $, el, fill } from "../dom.js";
import { classText, closenessText, isWrong, kindAbout, kindText, nextError, toneOf } from "../pure/evaluation/judged.js";
import { imagesOf } from "../pure/evaluation/state.js";
import * as show from "../pure/format.js";
import { judgedLabels } from "./judged_labels.js";

const PAGE = 1000; // images, or objects, that are asked for at once

export class ImageErrors {
  /** Ids of the images in the evaluation's order, as far as they were asked for. @type {number[]} */ #ids = [];
  #total = Infinity;
  /** @type {JudgedObject[]} */ #objects = [];
  /** @type {Judged | null} */ judged = null;
  /** @type {JudgedObject | null} */ #present = null;
  /** The error to show first on the image that is opened next. @type {1 | -1 | null} */ #coming = null;

  /**
   * @param {URLSearchParams} address of the viewer
   * @param {Stage} stage
   */
  constructor(address, stage) {
    this.stage = stage;
    this.evaluation = address.get("evaluation") ?? "";
    this.images = imagesOf(address);
    this.wanted = address.get("object");
    /** What belongs to it in an address. @type {[string, string][]} */
    this.pairs = [["evaluation", this.evaluation], ...[...new URLSearchParams(this.images)]
      .map(([name, value]) => /** @type {[string, string]} */ ([`e.${name}`, value]))];
  }

  /** How sure and how close a prediction has to be. */
  get #look() {
    const asked = new URLSearchParams(this.images);
    const look = new URLSearchParams();
    for (const name of ["confidence", "iou"]) if (asked.has(name)) look.set(name, asked.get(name) ?? "");
    return look.toString();
  }

  /**
   * Read what became of the objects of the image.
   * @param {Shown} shown
   * @param {{own: Classes, other: Classes}} classes of the page's project and of the other one
   */
  async open(shown, classes) {
    this.judged = null;
    /** @type {FoundImage} */
    const { number } = await ask(`/api/evaluations/${this.evaluation}/find?image_id=${shown.image.id}`);
    /** @type {JudgedObjectList} */
    const page = await ask(`/api/evaluations/${this.evaluation}/objects?image=${number}&limit=${PAGE}&${this.#look}`);
    const ids = page.items[0] ?? { truth_image_id: null, predicted_image_id: null };
    const [truth, predicted] = await Promise.all([ids.truth_image_id, ids.predicted_image_id]
      .map((id) => (id === null ? {} : ask(`/api/images/${id}/annotation`))));
    const isTruth = ids.truth_image_id === shown.image.id;
    const sides = isTruth ? { truth: classes.own, predicted: classes.other } : { truth: classes.other, predicted: classes.own };
    this.#objects = [...page.items.filter(isWrong), ...page.items.filter((object) => !isWrong(object))];
    this.judged = await judgedLabels(this.#objects, { truth, predicted }, sides, shown.image, shown.pixels);
    this.#present = null;
    const first = this.wanted === null ? null
      : this.#objects.find((object) => `${object.truth ?? ""}.${object.predicted ?? ""}` === this.wanted) ?? null;
    this.wanted = null;
    this.draw();
    if (first) this.#choose(first);
    else if (this.#coming) this.next(this.#coming);
    this.#coming = null;
  }

  /** The labels to draw, those of the ground truth on top. */
  get labels() { return this.judged ? [...this.judged.predicted, ...this.judged.truth] : []; }

  /** The list beside the image. */
  draw() {
    const wrong = this.#objects.filter(isWrong).length;
    $("errors-count").textContent = wrong ? show.counted(wrong, "error") : "no errors";
    fill($("errors"), ...this.#objects.map((object) => this.#row(object)),
      this.#objects.length === 0 && el("p.quiet", {}, "No objects are judged here."));
  }

  /** @param {JudgedObject} object */
  #row(object) {
    const spot = el("i.swatch", { "aria-hidden": "true" });
    spot.style.backgroundColor = toneOf(object.kind);
    const [on, off] = [() => this.stage.highlight(this.#labelOf(object)), () => this.stage.highlight(null)];
    return el("button.object-row", {
      type: "button", title: kindAbout(object), "aria-pressed": String(object === this.#present),
      onclick: () => this.#choose(object), onmouseenter: on, onmouseleave: off,
    }, spot, el("span.class-title", {}, kindText(object), el("small.tag", {}, classText(object))),
    el("span.n", {}, closenessText(object)));
  }

  /** @param {JudgedObject} object @returns {Label | null} */
  #labelOf(object) {
    const { predicted = null, truth = null } = this.judged?.of.get(object) ?? {};
    return predicted ?? truth;
  }

  /** @param {JudgedObject} object */
  #choose(object) {
    this.#present = object;
    this.draw();
    const label = this.#labelOf(object);
    if (label) this.stage.lookAt(label.box);
    this.stage.highlight(label);
    $("errors").querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: "nearest" });
  }

  /** Show the next error of the image; false where there is none: then it is to be looked for on the next image. @param {1 | -1} way */
  next(way) {
    const found = nextError(this.#objects, this.#present, way);
    if (found) this.#choose(found);
    else this.#coming = way;
    return found !== null;
  }

  /**
   * The image beside this one in the evaluation's order, and where it stands.
   * @param {number} id
   * @param {1 | -1} way
   * @returns {Promise<number | null>} null at the ends
   */
  async neighbour(id, way) {
    const { position } = await this.placeOf(id);
    if (position === null) return this.#ids[0] ?? null;
    if (way === 1 && position === this.#ids.length) await this.#more();
    return this.#ids[position - 1 + way] ?? null;
  }

  /** @param {number} id of an image on either side */
  async placeOf(id) {
    while (!this.#ids.includes(id) && this.#ids.length < this.#total) await this.#more();
    const at = this.#ids.indexOf(id);
    return { position: at < 0 ? null : at + 1, total: Number.isFinite(this.#total) ? this.#total : 0 };
  }

  async #more() {
    if (this.#ids.length >= this.#total) return;
    const query = `${this.images}&limit=${PAGE}&offset=${this.#ids.length}`;
    /** @type {RankedImageList} */
    const page = await ask(`/api/evaluations/${this.evaluation}/images?${query}`);
    this.#total = page.items.length ? page.total : this.#ids.length;
    this.#ids.push(...page.items.map((image) => image.truth_image_id ?? 0));
  }
}
