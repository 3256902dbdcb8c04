// The list of evaluations, of all or of what the address names; chosen ones open side by side.

/** @import { EvaluationCard, EvaluationList } from "../types" */
import { ask, attempt } from "../api.js";
import { $, el, fill, link } from "../dom.js";
import "../frame.js";
import { status } from "../pieces.js";
import { nameOf } from "../pure/evaluation/figures.js";
import * as show from "../pure/format.js";
import { at } from "../pure/site.js";
import { figuresLine } from "./cards.js";
import { usedLink } from "./used.js";

const LIMIT = 50;
const AGAIN_MS = 2000;
const MOST = 5; // side by side
const NOUNS = ["project", "task", "model"]; // whose evaluations the address may name

const named = new URLSearchParams(location.search);
/** @type {EvaluationCard[]} */
let cards = [];
/** @type {number | null} */
let next = null;
/** Ids in the order in which they were chosen. @type {Set<number>} */
const chosen = new Set();
let timer = 0;

/** @param {number | null} before */
function query(before) {
  const asking = new URLSearchParams({ limit: String(LIMIT) });
  for (const name of NOUNS) if (named.get(name)) asking.set(name, named.get(name) ?? "");
  if (before !== null) asking.set("before", String(before));
  return asking.toString();
}

/** @param {EvaluationCard} card */
function row(card) {
  const box = el("input", {
    type: "checkbox", checked: chosen.has(card.id), disabled: card.status !== "done", "aria-label": `Choose evaluation ${card.id}`,
  });
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(card.id); else chosen.delete(card.id);
    drawChosen();
  });
  return el("tr", {},
    el("td", {}, box),
    el("td", {}, el("a", { href: `/evaluations/${card.id}` }, nameOf(card)), card.model && el("small", {}, card.predictions.name)),
    el("td", {}, usedLink("projects", card.truth)),
    el("td", {}, status(card.status)),
    el("td.figures", {}, figuresLine(card)),
    el("td.right", {}, show.count(card.images_total)),
    el("td.right", {}, el("time", { datetime: card.created_at, title: show.dateTime(card.created_at) }, show.ago(card.created_at))));
}

/** Those that judge by the same ground truth stand side by side. */
function drawChosen() {
  const [first, ...rest] = [...chosen].slice(0, MOST);
  const isOne = new Set(cards.filter((card) => chosen.has(card.id)).map((card) => card.truth.id)).size === 1;
  $("side-by-side").hidden = rest.length === 0 || !isOne;
  if (rest.length) link("side-by-side").href = at(`/evaluations/${first}?with=${rest.join(",")}`);
  $("summary").textContent = rest.length && !isOne ? "Choose evaluations with one ground truth" : summary();
}

function summary() {
  const noun = NOUNS.find((name) => named.get(name));
  const of = noun ? ` of ${noun} ${named.get(noun)}` : "";
  return cards.length ? `${next === null ? show.counted(cards.length, "evaluation") : `The newest ${cards.length}`}${of}` : "";
}

function draw() {
  $("list").hidden = cards.length === 0;
  $("none").hidden = cards.length > 0;
  $("more").hidden = next === null;
  fill($("rows"), ...cards.map(row));
  drawChosen();
}

/** @param {boolean} isMore */
async function load(isMore) {
  /** @type {EvaluationList} */
  const page = await ask(`/api/evaluations?${query(isMore ? next : null)}`);
  const isSame = !isMore && JSON.stringify(page.items) === JSON.stringify(cards);
  if (!isMore && cards.length > LIMIT) { // only the newest can be new
    const fresh = new Set(page.items.map(({ id }) => id));
    cards = [...page.items, ...cards.filter(({ id }) => !fresh.has(id))];
  } else {
    cards = isMore ? [...cards, ...page.items] : page.items;
    next = page.next;
  }
  if (!isSame || !cards.length) draw();
  clearTimeout(timer);
  if (cards.some(({ status: state }) => state === "queued" || state === "running")) timer = setTimeout(follow, AGAIN_MS);
}

function follow() {
  if (!document.hidden) attempt(() => load(false));
}

$("more").addEventListener("click", () => attempt(() => load(true)));
document.addEventListener("visibilitychange", follow);
attempt(() => load(false));
