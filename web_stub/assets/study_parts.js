// Pieces that the list of studies and the page of one share.

/** @import { Trial } from "./types" */
import { el } from "./dom.js";

/**
 * A link to the task of a trial, which leads into the trash too; for a task that is gone for good a word.
 * @param {Trial} trial
 */
export const taskOf = ({ task_id: id, is_task_deleted: isDeleted }) => (id === null ? "deleted"
  : el("span", {}, el("a", { href: `/tasks/${id}` }, `task ${id}`), isDeleted && " (deleted)"));
