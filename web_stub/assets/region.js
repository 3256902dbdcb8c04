// A region of the image on the stage, drawn by pointer; it stays at its place of the image when that is moved or zoomed.

/** @import { Region } from "./pure/try_it.js" */
/** @import { Stage } from "./stage.js" */
import { $ } from "./dom.js";
import { regionBetween } from "./pure/try_it.js";
import { placeAt } from "./pure/viewport.js";

export class RegionTool {
  /** @type {Region | null} */ region = null;
  /** Where the drawing began, in pixels of the image. @type {[number, number] | null} */ #from = null;

  /**
   * @param {Stage} stage
   * @param {(isDone: boolean) => void} onChange
   */
  constructor(stage, onChange) {
    this.stage = stage;
    const cover = this.cover = $("region-cover");
    this.frame = $("region");
    cover.addEventListener("pointerdown", (event) => {
      event.stopPropagation(); // the stage would move the image
      cover.setPointerCapture(event.pointerId);
      this.#from = this.#at(event);
    });
    cover.addEventListener("pointermove", (event) => {
      if (!this.#from) return;
      this.#drawTo(event);
      onChange(false);
    });
    const lift = (/** @type {PointerEvent} */ event) => {
      if (!this.#from) return;
      this.#drawTo(event);
      this.#from = null;
      onChange(true);
    };
    cover.addEventListener("pointerup", lift);
    cover.addEventListener("pointercancel", lift);
  }

  /** @param {boolean} isShown */
  show(isShown) {
    this.cover.hidden = !isShown;
    this.place();
  }

  /** @param {Region | null} region */
  set(region) {
    this.region = region;
    this.place();
  }

  /** Put the frame where the region is on the screen now. */
  place() {
    this.frame.hidden = this.region === null;
    if (!this.region) return;
    const { x, y, scale } = this.stage.look.view;
    const [left, top, right, bottom] = this.region;
    Object.assign(this.frame.style, {
      left: `${x + left * scale}px`, top: `${y + top * scale}px`,
      width: `${(right - left) * scale}px`, height: `${(bottom - top) * scale}px`,
    });
  }

  /** @param {PointerEvent} event */
  #drawTo(event) {
    if (this.#from) this.set(regionBetween(this.#from, this.#at(event), this.stage.look.size));
  }

  /** Of two panes, the one under the pointer counts. @param {PointerEvent} event @returns {[number, number]} */
  #at(event) {
    const { left, top } = this.cover.getBoundingClientRect();
    const { width, height } = this.stage.room;
    return placeAt(this.stage.look.view, (event.clientX - left) % (width + 1), (event.clientY - top) % (height + 1));
  }
}
