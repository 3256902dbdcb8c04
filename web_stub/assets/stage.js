// The stage: one or two canvases with the same image at the same place, moved by wheel, pointer, fingers and keys.

/** @import { Label } from "./labels.js" */
/** @import { Box, Size } from "./pure/shapes.js" */
/** @import { View } from "./pure/viewport.js" */
/** @import { Layer, Look } from "./stage_drawing.js" */
import { context2d, el } from "./dom.js";
import { covers } from "./labels.js";
import { fitted, isInside, kept, lookingAt, placeAt, wheelFactor, zoomed } from "./pure/viewport.js";
import { drawPane } from "./stage_drawing.js";

const NEAR = 6; // screen pixels from a line or dot that still meet it

/**
 * A pane to show: its title, the title at its right end, its layers, where a swipe stands (0 to 1).
 * @typedef {{title?: string, right?: string, swipe?: number, layers: Layer[]}} WantedPane
 * @typedef {ReturnType<Stage["makePane"]>} Pane
 * @typedef {{pane: Pane, px: number, py: number}} Pointer
 * @typedef {{label: Label | null, x: number, y: number}} Found a pixel of the image, and the topmost label on it
 */

export class Stage {
  /** @type {Pane[]} */ panes = [];
  /** @type {Map<number, Pointer>} */ #pointers = new Map();
  #isScheduled = false;
  isFitted = true;

  /**
   * @param {HTMLElement} element
   * @param {{onZoom: (scale: number) => void, onHover: (found: Found | null) => void}} listeners
   */
  constructor(element, { onZoom, onHover }) {
    this.element = element;
    this.onZoom = onZoom;
    this.onHover = onHover;
    /** @type {Look} */
    this.look = {
      view: { x: 0, y: 0, scale: 1 }, size: { width: 1, height: 1 }, image: null,
      opacity: 0.45, isShown: () => true, highlighted: null,
    };
    new ResizeObserver(() => { if (this.isFitted) this.fit(); else this.draw(); }).observe(element);
    addEventListener("themechange", () => this.draw());
    this.#listen();
  }

  /**
   * @param {HTMLImageElement | null} image
   * @param {Size} size
   * @param {WantedPane[]} wanted
   */
  show(image, size, wanted) {
    const { size: before } = this.look;
    const isNew = size.width !== before.width || size.height !== before.height;
    Object.assign(this.look, { image, size });
    for (const extra of this.panes.splice(wanted.length)) extra.box.remove();
    while (this.panes.length < wanted.length) this.panes.push(this.makePane());
    wanted.forEach(({ title = "", right = "", swipe = null, layers }, i) => {
      const pane = this.panes[i];
      Object.assign(pane, { swipe, layers });
      pane.caption.textContent = title;
      pane.caption.hidden = !title;
      pane.second.textContent = right;
      pane.second.hidden = !right;
      pane.handle.hidden = swipe === null;
    });
    this.element.dataset.panes = String(wanted.length);
    if (isNew || this.isFitted) this.fit();
    else this.draw();
  }

  makePane() {
    const canvas = el("canvas");
    const handle = el("input.swipe", { type: "range", min: "0", max: "1", step: "0.005", value: "0.5" });
    handle.setAttribute("aria-label", "Where ground truth ends and predictions begin");
    const pane = {
      box: el("div.pane"), canvas, context: context2d(canvas),
      caption: el("span.pane-title"), second: el("span.pane-title.pane-right"), handle,
      layers: /** @type {Layer[]} */ ([]), swipe: /** @type {number | null} */ (null),
    };
    handle.addEventListener("input", () => { pane.swipe = Number(handle.value); this.draw(); });
    pane.box.append(canvas, pane.caption, pane.second, handle);
    this.element.append(pane.box);
    return pane;
  }

  /** The size of a pane on the screen; all panes are equally large. Without an image, the size of the stage. */
  get room() {
    const { width, height } = (this.panes[0]?.box ?? this.element).getBoundingClientRect();
    return { width, height };
  }

  fit() {
    this.isFitted = true;
    if (!this.panes.length) return;
    const { room } = this;
    if (!room.width || !room.height) return;
    this.look.view = fitted(room, this.look.size);
    this.draw();
  }

