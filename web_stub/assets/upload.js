// Uploading a tar: dropped or chosen, with a bar; a refusal is shown in full.

import { Refused, csrf } from "./api.js";
import { $, button, input, select } from "./dom.js";
import { at } from "./pure/site.js";
import "./frame.js";
import { askBeforeLeaving } from "./leaving.js";
import { fileText, modelName, percent, progressText } from "./pure/upload_text.js";
import { hideRefusal, showRefusal } from "./refused.js";

const TITLE = $("drop-title").textContent;
const HINT = $("drop-hint").textContent;
/** @type {File | null} */
let file = null;
let isNameOurs = true;
/** @type {XMLHttpRequest | null} */
let request = null;

/** @param {File | undefined} chosen */
function choose(chosen) {
  file = chosen ?? null;
  hideRefusal("refused");
  $("drop").classList.toggle("has-file", file !== null);
  $("drop-title").textContent = file ? file.name : TITLE;
  $("drop-hint").textContent = file ? fileText(file) : HINT;
  if (file && isNameOurs) input("name").value = modelName(file.name);
  button("send").disabled = file === null;
  guard();
}

/** Leaving loses a chosen file, a name that was typed, and an upload that is under way. */
const guard = () => askBeforeLeaving(file !== null || !isNameOurs);

/** @param {boolean} isBusy */
function busy(isBusy) {
  for (const id of ["file", "name", "only-train"]) input(id).disabled = isBusy;
  select("plugin").disabled = isBusy;
  button("send").disabled = isBusy || file === null;
  button("send").textContent = isBusy ? "Uploading" : "Upload";
  $("cancel").hidden = !isBusy;
  $("progress-line").hidden = !isBusy;
}

/** By XMLHttpRequest, because fetch does not report how much was sent. @param {File} sent */
function send(sent) {
  const name = input("name").value.trim() || sent.name;
  const query = new URLSearchParams({ name, only_train: String(input("only-train").checked) });
  if (select("plugin").value) query.set("plugin", select("plugin").value);
  const began = performance.now();
  const going = request = new XMLHttpRequest();
  going.open("POST", at(`/api/models?${query}`));
  going.setRequestHeader("x-csrf-token", csrf);
  going.setRequestHeader("content-type", "application/x-tar");
  going.responseType = "json";
  going.upload.addEventListener("progress", ({ loaded, total }) => {
    $("progress", HTMLProgressElement).value = percent(loaded, total);
    $("progress-text").textContent = progressText(loaded, total, performance.now() - began);
  });
  going.addEventListener("load", () => {
    busy(false);
    if (going.status === 201) {
      askBeforeLeaving(false);
      location.href = at(`/models/${going.response.id}`);
    } else if (going.status === 401) location.href = at("/login?next=/models/upload");
    else showRefusal("refused", new Refused(going.status, going.response), `${sent.name} was not accepted`);
  });
  going.addEventListener("error", () => {
    busy(false);
    const sentence = "The connection broke, or the file was changed while it was read. Nothing was kept; try again.";
    showRefusal("refused", new Error(sentence), "The upload did not arrive");
  });
  going.addEventListener("abort", () => busy(false));
  busy(true);
  going.send(sent);
}

input("file").addEventListener("change", () => choose(input("file").files?.[0]));
input("name").addEventListener("input", () => { isNameOurs = input("name").value === ""; guard(); });
$("upload").addEventListener("submit", (event) => {
  event.preventDefault();
  hideRefusal("refused");
  if (file) send(file);
});
$("cancel").addEventListener("click", () => request?.abort());
for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
addEventListener("dragleave", (event) => { if (event.relatedTarget === null) $("drop").classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault(); // a tar dropped beside the box must not replace the page
  $("drop").classList.remove("over");
  const dropped = event.dataTransfer?.files[0];
  if (input("file").disabled || !dropped) return;
  choose(dropped);
  $("name").focus();
});
