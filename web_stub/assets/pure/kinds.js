// The kinds of tasks, in words.

/** @import { TaskCard } from "../types" */

/** @param {TaskCard["type"]} type */
export const kindText = (type) => ({ train: "Training", inference: "Inference", deploy: "Deployed model" })[type];

/** What a task works with: its plugin, and its project if it has one. @param {Pick<TaskCard, "plugin" | "project">} task */
export const inputsText = ({ plugin, project }) => (project ? `${plugin.name} · ${project.name}` : plugin.name);
