// What a removal is about, in words, for the person who confirms it.

/** @import { Weight } from "./types" */
import { ask } from "./api.js";
import * as show from "./pure/format.js";

/**
 * @param {"task" | "model" | "project"} noun
 * @param {number[]} ids
 */
export async function removalText(noun, ids) {
  if (noun !== "task") return "What no task needs goes to the trash, from where it can be restored for some days.";
  /** @type {Weight} */
  const weight = await ask(`/api/tasks/weight?${new URLSearchParams(ids.map((id) => ["ids", String(id)]))}`);
  const made = [
    weight.models > 0 && `${show.counted(weight.models, "model")} (${show.bytes(weight.models_bytes)})`,
    weight.projects > 0 && `${show.counted(weight.projects, "project")} (${show.counted(weight.images, "image")})`,
  ].filter(Boolean).join(" and ");
  const logged = weight.logged_images > 0
    ? `, ${show.counted(weight.logged_images, "logged image")} (${show.bytes(weight.logged_bytes)})` : "";
  const own = `${show.counted(weight.lines, "line")} of log${logged} and ${show.bytes(weight.folder_bytes)} of folders `
    + "go to the trash, from where they can be restored for some days.";
  return made ? `${own} Made along the way: ${made}.` : own;
}
