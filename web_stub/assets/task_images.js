// The card of a task's page that shows the images that the task logged: at one step, at two, or of one name over all steps.
// Nothing is asked for before it is seen; new images come while the task runs.

/** @import { TaskImage, TaskImageList, TaskImageNames } from "./types" */
/** @import { Pair } from "./pure/task_images.js" */
import { Address } from "./address.js";
import { ask, attempt } from "./api.js";
import { $, el, fill, input, select } from "./dom.js";
import * as show from "./pure/format.js";
import { altText, IMAGE_DEFAULTS, imagesQuery, pairsOf, placeOf, stopOf, stopsOf, stopText } from "./pure/task_images.js";
import { FullImage } from "./task_image_full.js";

const AGAIN_MS = 1000; // images that keep coming are asked for no more often
const SLIDE_MS = 80; // a slider that moves asks no more often
const NAMES_LISTED = 500;

export class TaskImages {
  #newest = 0; // id of the newest image, as the page was told
  #known = 0; // the same when names and steps were asked for last
  #isSeen = false;
  #timer = 0;
  #slideTimer = 0;
  #turn = 0; // grows with every view; an answer for an older view is dropped
  /** @type {TaskImageNames} */ #names = { names: [], steps: [], without_step: 0, total: 0 };
  /** @type {string[]} */ #stops = [];
  /** Answers by their question. @type {Map<string, Promise<TaskImageList>>} */ #answers = new Map();
  /** Tiles by name, and how often it came before. @type {Map<string, Tile>} */ #tiles = new Map();

