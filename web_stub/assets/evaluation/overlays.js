// What became of the objects, drawn over small images: those in sight first, a few at a time.

/** @import { Evaluation, JudgedObjectList, ProjectDetail, RankedImage } from "../types" */
/** @import { Label } from "../labels.js" */
/** @import { Classes } from "../pure/comparison.js" */
import { ask, attempt } from "../api.js";
import { context2d } from "../dom.js";
import { Pixels } from "../pixels.js";
import { classesOf } from "../pure/classes.js";
import { fitted } from "../pure/viewport.js";
import { drawPane } from "../stage_drawing.js";
import { judgedLabels } from "./judged_labels.js";

const AT_ONCE = 4;
const KEPT = 200; // annotations of images
const READ = 60; // images whose masks one worker reads; it keeps them
const MOST = 1000; // objects of an image

/** @typedef {{image: RankedImage, canvas: HTMLCanvasElement, drawn: string}} Wanted */

export class Overlays {
  /** @type {Map<Element, Wanted>} */ #wanted = new Map();
  /** @type {Set<Wanted>} */ #inSight = new Set();
  /** @type {Map<number, Promise<any>>} */ #annotations = new Map();
  /** @type {Promise<{truth: Classes, predicted: Classes}> | null} */ #classes = null;
  #pixels = new Pixels();
  #read = 0;
  #busy = 0;
  #query = "";

  /** @param {Evaluation} evaluation */
  constructor(evaluation) {
    this.evaluation = evaluation;
    this.sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const wanted = this.#wanted.get(target);
        if (!wanted) continue;
        if (isIntersecting) this.#inSight.add(wanted);
        else this.#inSight.delete(wanted);
      }
      this.#go();
    }, { rootMargin: "200px" });
  }

  /** The canvas over an image. @param {HTMLCanvasElement} canvas @param {RankedImage} image */
  add(canvas, image) {
    this.#wanted.set(canvas, { image, canvas, drawn: "none" });
    this.sight.observe(canvas);
  }

  /** Draw what the objects are at another confidence and overlap. @param {string} query */
  judge(query) {
    this.#query = query;
    for (const canvas of this.#wanted.keys()) {
      if (canvas.isConnected) continue;
      const gone = this.#wanted.get(canvas);
      if (gone) this.#inSight.delete(gone);
      this.#wanted.delete(canvas);
      this.sight.unobserve(canvas);
    }
    this.#go();
  }

  #go() {
    for (const wanted of this.#inSight) {
      if (this.#busy >= AT_ONCE) return;
      if (wanted.drawn === this.#query) continue;
      wanted.drawn = this.#query;
      this.#busy += 1;
      attempt(() => this.#draw(wanted, this.#query)).finally(() => {
        this.#busy -= 1;
        this.#renew();
        this.#go();
      });
    }
  }

  /** Give the memory of the masks back from time to time. */
  #renew() {
    if (this.#busy || (this.#read < READ && !this.#pixels.died)) return;
    this.#pixels.close();
    this.#pixels = new Pixels();
    this.#read = 0;
  }

  /** @param {Wanted} wanted @param {string} query */
  async #draw({ image, canvas }, query) {
    const { id } = this.evaluation;
    /** @type {[JudgedObjectList, any, any, {truth: Classes, predicted: Classes}]} */
    const [objects, truth, predicted, classes] = await Promise.all([
      ask(`/api/evaluations/${id}/objects?image=${image.number}&limit=${MOST}${query && `&${query}`}`),
      this.#annotation(image.truth_image_id), this.#annotation(image.predicted_image_id), this.#classesOf(),
    ]);
    if (query !== this.#query || !canvas.isConnected) return;
    this.#read += 1;
    const judged = await judgedLabels(objects.items, { truth, predicted }, classes, image, this.#pixels);
    if (query === this.#query) paint(canvas, image, [...judged.predicted, ...judged.truth]);
  }

  /** @param {number | null} id of an image */
  #annotation(id) {
    if (id === null) return Promise.resolve({});
    let known = this.#annotations.get(id);
    if (!known) {
      known = ask(`/api/images/${id}/annotation`);
      known.catch(() => this.#annotations.delete(id));
      this.#annotations.set(id, known);
      if (this.#annotations.size > KEPT) this.#annotations.delete([...this.#annotations.keys()][0]);
    }
    return known;
  }

  #classesOf() {
    const { truth, predictions } = this.evaluation;
    return this.#classes ??= Promise.all([truth.id, predictions.id].map(async (id) => {
      /** @type {ProjectDetail} */
      const project = await ask(`/api/projects/${id}`);
      return classesOf(project.meta);
    })).then(([one, other]) => ({ truth: one, predicted: other }));
  }
}

/** @param {HTMLCanvasElement} canvas @param {RankedImage} size @param {Label[]} labels */
function paint(canvas, size, labels) {
  const room = canvas.getBoundingClientRect();
  const { scale } = fitted(room, size);
  const whole = Math.min(room.width / size.width, room.height / size.height);
  const view = { scale: whole, x: (room.width - whole * size.width) / 2, y: (room.height - whole * size.height) / 2 };
  if (!(scale > 0)) return;
  drawPane({ canvas, context: context2d(canvas), layers: [{ labels }], swipe: null }, room,
    { view, size, image: null, opacity: 0.3, isShown: () => true, highlighted: null });
}