  /** @param {View} view */
  #see(view) {
    this.look.view = view;
    this.isFitted = false;
    this.draw();
  }

  /**
   * Zoom by a factor, keeping still the place at (px, py) of the pane, or its middle.
   * @param {number} factor
   * @param {number} [px]
   * @param {number} [py]
   */
  zoom(factor, px = this.room.width / 2, py = this.room.height / 2) {
    this.#see(zoomed(this.look.view, factor, px, py));
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  move(dx, dy) {
    const { x, y, scale } = this.look.view;
    this.#see({ x: x + dx, y: y + dy, scale });
  }

  /** Bring a box of the image into view. @param {Box} box */
  lookAt(box) { this.#see(lookingAt(box, this.room)); }

  /** @param {Label | null} label */
  highlight(label) {
    if (this.look.highlighted === label) return;
    this.look.highlighted = label;
    this.draw();
  }

  draw() {
    if (this.#isScheduled || !this.panes.length) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.look.view = kept(this.look.view, this.room, this.look.size);
      for (const pane of this.panes) drawPane(pane, pane.box.getBoundingClientRect(), this.look);
      this.onZoom(this.look.view.scale);
    });
  }

  /**
   * The label on top at a place of a pane; null outside of the image.
   * @param {Pointer} place
   * @returns {Found | null}
   */
  labelAt({ pane, px, py }) {
    const { view, size, isShown } = this.look;
    const [x, y] = placeAt(view, px, py);
    const isParted = pane.swipe !== null && pane.layers.length === 2;
    const layers = isParted ? [pane.layers[px < (pane.swipe ?? 0) * this.room.width ? 0 : 1]] : pane.layers;
    for (const { labels } of [...layers].reverse()) {
      const label = labels.filter(isShown).findLast((one) => covers(one, x, y, NEAR / view.scale, pane.context));
      if (label) return { label, x: Math.floor(x), y: Math.floor(y) };
    }
    return isInside(size, x, y) ? { label: null, x: Math.floor(x), y: Math.floor(y) } : null;
  }

  /** Where an event meets a pane; null while no image is shown. @param {MouseEvent} event @returns {Pointer | null} */
  #at(event) {
    const target = /** @type {Node} */ (event.target);
    const pane = this.panes.find((one) => one.box.contains(target)) ?? this.panes[0];
    if (!pane) return null;
    const { left, top } = pane.box.getBoundingClientRect();
    return { pane, px: event.clientX - left, py: event.clientY - top };
  }

  /** Zoom at the place of an event. @param {MouseEvent} event @param {number} factor */
  #zoomAt(event, factor) {
    const at = this.#at(event);
    if (at) this.zoom(factor, at.px, at.py);
  }

  #listen() {
    const { element } = this;
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoomAt(event, wheelFactor(event));
    }, { passive: false });
    element.addEventListener("pointerdown", (event) => {
      const target = /** @type {Element} */ (event.target);
      const at = this.#at(event);
      if (!at || target.closest("input, button")) return;
      target.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, at);
      element.classList.add("moving");
    });
    element.addEventListener("pointermove", (event) => this.#moved(event));
    const lift = (/** @type {PointerEvent} */ event) => {
      this.#pointers.delete(event.pointerId);
      if (!this.#pointers.size) element.classList.remove("moving");
    };
    element.addEventListener("pointerup", lift);
    element.addEventListener("pointercancel", lift);
    element.addEventListener("pointerleave", () => this.onHover(null));
    element.addEventListener("dblclick", (event) => this.#zoomAt(event, 2));
  }

  /** A pointer moved: over the image, with the image, or as one of two fingers. @param {PointerEvent} event */
  #moved(event) {
    const now = this.#at(event);
    if (!now) return;
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      this.onHover(this.labelAt(now));
      return;
    }
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other && this.#pointers.size === 2) {
      const distance = (/** @type {Pointer} */ one) => Math.hypot(one.px - other.px, one.py - other.py) || 1;
      this.zoom(distance(now) / distance(before), (now.px + other.px) / 2, (now.py + other.py) / 2);
      this.move((now.px - before.px) / 2, (now.py - before.py) / 2);
    } else this.move(now.px - before.px, now.py - before.py);
    this.#pointers.set(event.pointerId, now);
  }
}
