// Choosing tasks whose curves are drawn over the curves of the page's task. The choice stands in the address, so that
// the address can be sent and reloaded.

/** @import { TaskCard } from "./types" */
import { ask, attempt } from "./api.js";
import { $, button, dialog, el, fill, input, link } from "./dom.js";
import { Finder } from "./finder.js";
import { ignoreEnter, onPause } from "./pieces.js";
import { MOST, comparedIds, comparingAddress, describe } from "./pure/compared.js";
import { at } from "./pure/site.js";

const PAUSE_MS = 200;
const PAGE = "50";

export class Compare {
  /** Tasks that are compared now. @type {TaskCard[]} */ #cards = [];
  /** Trainings with metrics. @type {Finder<TaskCard>} */
  #finder = new Finder("/api/tasks", { type: "train", has_metrics: "true", limit: PAGE }, ({ items }) => items);
  #isAsked = false;

  /**
   * @param {number} taskId
   * @param {{compare: (cards: TaskCard[]) => Promise<void>}} charts draws them
   */
  constructor(taskId, charts) {
    this.taskId = taskId;
    this.charts = charts;
    button("compare-open").addEventListener("click", () => this.#open());
    onPause(input("compare-search"), PAUSE_MS, (words) => this.#find(words));
    ignoreEnter(input("compare-search"));
    button("compare-more").addEventListener("click", () => attempt(async () => {
      if (await this.#finder.more()) this.#list();
    }));
    button("compare-clear").addEventListener("click", () => { this.#set([]); this.#list(); });
    addEventListener("popstate", () => attempt(() => this.start()));
  }

  /** The tasks named in the address. */
  async start() {
    const ids = comparedIds(location.search, this.taskId);
    if (ids.join() === this.#cards.map((card) => card.id).join()) return;
    const cards = await Promise.all(ids.map((id) => attempt(() => ask(`/api/tasks/${id}`))));
    this.#set(cards.filter(Boolean));
  }

  #open() {
    dialog("compare").showModal();
    this.#list();
    this.#find(input("compare-search").value.trim());
  }

  /** @param {string} words */
  #find(words) {
    attempt(async () => {
      if (!await this.#finder.find(words)) return;
      this.#isAsked = true;
      this.#list();
    });
  }

  #list() {
    const { items, hasMore } = this.#finder;
    const others = items.filter((card) => card.id !== this.taskId);
    const list = $("compare-list");
    const { scrollTop } = list;
    fill(list, ...items.map((card) => this.#choice(card)), !others.length && el("p.quiet", {}, this.#none()));
    list.scrollTop = scrollTop;
    const most = this.#cards.length >= MOST ? ` · ${MOST} are the most at once` : "";
    $("compare-count").textContent = this.#isAsked ? `${this.#finder.text("training")}${most}` : "";
    button("compare-more").hidden = !hasMore;
    button("compare-clear").disabled = this.#cards.length === 0;
  }

  #none() {
    if (!this.#isAsked) return "Looking …";
    return this.#finder.words ? "Nothing else matches." : "No other training here has reported metrics yet.";
  }

  /** @param {TaskCard} card */
  #choice(card) {
    const isOwn = card.id === this.taskId;
    const checked = isOwn || this.#cards.some((one) => one.id === card.id);
    const box = el("input", { type: "checkbox", checked, disabled: isOwn || (!checked && this.#cards.length >= MOST) });
    box.dataset.id = String(card.id);
    box.addEventListener("change", () => {
      this.#set(box.checked ? [...this.#cards, card] : this.#cards.filter((one) => one.id !== card.id));
      this.#list();
      /** @type {HTMLElement | null} */ ($("compare-list").querySelector(`[data-id="${card.id}"]`))?.focus();
    });
    return el("label.choice", {}, box, el("span.number", {}, card.id), el("span.title", {}, card.name),
      el("span.under", {}, isOwn ? "this task" : describe(card)));
  }

  /** @param {TaskCard[]} cards */
  #set(cards) {
    this.#cards = cards;
    history.replaceState(history.state, "", comparingAddress(location.href, cards.map((card) => card.id)));
    link("compare-page").href = at(`/compare?runs=${[this.taskId, ...cards.map((card) => card.id)].join(",")}`);
    $("compared").hidden = cards.length === 0;
    fill($("compared"), el("span.quiet", {}, "With"), ...cards.map((card, i) => this.#compared(card, i)),
      el("span.quiet.kinds", {}, "train dashed, val solid"));
    attempt(() => this.charts.compare(cards));
  }

  /**
   * @param {TaskCard} card
   * @param {number} i its place, which gives the colour
   */
  #compared(card, i) {
    const remove = () => this.#set(this.#cards.filter((one) => one !== card));
    return el("span.compared-one", {},
      el(`i.dot.k-c${i + 1}`), el("a", { href: `/tasks/${card.id}` }, `#${card.id} ${card.name}`),
      el("button", { type: "button", "aria-label": `Do not compare with ${card.name}`, onclick: remove }, "×"));
  }
}
