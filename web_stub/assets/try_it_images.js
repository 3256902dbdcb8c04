// The images to try a model on: files of the reader's machine, and images of projects.

/** @import { Image as ImageOf, ImageList } from "./types" */
/** @import { Size } from "./pure/shapes.js" */
import { ask, attempt, say } from "./api.js";
import { $, button, el, fill, input, select } from "./dom.js";
import { at } from "./pure/site.js";

const OFFERED = "24"; // images of a project at a time

/**
 * `file` is of the reader's machine, `id` of an image here.
 * @typedef {{name: string, source: string, small: string, file: File | null, id: number | null}} Chosen
 * @typedef {{picture: HTMLImageElement, size: Size}} Decoded
 */

/** The picture as it is drawn. @param {Chosen} chosen @returns {Promise<Decoded>} */
export async function decoded({ name, source }) {
  const picture = new Image();
  picture.src = at(source);
  try {
    await picture.decode();
  } catch {
    throw new Error(`${name} is no image that this browser can show.`);
  }
  return { picture, size: { width: picture.naturalWidth, height: picture.naturalHeight } };
}

/** The image as a part of a question. @param {FormData} form @param {Chosen} chosen */
export function addTo(form, { file, id }) {
  if (file) form.set("image", file);
  else form.set("image_id", String(id));
}

export class ChosenImages {
  /** @type {Chosen[]} */ #all = [];
  /** @type {Chosen | null} */ current = null;
  #cursor = 0;

  /** @param {(chosen: Chosen) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    input("files").addEventListener("change", () => { this.addFiles(input("files").files); input("files").value = ""; });
    select("project").addEventListener("change", () => attempt(() => this.#offer(true)));
    button("offer-more").addEventListener("click", () => attempt(() => this.#offer(false)));
    this.#takeDrops();
  }

  /** @param {FileList | null | undefined} files */
  addFiles(files) {
    const images = [...files ?? []].filter((file) => file.type.startsWith("image/") || !file.type);
    if (files?.length && !images.length) say("None of these files is an image.");
    const added = images.map((file) => {
      const source = URL.createObjectURL(file);
      return { name: file.name, source, small: source, file, id: null };
    });
    this.#all.push(...added);
    if (added.length) this.choose(added[0]);
  }

  /** @param {ImageOf} image */
  addImage(image) {
    const known = this.#all.find((one) => one.id === image.id);
    const chosen = known ?? { name: image.name, source: image.picture, small: image.thumbnail, file: null, id: image.id };
    if (!known) this.#all.push(chosen);
    this.choose(chosen);
  }

  /** @param {Chosen} chosen */
  choose(chosen) {
    this.current = chosen;
    const box = $("chosen");
    box.hidden = this.#all.length < 2;
    fill(box, ...this.#all.map((one) => this.#small(one.small, one.name, one === chosen, () => this.choose(one))));
    this.onChoose(chosen);
  }

  /** @param {string} source @param {string} name @param {boolean} isPressed @param {() => void} onclick */
  #small(source, name, isPressed, onclick) {
    return el("button.small-image", { type: "button", title: name, "aria-label": name, "aria-pressed": String(isPressed), onclick },
      el("img", { src: source, alt: "", loading: "lazy" }));
  }

  /** Offer images of the chosen project. @param {boolean} isNew */
  async #offer(isNew) {
    const project = select("project").value;
    if (isNew) {
      this.#cursor = 0;
      fill($("offered"));
    }
    $("offered").hidden = !project;
    $("offer-more").hidden = true;
    if (!project) return;
    const query = new URLSearchParams({ limit: OFFERED, ...(this.#cursor ? { cursor: String(this.#cursor) } : {}) });
    /** @type {ImageList} */
    const found = await ask(`/api/projects/${project}/images?${query}`);
    if (select("project").value !== project) return;
    $("offered").append(...found.items.map((image) =>
      this.#small(image.thumbnail, image.name, false, () => this.addImage(image))));
    if (!found.total) fill($("offered"), el("p.quiet", {}, "It has no images."));
    this.#cursor = found.next ?? 0;
    $("offer-more").hidden = found.next === null;
  }

  #takeDrops() {
    const stage = $("stage");
    for (const name of ["dragenter", "dragover"]) {
      addEventListener(name, (event) => { event.preventDefault(); stage.classList.add("over"); });
    }
    addEventListener("dragleave", (event) => { if (event.relatedTarget === null) stage.classList.remove("over"); });
    addEventListener("drop", (event) => {
      event.preventDefault();
      stage.classList.remove("over");
      this.addFiles(event.dataTransfer?.files);
    });
  }
}
