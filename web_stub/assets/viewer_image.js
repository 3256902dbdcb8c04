// One image with its labels, and with those of the same image in another project, from the server.

/** @import { Image as ImageOf, ImageDetail, OtherProject, ProjectDetail } from "./types" */
/** @import { Label } from "./labels.js" */
/** @import { Classes } from "./pure/comparison.js" */
import { ask, attempt, sentenceOf } from "./api.js";
import { readLabels } from "./labels.js";
import { Pixels } from "./pixels.js";
import { classesOf } from "./pure/classes.js";
import { at } from "./pure/site.js";

const LARGEST_SHOWN = 40e6; // pixels; larger images come smaller from the server
const SMALL = 4096; // pixels of the longer side then

/**
 * `annotation` is null where it cannot be read, `picture` where the image cannot be shown; `problems` say so in
 * sentences. `otherLabels` are null without another project, or when it has no such image.
 * @typedef {object} Shown
 * @property {ImageDetail} image
 * @property {HTMLImageElement | null} picture
 * @property {{objects?: unknown, tags?: unknown, description?: unknown} | null} annotation
 * @property {Label[]} labels
 * @property {Label[] | null} otherLabels
 * @property {string[]} problems
 * @property {Pixels} pixels of its labels; closed when the image is left
 */

/** @param {string} source */
async function decoded(source) {
  const picture = new Image();
  picture.src = at(source);
  await picture.decode();
  return picture;
}

/** The image as plugins see it, in its own size where that can be shown. @param {ImageOf} image */
function pictureOf(image) {
  const small = image.thumbnail.replace(/size=\d+/, `size=${SMALL}`);
  if (image.width * image.height > LARGEST_SHOWN) return decoded(small);
  return decoded(image.picture).catch(() => decoded(small));
}

export class Images {
  /** Classes of other projects. @type {Map<number, Classes>} */ #others = new Map();

  /** @param {Classes} classes of the page's project */
  constructor(classes) {
    this.classes = classes;
  }

  /** Classes of another project, as far as they are known. @param {OtherProject | null} other @returns {Classes} */
  classesOf(other) { return (other && this.#others.get(other.id)) ?? new Map(); }

  /**
   * @param {number} id
   * @param {string} query the filter that the image's neighbours match
   * @param {OtherProject | null} other
   * @param {Pixels} pixels
   * @returns {Promise<Shown>}
   */
  async open(id, query, other, pixels) {
    /** @type {ImageDetail} */
    const image = await ask(`/api/images/${id}?${query}`);
    /** @type {string[]} */
    const problems = [];
    const note = (/** @type {string} */ problem) => { problems.push(problem); return null; };
    const [picture, annotation, otherLabels] = await Promise.all([
      pictureOf(image).catch(() => note("The image: it is damaged or too large to be shown.")),
      ask(`/api/images/${id}/annotation`).catch((error) => note(`The annotation: ${sentenceOf(error)}`)),
      other && this.#labelsIn(other, image, pixels).catch((error) => note(sentenceOf(error))),
    ]);
    const labels = await readLabels(annotation ?? {}, this.classes, image, pixels);
    return { image, picture, annotation, labels, otherLabels, problems, pixels };
  }

  /**
   * Labels of the same image in another project.
   * @param {OtherProject} other
   * @param {ImageDetail} image
   * @param {Pixels} pixels
   */
  async #labelsIn(other, image, pixels) {
    if (!this.#others.has(other.id)) {
      /** @type {ProjectDetail} */
      const project = await ask(`/api/projects/${other.id}`);
      this.#others.set(other.id, classesOf(project.meta));
    }
    /** @type {ImageOf} */
    const twin = await ask(`/api/images/${image.id}/twin?project=${other.id}`);
    return readLabels(await ask(`/api/images/${twin.id}/annotation`), this.classesOf(other), twin, pixels);
  }

  /** Fetch the bytes of an image that may be looked at next. @param {number | null} id */
  fetchAhead(id) {
    if (id === null) return;
    attempt(async () => {
      /** @type {ImageDetail} */
      const image = await ask(`/api/images/${id}`);
      if (image.width * image.height <= LARGEST_SHOWN) new Image().src = at(image.picture);
    });
  }
}
