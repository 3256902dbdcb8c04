// The labels of one image in two projects: the side of the ground truth, the compared classes, the texts of the lists.

/** @import { OtherProject, Ref } from "../types" */
/** @import { ClassInfo } from "./classes.js" */
/** @import { Overlap } from "./overlap.js" */
import * as show from "./format.js";
import { asked } from "./gallery.js";
import { baseTitle } from "./overlap.js";

/** @typedef {"side" | "swipe" | "difference" | "errors"} Mode */
/** @typedef {Map<string, ClassInfo>} Classes by title */

/** A project's classes: titles of its meta, and the suffix of predicted ones. @typedef {{titles: string[], suffix: string | null}} Side */

/** @type {Mode[]} */
const MODES = ["side", "swipe", "difference", "errors"];

/** The mode that an address names. @param {string | null} name */
export const modeOf = (name) => MODES.find((mode) => mode === name) ?? "side";

/**
 * The page's project beside another project, or alone. An inference keeps the labels of its input beside its predictions,
 * which have a suffix behind their titles: kept labels are neither shown nor counted among predictions.
 */
export class Comparison {
  /** Ground truth stands left: the other project's where the page's project holds predictions for it. */
  isSwapped;
  /** Classes of the left side. @type {Classes} */
  known;
  /** @type {Side} */ left;
  /** @type {Side} */ right;
  /** The classes that titles count for, found once: a frame asks for each label. @type {Map<string, string>} */ #bases = new Map();
  /** @type {Map<Side, Set<string>>} */ #keptOf = new Map();
  /** @type {boolean | null} */ #said = null;
  /** @type {string[] | null} */ #compared = null;
  /** Titles of the ground truth; beside a project of other predictions, those that both have beside their predictions. */
  bases;

  /**
   * @param {{project: Ref, classes: Classes, suffix: string | null, other: OtherProject | null, otherClasses: Classes}} projects
   */
  constructor({ project, classes, suffix, other, otherClasses }) {
    this.project = project;
    this.other = other;
    this.isSwapped = other?.role === "truth";
    const mine = { titles: [...classes.keys()], suffix };
    const theirs = { titles: [...otherClasses.keys()], suffix: other?.suffix ?? null };
    this.known = this.isSwapped ? otherClasses : classes;
    this.left = this.isSwapped ? theirs : mine;
    this.right = this.isSwapped ? mine : theirs;
    this.bases = new Set(other?.role === "sibling" ? basesOfBoth(mine, theirs) : this.left.titles);
  }

  /** The class that a label of this title counts for. @param {string} title */
  base(title) {
    let base = this.#bases.get(title);
    if (base === undefined) this.#bases.set(title, base = this.#found(title));
    return base;
  }

