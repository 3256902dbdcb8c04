// An image that a task logged in its full size, with the steps of the same name before and after it.

/** @import { TaskImage, TaskImageList } from "./types" */
import { attempt } from "./api.js";
import { $, button, dialog, el, fill } from "./dom.js";
import * as show from "./pure/format.js";
import { altText, stopOf, stopText } from "./pure/task_images.js";

export class FullImage {
  /** Of the name that is shown, by step. @type {TaskImage[]} */ #images = [];
  #place = 0;

  /** @param {(name: string) => Promise<TaskImageList>} ofName */
  constructor(ofName) {
    this.ofName = ofName;
    button("image-previous").addEventListener("click", () => this.#go(-1));
    button("image-next").addEventListener("click", () => this.#go(1));
    dialog("image-full").addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || event.target === $("image-full-frame")) return; // there the arrows scroll
      event.preventDefault();
      this.#go(by);
    });
    dialog("image-full").addEventListener("click", (event) => {
      if (event.target === dialog("image-full")) dialog("image-full").close();
    });
  }

  /** @param {TaskImage} image */
  async show(image) {
    this.#images = [image];
    this.#place = 0;
    this.#draw();
    dialog("image-full").showModal();
    const { items } = await this.ofName(image.name);
    this.#images = items.some(({ id }) => id === image.id)
      ? [...items].sort((one, other) => (one.step ?? Infinity) - (other.step ?? Infinity) || one.id - other.id) : [image];
    this.#place = this.#images.findIndex(({ id }) => id === image.id);
    this.#draw();
  }

  /** @param {number} by */
  #go(by) {
    this.#place = Math.max(0, Math.min(this.#images.length - 1, this.#place + by));
    attempt(() => this.#draw());
  }

  #draw() {
    const image = this.#images[this.#place];
    $("image-full-title").textContent = image.name;
    $("image-full-step").textContent = stopText(stopOf(image));
    const facts = [`${image.width}×${image.height}`, show.bytes(image.size_bytes), image.caption];
    fill($("image-full-text"), facts.filter(Boolean).join(" · "), " · ",
      el("a", { href: image.file, download: image.name.replaceAll("/", "_") }, "Download"));
    if ($("image-full-frame").dataset.image !== String(image.id)) {
      $("image-full-frame").dataset.image = String(image.id);
      fill($("image-full-frame"), el("img", { src: image.picture, alt: altText(image) }));
    }
    button("image-previous").disabled = this.#place === 0;
    button("image-next").disabled = this.#place === this.#images.length - 1;
  }
}
