// How far a task is, in words.

/** @import { Checkpoint, Progress, TaskCard } from "../types" */
import { bare } from "./ansi.js";
import * as show from "./format.js";
import { metricTexts, valMetrics } from "./provenance.js";

const STEPS = ["DOWNLOAD", "MAIN", "UPLOAD"];

/** The name that the plugin gave a bar, without a closing colon. @param {Pick<Progress, "subtask">} bar */
export const barLabel = (bar) => bare(bar.subtask).trim().replace(/:$/, "");

/** @param {Pick<Progress, "current" | "total">} bar */
export const barCount = (bar) => `${show.count(bar.current)} / ${show.count(bar.total)}`;

/** The text in place of a bar while the task has none. @param {Pick<TaskCard, "status" | "step" | "waits_for">} task */
export function noBarText({ status, step, waits_for: why }) {
  if (status === "queued") return why ? `Waits: ${why}` : "Waiting for an agent";
  return step === "NOTHING" && !show.isFinal(status) ? "Preparing" : "";
}

/** The plugin's own words for how far it is, or the count. @param {Progress} bar */
export const barNumbers = (bar) => (bar.current_label ? bare(`${bar.current_label} / ${bar.total_label}`) : barCount(bar));

/** The tone of a bar: done, moving, or as its task ended. @param {Progress} bar @param {string} status of the task */
export function barTone(bar, status) {
  if (bar.total > 0 && bar.current >= bar.total) return "finished";
  return show.isFinal(status) ? status : "started";
}

/**
 * The steps of a task in order, with the state of each.
 * @param {Pick<TaskCard, "type" | "status" | "step">} task
 * @returns {{title: string, state: "" | "done" | "now" | "failed"}[]}
 */
export function steps({ type, status, step }) {
  const last = STEPS.indexOf(step);
  const isServed = type === "deploy"; // until somebody stops it
  const hasFailed = status === "error" || (status === "stopped" && !isServed);
  const isIdle = status === "queued" || status === "finished" || status === "stopped";
  const titles = { train: ["Train", "Publish"], inference: ["Apply", "Publish"], deploy: ["Answer requests", "End"] };
  return ["Prepare", ...titles[type]].map((title, i) => {
    if (i <= last) return { title, state: "done" };
    if (i > last + 1) return { title, state: "" };
    return { title, state: hasFailed ? "failed" : isIdle ? "" : "now" };
  });
}

/** Why a task did not end well, in a sentence. @param {Pick<TaskCard, "message" | "reason" | "exit_code">} task */
export function troubleText({ message, reason, exit_code: code }) {
  const says = message ?? reason ?? "No reason was recorded.";
  return code && !message?.includes("exit code") ? `${says} (exit code ${code})` : says;
}

/** Epoch, metrics and size of a checkpoint. @param {Pick<Checkpoint, "optional" | "size_bytes">} checkpoint */
export function checkpointText({ optional, size_bytes: size }) {
  const epoch = optional?.epoch;
  return [
    ...(epoch === undefined ? [] : [`epoch\u00a0${epochText(epoch)}`]),
    ...metricTexts(valMetrics(optional)),
    show.bytes(size).replace(" ", "\u00a0"),
  ].join(" · ");
}

/** Plugins report an epoch as they like; null was a number that JSON cannot write. @param {unknown} epoch */
function epochText(epoch) {
  if (epoch === null || typeof epoch === "number") return show.number(epoch);
  return typeof epoch === "string" ? epoch : JSON.stringify(epoch);
}