  /** @param {number} taskId */
  constructor(taskId) {
    this.taskId = taskId;
    this.full = new FullImage((name) => this.#ask({ name }));
    this.address = new Address(IMAGE_DEFAULTS, () => this.#show());
    input("image-step").addEventListener("input", () => this.#slide("image_step", input("image-step")));
    input("image-before").addEventListener("input", () => this.#slide("image_with", input("image-before")));
    input("image-compare").addEventListener("change", () => {
      this.address.set({ image_with: input("image-compare").checked ? this.#stops[0] : "" });
      this.#show();
    });
    input("image-cut").addEventListener("input", () => this.#cut());
    select("image-name").addEventListener("change", () => this.#choose(select("image-name").value));
    new IntersectionObserver(([entry]) => {
      this.#isSeen = entry.isIntersecting;
      this.#refresh();
    }, { rootMargin: "300px 0px" }).observe($("images-place"));
    document.addEventListener("visibilitychange", () => this.#refresh());
    this.#cut();
  }

  /** @param {number | null} newest id of the newest image that the task has */
  update(newest) {
    this.#newest = newest ?? 0;
    $("images-card").hidden = !newest;
    this.#refresh();
  }

  /** Ask for names and steps if there are new images and somebody looks. */
  #refresh() {
    if (this.#timer || !this.#isSeen || document.hidden || this.#newest <= this.#known) return;
    this.#timer = setTimeout(() => { this.#timer = 0; this.#refresh(); }, AGAIN_MS);
    this.#known = this.#newest;
    this.#answers.clear();
    attempt(async () => {
      this.#names = await ask(`/api/tasks/${this.taskId}/images/names`);
      this.#stops = stopsOf(this.#names);
      this.#show();
    });
  }

  /** @param {"image_step" | "image_with"} which @param {HTMLInputElement} slider */
  #slide(which, slider) {
    const stop = this.#stops[slider.valueAsNumber];
    const isNewest = which === "image_step" && placeOf(this.#stops, "") === slider.valueAsNumber;
    this.address.set({ [which]: isNewest ? "" : stop });
    this.#controls();
    clearTimeout(this.#slideTimer);
    this.#slideTimer = setTimeout(() => this.#show(), SLIDE_MS);
  }

  /** @param {string} name empty: all names */
  #choose(name) {
    this.address.set({ image_name: name }, { isStep: true });
    this.#show();
  }

  #cut() {
    $("image-grid").style.setProperty("--cut", `${input("image-cut").value}%`);
  }

  /** What the address says, as far as there are such images. */
  get #view() {
    const { image_step, image_with, image_name } = this.address.values;
    const step = placeOf(this.#stops, image_step);
    const before = image_with ? placeOf(this.#stops, image_with) : null;
    return { step, before: image_name ? null : before, name: image_name };
  }

  #controls() {
    const { step, before, name } = this.#view;
    const last = String(this.#stops.length - 1);
    for (const [id, place] of /** @type {const} */ ([["image-step", step], ["image-before", before ?? 0]])) {
      const text = stopText(this.#stops[place]);
      input(id).max = last;
      input(id).value = String(place);
      input(id).setAttribute("aria-valuetext", text);
      $(`${id}-value`).textContent = text;
    }
    input("image-compare").checked = before !== null;
    $("image-steps").hidden = name !== "" || this.#stops.length < 2;
    $("image-two").hidden = before === null;
    const names = this.#names.names;
    select("image-name").hidden = names.length < 2 || names.length > NAMES_LISTED;
    if (select("image-name").options.length !== names.length + 1) {
      fill(select("image-name"), el("option", { value: "" }, "All names"),
        ...names.map((one) => el("option", { value: one.name }, one.name)));
    }
    select("image-name").value = names.some((one) => one.name === name) ? name : "";
    $("image-all").hidden = name === "";
    fill($("image-all"), `Every step of ${name} · `,
      el("button.as-link", { type: "button", onclick: () => this.#choose("") }, "All names"));
    $("images-count").textContent = show.count(this.#names.total);
  }

  #show() {
    if (!this.#stops.length) return;
    this.#controls();
    const turn = this.#turn += 1;
    const { step, before, name } = this.#view;
    attempt(async () => {
      const [after, other] = await Promise.all([
        this.#ask(name ? { name } : { step: this.#stops[step] }),
        before === null ? null : this.#ask({ step: this.#stops[before] }),
      ]);
      if (turn !== this.#turn) return;
      const pairs = name ? after.items.map((one) => ({ name: one.name, after: one })) : pairsOf(after.items, other?.items);
      this.#draw(pairs, name !== "");
      const missing = after.total - after.items.length;
      $("images-more").hidden = missing === 0;
      $("images-more").textContent = `${show.counted(missing, "more image")} ${missing === 1 ? "is" : "are"} not shown here.`;
    });
  }

  /** @param {{step?: string, name?: string}} of @returns {Promise<TaskImageList>} */
  #ask(of) {
    const query = imagesQuery(of);
    const known = this.#answers.get(query);
    if (known) return known;
    const answer = ask(`/api/tasks/${this.taskId}/images?${query}`);
    this.#answers.set(query, answer);
    answer.catch(() => this.#answers.delete(query));
    return answer;
  }

  /** @param {Pair[]} pairs @param {boolean} isOfOneName */
  #draw(pairs, isOfOneName) {
    /** @type {Map<string, Tile>} */
    const tiles = new Map();
    for (const pair of pairs) {
      let time = 0;
      while (tiles.has(`${time} ${pair.name}`)) time += 1;
      const key = `${time} ${pair.name}`;
      const tile = this.#tiles.get(key) ?? new Tile(this.full, (name) => this.#choose(name));
      tile.draw(pair, isOfOneName);
      tiles.set(key, tile);
    }
    this.#tiles = tiles;
    fill($("image-grid"), ...[...tiles.values()].map(({ root }) => root));
    $("image-grid").dataset.drawn = String(pairs.length);
  }
}

/** An image, and over it the left part of the one of the other step. It stays while steps change, so nothing flickers. */
class Tile {
  root = el("figure.shot");
  #frame = el("div.shot-frame");
  #caption = el("figcaption");
  /** Of the images that are drawn. */ #drawn = "";

  /** @param {FullImage} full @param {(name: string) => void} choose */
  constructor(full, choose) {
    this.full = full;
    this.choose = choose;
    this.root.append(this.#frame, this.#caption);
  }

  /** @param {Pair} pair @param {boolean} isOfOneName */
  draw({ name, after, before }, isOfOneName) {
    const drawn = `${after?.id}/${before?.id}/${isOfOneName}`;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#frame.classList.toggle("two", Boolean(before && after));
    fill(this.#frame, after && this.#picture(after, "after"), before && this.#picture(before, "before"),
      before && after && el("i.divider", { "aria-hidden": "true" }));
    const shown = /** @type {TaskImage} */ (after ?? before);
    const title = isOfOneName ? el("b", {}, stopText(stopOf(shown)))
      : el("button.as-link", { type: "button", title: "Every step of it", onclick: () => this.choose(name) }, name);
    fill(this.#caption, title, shown.caption && el("span.quiet", {}, shown.caption),
      !after && el("span.quiet", {}, "only at the other step"));
  }

  /** @param {TaskImage} image @param {"after" | "before"} side */
  #picture(image, side) {
    const picture = el("img", {
      src: image.thumbnail, alt: altText(image), loading: "lazy", decoding: "async", width: image.width, height: image.height,
      onerror: () => { link.classList.add("lost"); picture.remove(); },
    });
    const link = el(`a.${side}`, {
      href: image.picture, "aria-label": `Show ${altText(image)}`,
      onclick: (/** @type {MouseEvent} */ event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        attempt(() => this.full.show(image));
      },
    }, picture);
    return link;
  }
}
