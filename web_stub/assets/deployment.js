// Whether a model answers, as a line of the page: it is started and stopped here, and an end says why.

/** @import { Deployed, ServingTask, TaskDetail } from "./types" */
import { ask, attempt, sentenceOf } from "./api.js";
import { el, fill } from "./dom.js";
import { status } from "./pieces.js";
import { gpuChoices } from "./pure/try_it.js";

const LOOK_MS = 1000; // while something is expected
const REST_MS = 5000;

/** What a live task waits for, or how many wait for it. @param {ServingTask} task */
function waitText(task) {
  if (task.is_ready) return task.waiting > 0 ? `${task.waiting} waiting` : "";
  /** @type {Record<string, string>} */
  const words = {
    queued: "waits for an agent", consumed: "is being prepared", started: "loads its weights", terminating: "is being stopped",
  };
  return words[task.status] ?? "is not connected now; it is waited for";
}

/** Why a task ended, where a person did not end it. @param {TaskDetail} ended */
function endText({ status: how, reason, message }) {
  if (how === "error") return `It ended: ${message ?? reason}`;
  return reason === "idle" ? "It was stopped, because nobody asked it anything." : "";
}

export class Deployment {
  isReady = false;
  /** The task that was last seen. @type {number | null} */ #task = null;
  /** Why the last one ended. */ #why = "";
  /** What is said of no task; it is not said again, which would close the choice. @type {string | null} */ #saidGone = null;
  #timer = 0;
  #isClosed = false;

  /**
   * @param {{id: number, name: string}} model
   * @param {{onReady: () => void, onChange: () => void}} listeners `onReady`: it answers from now on
   * @param {number | null} gpus of the machine with the most; null: nobody has said
   */
  constructor(model, { onReady, onChange }, gpus) {
    const { choices, why } = gpuChoices(gpus);
    this.gpu = el("select", { "aria-label": "GPU", title: why || "GPU", disabled: why !== "" },
      ...choices.map(({ value, text }) => el("option", { value }, text)));
    this.noGpu = why;
    this.model = model;
    this.onReady = onReady;
    this.onChange = onChange;
    this.line = el("div.deployment", { "data-model": String(model.id) });
    attempt(() => this.look());
  }

  /** It is looked after no more. */
  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.line.remove();
  }

  /** Ask how it is, and again after a while. */
  async look() {
    clearTimeout(this.#timer);
    let isExpected = false;
    try {
      /** @type {Deployed} */
      const { tasks } = await ask(`/api/models/${this.model.id}/deployed`);
      const best = tasks.find((one) => one.is_ready) ?? tasks[0];
      if (best) this.#alive(best);
      else await this.#gone();
      isExpected = best !== undefined && !best.is_ready;
    } catch (error) {
      this.#say(el("span.why.bad", {}, sentenceOf(error)));
      this.#becomes(false);
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => attempt(() => this.look()), isExpected ? LOOK_MS : REST_MS);
  }

  async #start() {
    this.#why = "";
    const text = JSON.stringify({ gpus: this.gpu.value || null });
    /** @type {TaskDetail} */
    const task = await ask(`/api/models/${this.model.id}/deploy`, { method: "POST", text });
    this.#task = task.id;
    await this.look();
  }

  /** @param {number} task */
  async #stop(task) {
    await ask(`/api/tasks/${task}/stop`, { method: "POST" });
    await this.look();
  }

  /** @param {ServingTask} task */
  #alive(task) {
    this.#task = task.id;
    const word = waitText(task);
    this.#say(status(task.status), word && el("span.why", {}, word), this.#link(task.id),
      el("button.button.small", { type: "button", onclick: () => attempt(() => this.#stop(task.id)) }, "Stop"));
    this.#becomes(task.is_ready);
  }

  /** No task serves it. One that was seen here has ended: the page says how. */
  async #gone() {
    if (this.#task !== null && !this.#why) {
      /** @type {TaskDetail} */
      const ended = await ask(`/api/tasks/${this.#task}`);
      this.#why = endText(ended);
    }
    const isFirst = this.#task === null;
    const what = `${this.#task} ${this.#why}`;
    if (this.#saidGone === what) return;
    this.#say(el(`span.why${this.#why ? ".bad" : ""}`, {}, this.#why || "not started"),
      this.#task !== null && this.#link(this.#task),
      this.noGpu ? el("span.why", {}, this.noGpu) : this.gpu,
      el("button.primary.small", { type: "button", onclick: () => attempt(() => this.#start()) },
        isFirst ? "Start the model" : "Start again"));
    this.#saidGone = what;
    this.#becomes(false);
  }

  /** @param {number} task */
  #link(task) { return el("a", { href: `/tasks/${task}` }, `task ${task}`); }

  /** @param {import("./dom.js").Child[]} children */
  #say(...children) {
    this.#saidGone = null;
    fill(this.line, el("span.name", {}, this.model.name), ...children);
  }

  /** @param {boolean} isReady */
  #becomes(isReady) {
    const isNew = isReady && !this.isReady;
    const hasChanged = isReady !== this.isReady;
    this.isReady = isReady;
    if (hasChanged) this.onChange();
    if (isNew) this.onReady();
  }
}
