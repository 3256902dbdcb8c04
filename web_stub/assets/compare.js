// Choosing tasks whose curves lie over this one's. The choice stands in the address, so it can be sent and reloaded.

import { ask, attempt } from "./api.js";
import { $, el } from "./dom.js";
import * as show from "./format.js";

const MOST = 5; // as many as there are colours that differ

export class Compare {
  /** `charts.compare(cards)` draws them; a card is what the task list shows. */
  constructor(taskId, charts) {
    this.taskId = taskId;
    this.charts = charts;
    this.cards = [];
    this.offered = [];
    $("compare-open").addEventListener("click", () => this.#open());
    $("compare-search").addEventListener("input", () => this.#list());
    $("compare-search").addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    $("compare-clear").addEventListener("click", () => { this.#set([]); this.#list(); });
  }

  /** The tasks named in the address. */
  async start() {
    const wanted = new URLSearchParams(location.search).get("compare")?.split(",").filter((id) => /^\d{1,15}$/.test(id)) ?? [];
    const ids = [...new Set(wanted.map(Number))].filter((id) => id !== this.taskId).slice(0, MOST);
    const cards = await Promise.all(ids.map((id) => attempt(() => ask(`/api/tasks/${id}`))));
    const found = cards.filter(Boolean);
    if (found.length) this.#set(found);
  }

  async #open() {
    $("compare").showModal();
    this.#list();
    const page = await attempt(() => ask("/api/tasks?type=train&limit=300"));
    this.offered = (page?.items ?? []).filter((card) => card.id !== this.taskId && card.metrics.length);
    this.isRead = true;
    this.#list();
  }

  #list() {
    const words = $("compare-search").value.trim().toLowerCase().split(/\s+/);
    const fitting = this.offered.filter((card) => words.every((word) => `${card.id} ${card.name} ${card.plugin.name} ${card.project.name}`.toLowerCase().includes(word)));
    $("compare-list").replaceChildren(...fitting.map((card) => this.#choice(card)));
    if (!fitting.length) $("compare-list").append(el("p.quiet", {}, !this.isRead ? "Looking …" : this.offered.length ? "Nothing matches." : "No other training here has reported metrics yet."));
    $("compare-count").textContent = this.cards.length >= MOST ? `${MOST} are the most at once` : "";
    $("compare-clear").disabled = this.cards.length === 0;
  }

  #choice(card) {
    const checked = this.cards.some((one) => one.id === card.id);
    const box = el("input", { type: "checkbox", checked, disabled: !checked && this.cards.length >= MOST });
    box.addEventListener("change", () => {
      this.#set(box.checked ? [...this.cards, card] : this.cards.filter((one) => one.id !== card.id));
      const top = $("compare-list").scrollTop;
      this.#list();
      $("compare-list").scrollTop = top;
      $("compare-list").querySelector(`[data-id="${card.id}"]`)?.focus();
    });
    box.dataset.id = card.id;
    const metric = card.metrics.find((one) => one.kind === "val") ?? card.metrics[0];
    return el("label.choice", {}, box, el("span.number", {}, card.id), el("span.title", {}, card.name),
      el("span.under", {}, `${card.plugin.name} · ${card.project.name} · ${card.status} · ${metric.kind} ${metric.name} ${show.number(metric.value)}`));
  }

  #set(cards) {
    this.cards = cards;
    const address = new URL(location);
    if (cards.length) address.searchParams.set("compare", cards.map((card) => card.id).join(","));
    else address.searchParams.delete("compare");
    history.replaceState(null, "", address.href.replaceAll("%2C", ","));
    $("compared").hidden = cards.length === 0;
    $("compared").replaceChildren(el("span.quiet", {}, "With"), ...cards.map((card, i) => el("span.compared-one", {},
      el(`i.dot.k-c${i + 1}`), el("a", { href: `/tasks/${card.id}` }, `#${card.id} ${card.name}`),
      el("button", { type: "button", "aria-label": `Do not compare with ${card.name}`, onclick: () => this.#set(this.cards.filter((one) => one !== card)) }, "×"))),
    el("span.quiet.kinds", {}, "train dashed, val solid"));
    attempt(() => this.charts.compare(cards));
  }
}
