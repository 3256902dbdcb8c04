// The use of the disk, in parts.

/** @import { Space } from "../types" */
import * as show from "./format.js";

/** @param {Space["half_made"]} things */
const sum = (things) => things.reduce((bytes, { size_bytes }) => bytes + size_bytes, 0);

/** Bytes that this installation takes. @param {Space} space */
const ours = (space) =>
  space.blobs_bytes + space.folders_bytes + (space.store_bytes ?? 0) + sum(space.half_made);

/**
 * The parts of the disk, in order, with those of no size. Together they are at least the disk.
 * @param {Space} space
 * @returns {{key: string, title: string, size: number}[]}
 */
export function partsOf(space) {
  const used = space.disk_total_bytes - space.disk_free_bytes;
  return [
    { key: "models", title: "Models and images of projects", size: space.blobs_bytes },
    { key: "folders", title: "Task folders", size: space.folders_bytes },
    { key: "store", title: "Database", size: space.store_bytes ?? 0 },
    { key: "half", title: "Uploads, imports and backups in progress", size: sum(space.half_made) },
    { key: "other", title: "Other files", size: Math.max(0, used - ours(space)) },
    { key: "free", title: "Free", size: space.disk_free_bytes },
  ];
}

/** @param {Space} space */
export function summary(space) {
  const parts = [`${show.bytes(ours(space))} are ours, ${show.bytes(space.disk_free_bytes)} are free`];
  if (space.unnamed_bytes) {
    parts.push(`${show.bytes(space.unnamed_bytes)} of it nothing names, and the next agent retention collects it`);
  }
  const left = space.half_made.filter(({ is_left }) => is_left);
  if (left.length) {
    parts.push(`${show.counted(left.length, "half-made thing")} of killed processes, ${show.bytes(sum(left))}, `
      + "are left, and agent clean removes them");
  }
  return parts.join("; ");
}

/**
 * The width of a bar beside the largest, in percent; it is seen however small its part is.
 * @param {number} size
 * @param {number} largest
 */
export const barWidth = (size, largest) => (largest ? Math.max(1, (100 * size) / largest) : 0);
