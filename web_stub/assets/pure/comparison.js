// The labels of one image in two projects: the side of the ground truth, the compared classes, the texts of the lists.

/** @import { OtherProject, Ref } from "../types" */
/** @import { ClassInfo } from "./classes.js" */
/** @import { Overlap } from "./overlap.js" */
import * as show from "./format.js";
import { asked } from "./gallery.js";
import { baseTitle } from "./overlap.js";

/** @typedef {"side" | "swipe" | "difference"} Mode */
/** @typedef {Map<string, ClassInfo>} Classes by title */

/** @type {Mode[]} */
const MODES = ["side", "swipe", "difference"];

/** The mode that an address names. @param {string | null} name */
export const modeOf = (name) => MODES.find((mode) => mode === name) ?? "side";

/** The page's project beside another project, or alone. */
export class Comparison {
  /** Ground truth stands left: the other project's where the page's project holds predictions for it. */
  isSwapped;
  /** Classes of the left side. @type {Classes} */
  known;

  /**
   * @param {{project: Ref, classes: Classes, other: OtherProject | null, otherClasses: Classes}} projects
   */
  constructor({ project, classes, other, otherClasses }) {
    this.project = project;
    this.other = other;
    this.isSwapped = other?.role === "truth";
    this.known = this.isSwapped ? otherClasses : classes;
    this.right = [...(this.isSwapped ? classes : otherClasses).keys()];
    this.bases = new Set(this.known.keys());
  }

  /** The class that a label of this title counts for. @param {string} title */
  base(title) { return this.other ? baseTitle(title, this.bases) : title; }

  /**
   * Left and right, each with its title and its labels.
   * @template L
   * @param {L[]} own labels in the page's project
   * @param {L[]} others labels in the other project
   */
  sides(own, others) {
    const words = this.other?.role === "sibling" ? ["", ""] : ["Ground truth", "Predictions"];
    const mine = { name: this.project.name, labels: own };
    const theirs = { name: this.other?.name ?? "", labels: others };
    const [left, right] = (this.isSwapped ? [theirs, mine] : [mine, theirs])
      .map(({ name, labels }, i) => ({ title: [words[i], name].filter(Boolean).join(" · "), labels }));
    return { left, right };
  }

  /** Predicted classes whose title differs from the class of the ground truth that they stand for. */
  get #renamed() { return this.right.filter((title) => this.base(title) !== title); }

  /** Titles compared: those that the predictions know. */
  get compared() {
    const renamed = this.#renamed;
    const titles = (renamed.length ? renamed : this.right).map((title) => this.base(title));
    return [...new Set(titles)].filter((title) => this.bases.has(title));
  }

  /** Whether a label among predictions was only kept: where others are renamed, it has the title of the ground truth. */
  get isKept() {
    const renamed = new Set(this.#renamed);
    return (/** @type {{title: string}} */ label) => renamed.size > 0 && !renamed.has(label.title);
  }

  /**
   * Classes of both sides with their objects, those of the left side's meta first.
   * @param {{title: string, color: string}[]} left labels
   * @param {{title: string, color: string}[]} right labels
   */
  counts(left, right) {
    const counts = new Map([...this.known.values()].map(({ title, color }) => [title, { title, color, left: 0, right: 0 }]));
    const add = (/** @type {{title: string, color: string}} */ label, /** @type {"left" | "right"} */ side) => {
      const title = this.base(label.title);
      const counted = counts.get(title) ?? { title, color: label.color, left: 0, right: 0 };
      counted[side] += 1;
      counts.set(title, counted);
    };
    for (const label of left) add(label, "left");
    for (const label of right) add(label, "right");
    return [...counts.values()];
  }
}

/**
 * The address of an image in the viewer.
 * @param {number} project
 * @param {number} image
 * @param {{filter: [string, string][], other: number | null, mode: Mode}} view
 */
export function viewerAddress(project, image, { filter, other, mode }) {
  const query = new URLSearchParams(filter);
  if (other !== null) query.set("with", String(other));
  if (other !== null && mode !== "side") query.set("mode", mode);
  return `/projects/${project}/images/${image}${asked(query.toString())}`;
}

/** Two digits behind the point. @param {Pick<Overlap, "iou"> | undefined} overlap */
export const overlapText = (overlap) => (overlap?.iou === undefined || overlap.iou === null ? "–" : overlap.iou.toFixed(2));

/** A label's kind and its part of the image. @param {{kind: string, area: number, broken: boolean}} label @param {number} pixels */
export function labelText({ kind, area, broken }, pixels) {
  if (broken) return "cannot be read";
  const part = area / pixels;
  return [kind, area && `${part < 0.001 ? "<0.1" : (100 * part).toFixed(1)}%`].filter(Boolean).join(" · ");
}

/** Where an image stands among those chosen. @param {number | null} position @param {number} total */
export const positionText = (position, total) =>
  (position ? `${show.count(position)} of ${show.count(total)}` : `not among the ${show.count(total)} chosen`);
