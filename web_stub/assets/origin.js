// Where a model comes from, in a few words.

import { el } from "./dom.js";

/** For a row: "Checkpoint 3 of task 7" with a link, or "Uploaded". */
export function origin(model) {
  const { task_id: task, checkpoint_index: index } = model.provenance;
  if (task === null) return el("span.quiet", {}, "Brought along");
  return el("span", {}, index === null ? "" : `Checkpoint ${index} of `, el("a", { href: `/tasks/${task}` }, `task ${task}`));
}

/** Ids of the best model of each task: each was the best when it was reported, the last of them still is. */
export function bestOfTasks(models) {
  const best = new Map();
  for (const { id, provenance } of models) {
    if (provenance.is_best && id > (best.get(provenance.task_id) ?? 0)) best.set(provenance.task_id, id);
  }
  return new Set(best.values());
}