  /** @param {string} title */
  #found(title) {
    if (!this.other || this.bases.has(title)) return title;
    for (const { suffix } of this.other.role === "sibling" ? [this.left, this.right] : [this.right]) {
      if (suffix && title.endsWith(suffix) && title !== suffix) return title.slice(0, -suffix.length);
    }
    return this.#isSaid ? title : baseTitle(title, this.bases);
  }

  /** Whether the suffix of the predictions is known, and theirs indeed; else their titles are compared with those of the truth. */
  get #isSaid() {
    const { suffix, titles } = this.right;
    return this.#said ??= suffix !== null && titles.some((title) => title.endsWith(suffix));
  }

  /**
   * Left and right, each with its title and its labels, without labels that predictions only kept.
   * @template {{title: string}} L
   * @param {L[]} own labels in the page's project
   * @param {L[]} others labels in the other project
   */
  sides(own, others) {
    const words = this.other?.role === "sibling" ? ["", ""] : ["Ground truth", "Predictions"];
    const mine = { name: this.project.name, labels: own };
    const theirs = { name: this.other?.name ?? "", labels: others };
    const kept = [this.#keptLeft, this.#kept(this.right)];
    const [left, right] = (this.isSwapped ? [theirs, mine] : [mine, theirs]).map(({ name, labels }, i) => ({
      title: [words[i], name].filter(Boolean).join(" · "), labels: labels.filter(({ title }) => !kept[i].has(title)),
    }));
    return { left, right };
  }

  /** Titles of the ground truth among predictions that have titles of their own. @param {Side} side @returns {Set<string>} */
  #kept(side) {
    if (!this.other) return new Set();
    let kept = this.#keptOf.get(side);
    if (!kept) {
      const isRenamed = side.titles.some((title) => !this.bases.has(title) && this.bases.has(this.base(title)));
      kept = new Set(isRenamed ? side.titles.filter((title) => this.bases.has(title)) : []);
      this.#keptOf.set(side, kept);
    }
    return kept;
  }

  /** @returns {Set<string>} */
  get #keptLeft() { return this.other?.role === "sibling" ? this.#kept(this.left) : new Set(); }

  /** Titles compared: those that the predictions know. */
  get compared() { return this.#compared ??= this.#findCompared(); }

  #findCompared() {
    const kept = this.#kept(this.right);
    const titles = this.right.titles.filter((title) => !kept.has(title)).map((title) => this.base(title));
    return [...new Set(titles)].filter((title) => this.bases.has(title));
  }

  /**
   * Classes of both sides with their objects, those of the left side's meta first.
   * @param {{title: string, color: string}[]} left labels
   * @param {{title: string, color: string}[]} right labels
   */
  counts(left, right) {
    const kept = this.#keptLeft;
    const known = [...this.known.values()].filter(({ title }) => !kept.has(title));
    const counts = new Map(known.map(({ title, color }) => {
      const base = this.base(title);
      return [base, { title: base, color, left: 0, right: 0 }];
    }));
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
 * Titles that two projects of predictions have beside their predictions: those of the ground truth, where it was kept.
 * @param {Side} mine
 * @param {Side} theirs
 */
function basesOfBoth(mine, theirs) {
  const isPredicted = (/** @type {string} */ title) =>
    [mine.suffix, theirs.suffix].some((suffix) => suffix !== null && title.endsWith(suffix));
  const both = mine.titles.filter((title) => theirs.titles.includes(title));
  const bases = both.filter((title) => !isPredicted(title));
  return bases.length ? bases : both.length ? both : mine.titles;
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

/**
 * Two digits behind the point; 0.00 and 1.00 stand for nothing else. A dash where there is nothing to divide by.
 * @param {Pick<Overlap, "iou"> | undefined} overlap
 */
export function overlapText(overlap) {
  const iou = overlap?.iou ?? null;
  if (iou === null) return "–";
  if (iou > 0 && iou < 0.005) return "<0.01";
  return iou < 1 && iou >= 0.995 ? ">0.99" : iou.toFixed(2);
}

/**
 * The pixels of a class on both sides, or why there are none to compare.
 * @param {Overlap | undefined} overlap
 * @param {boolean} isCompared whether the predictions know the class
 */
export function areasText(overlap, isCompared) {
  if (!isCompared) return "not compared: not among the predicted classes";
  if (!overlap) return "";
  const { both, truth, predicted, iou } = overlap;
  if (iou === null) return "no pixel on either side";
  return `${show.count(both)} both · ${show.count(truth - both)} missed · ${show.count(predicted - both)} extra`;
}

/** A label's kind and its part of the image. @param {{kind: string, area: number, broken: boolean}} label @param {number} pixels */
export function labelText({ kind, area, broken }, pixels) {
  if (broken) return "cannot be read";
  const part = area / pixels;
  return [kind, area && `${part < 0.001 ? "<0.1" : (100 * part).toFixed(1)}%`].filter(Boolean).join(" · ");
}

/** Where an image stands among those chosen. @param {number | null} position @param {number} total */
export const positionText = (position, total) =>
  (position ? `${show.count(position)} of ${show.count(total)}` : `not among the ${show.count(total)} chosen`);
