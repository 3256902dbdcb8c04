// A model's stay: pinned or not, in the trash or not.

/** @import { Model } from "./types" */
import { ask, attempt } from "./api.js";
import { $ } from "./dom.js";

/** Show where a model stands, and let its two buttons change it. @param {Model} model changed in place */
export function keep(model) {
  const draw = () => {
    const isTrash = model.deleted_at !== null;
    $("pinned").hidden = !model.pinned;
    $("in-trash").hidden = !isTrash;
    $("pin").textContent = model.pinned ? "Unpin" : "Pin";
    $("pin").hidden = isTrash;
    $("remove").textContent = isTrash ? "Restore" : "Remove";
    $("remove").hidden = model.pinned && !isTrash;
  };
  const change = (/** @type {string} */ path, /** @type {string} */ method) => attempt(async () => {
    Object.assign(model, await ask(`/api/models/${model.id}${path}`, { method }));
    draw();
  });
  $("pin").addEventListener("click", () => change(model.pinned ? "/unpin" : "/pin", "POST"));
  $("remove").addEventListener("click", () =>
    (model.deleted_at === null ? change("", "DELETE") : change("/restore", "POST")));
  draw();
}
