// The card of a task's page that shows what the task uses of its machine. Asked for where it is seen.

/** @import { TaskCard, UsageData } from "./types" */
import { ask, attempt } from "./api.js";
import { Chart } from "./chart.js";
import { $, fill } from "./dom.js";
import { isFinal } from "./pure/format.js";
import { panelsOf, peaksText } from "./pure/usage.js";

const AGAIN_MS = 5000;
const POINTS = 500; // of each figure

export class UsageCharts {
  /** @type {Map<string, Chart>} by title */ #charts = new Map();
  #timer = 0;
  #isSeen = false;
  /** @type {UsageData} */ #data = { series: [], of_shared_gpus: false };
  /** Of the task when the figures were asked for last. */ #status = "";

  /** @param {TaskCard} task */
  constructor(task) {
    this.task = task;
    new IntersectionObserver(([entry]) => {
      this.#isSeen = entry.isIntersecting;
      if (this.#isSeen) this.#ask();
    }, { rootMargin: "400px 0px" }).observe($("usage-place"));
    addEventListener("themechange", () => this.#draw());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#ask(); });
  }

  /** The task as it is now. @param {TaskCard} task */
  update(task) {
    this.task = task;
    if (this.#status && task.status !== this.#status) this.#ask();
  }

  /** Ask now, and again after a while as long as the task runs and somebody looks. */
  #ask() {
    clearTimeout(this.#timer);
    const { id, status, started_at: started } = this.task;
    const isKnown = isFinal(status) && this.#status === status;
    if (!this.#isSeen || !started || isKnown || document.hidden) return;
    attempt(async () => {
      /** @type {UsageData} */
      const data = await ask(`/api/tasks/${id}/usage?max_points=${POINTS}`);
      this.#status = status;
      this.#data = data;
      this.#draw();
    });
    if (!isFinal(status)) this.#timer = setTimeout(() => this.#ask(), AGAIN_MS);
  }

  #draw() {
    const panels = panelsOf(this.#data, Date.parse(this.task.started_at ?? "") / 1000);
    $("usage-card").hidden = panels.length === 0;
    $("usage-peaks").textContent = peaksText(this.#data);
    const charts = panels.map(({ title }) => this.#charts.get(title) ?? this.#made(title));
    fill($("usage"), ...charts.map(({ root }) => root));
    panels.forEach(({ curves }, i) => {
      const ends = curves.flatMap(({ x }) => [x[0], x[x.length - 1]]);
      const window = /** @type {[number, number]} */ ([Math.min(0, ...ends), Math.max(...ends)]);
      charts[i].draw(curves, { axis: "time", log: false, smoothing: 0, window });
    });
  }

  /** @param {string} title */
  #made(title) {
    const chart = new Chart(title, "usage", { zoom: () => {}, pin: () => {} });
    chart.pin.hidden = true;
    this.#charts.set(title, chart);
    return chart;
  }
}
