// The page of compared runs: its controls, and the parts that follow them.

/** @import { RunComparison } from "../types" */
import { Address } from "../address.js";
import { ask, attempt } from "../api.js";
import { $, button, el, fill, input, select, valueOf } from "../dom.js";
import "../frame.js";
import { ignoreEnter, onPause } from "../pieces.js";
import { choicesOf } from "../pure/compare/choices.js";
import { DEFAULTS, idsOf } from "../pure/compare/view.js";
import * as show from "../pure/format.js";
import { showRefusal } from "../refused.js";
import { RunCurveCharts } from "./curves.js";
import { drawDifferences } from "./differences.js";
import { Relations } from "./relations.js";
import { RunColumns } from "./values.js";

const AGAIN_MS = 5000; // runs that go on are asked for again
const SLIDE_MS = 150;
const SEARCH_MS = 150;
const SEARCH_FROM = 7; // metrics

/** @type {RunCurveCharts | undefined} */
let curves;
/** @type {RunColumns | undefined} */
let columnsOf;
/** @type {Relations | undefined} */
let relations;
const address = new Address(DEFAULTS, () => { controls(); attempt(showAll); });

/** Show what the address says. */
async function showAll() {
  await curves?.show();
  await relations?.show();
}

/** @param {Partial<typeof DEFAULTS>} changes */
function set(changes) {
  address.set(changes);
  controls();
  attempt(showAll);
}

/** Bring the controls to what the address says. */
function controls() {
  const view = curves?.view;
  if (!view) return;
  for (const [id, value] of [["axis", view.axis], ["draw", view.draw]]) {
    for (const radio of $(id).querySelectorAll("input")) radio.checked = radio.value === value;
  }
  $("draw").hidden = !view.group;
  select("group").value = view.group;
  input("log-axis").checked = view.log;
  input("clip").checked = view.clip;
  input("smoothing").value = String(view.smoothing);
  $("smoothing-value").textContent = String(view.smoothing);
  button("reset-zoom").disabled = view.window === null;
  if (input("metric-search").value.trim() !== view.words) input("metric-search").value = view.words;
}

function listen() {
  $("axis").addEventListener("change", (event) => set({ axis: valueOf(event), zoom: "" }));
  $("draw").addEventListener("change", (event) => set({ draw: valueOf(event) }));
  select("group").addEventListener("change", (event) => set({ group: valueOf(event), shown: "", draw: address.values.draw }));
  input("log-axis").addEventListener("change", () => set({ log: input("log-axis").checked ? "1" : "" }));
  input("clip").addEventListener("change", () => set({ clip: input("clip").checked ? "1" : "" }));
  onPause(input("smoothing"), SLIDE_MS, (smooth) => set({ smooth }));
  input("smoothing").addEventListener("input", () => { $("smoothing-value").textContent = input("smoothing").value; });
  button("reset-zoom").addEventListener("click", () => set({ zoom: "" }));
  onPause(input("metric-search"), SEARCH_MS, (metrics) => set({ metrics }));
  ignoreEnter(input("metric-search"));
  addEventListener("pageshow", controls);
}

/** @param {RunComparison} comparison */
function summary({ runs, unknown }) {
  const count = unknown.length;
  const some = unknown.slice(0, 5).join(", ");
  const gone = count ? `; ${show.count(count)} more ${count === 1 ? "is" : "are"} unknown or in the trash: ${some}` : "";
  $("summary").textContent = `${show.counted(runs.length, "run")}${gone}`;
}

/** @param {RunComparison} comparison */
function choices(comparison) {
  const groups = choicesOf(comparison, { metrics: false });
  fill(select("group"), el("option", { value: "" }, "nothing"), ...groups.map(({ title, items }) =>
    el("optgroup", { label: title }, ...items.map((item) => el("option", { value: item.key }, item.title)))));
}

/** Ask again while runs go on. @param {RunComparison} comparison */
function follow(comparison) {
  if (comparison.runs.every(({ status }) => show.isFinal(status))) return;
  setTimeout(() => attempt(async () => {
    if (document.hidden) return follow(comparison);
    /** @type {RunComparison} */
    const next = await ask(`/api/runs/compared?runs=${comparison.runs.map(({ id }) => id).join(",")}`);
    columnsOf?.forget();
    await curves?.renew(next);
    await relations?.show();
    return follow(next);
  }), AGAIN_MS);
}

async function start() {
  const ids = idsOf(address.values.runs);
  if (!ids.length) {
    $("summary").textContent = "";
    $("none").hidden = false;
    return;
  }
  /** @type {RunComparison} */
  const comparison = await ask(`/api/runs/compared?runs=${ids.join(",")}`);
  summary(comparison);
  if (!comparison.runs.length) {
    $("none").hidden = false;
    return;
  }
  const columns = columnsOf = new RunColumns(comparison.runs.map(({ id }) => id));
  curves = new RunCurveCharts(comparison, columns, address);
  choices(comparison);
  input("metric-search").hidden = new Set(comparison.metrics.map(({ name }) => name)).size < SEARCH_FROM;
  $("parts").hidden = false;
  listen();
  controls();
  drawDifferences(comparison);
  const known = relations = new Relations(comparison, columns, address, curves);
  curves.onChange = () => { controls(); attempt(() => known.show()); };
  await curves.show();
  follow(comparison);
  await attempt(() => known.show());
}

start().catch((error) => {
  $("summary").textContent = "";
  showRefusal("refused", error, "The runs could not be compared");
});
