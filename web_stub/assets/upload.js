// Uploading a tar: dropped or chosen, with a bar; what is wrong with it is told in full.

import { Refused, csrf } from "./api.js";
import { $ } from "./dom.js";
import * as show from "./format.js";
import "./frame.js";
import { hideRefusal, showRefusal } from "./refused.js";

const TITLE = $("drop-title").textContent;
const HINT = $("drop-hint").textContent;
let file = null;
let nameIsOurs = true;
let request = null;

function choose(chosen) {
  file = chosen ?? null;
  hideRefusal("refused");
  $("drop").classList.toggle("has-file", file !== null);
  $("drop-title").textContent = file ? file.name : TITLE;
  $("drop-hint").textContent = file ? `${show.bytes(file.size)}, changed ${show.ago(new Date(file.lastModified).toISOString())}. Drop or choose another to replace it.` : HINT;
  if (file && nameIsOurs) $("name").value = file.name.replace(/\.(tar|tgz|tar\.(gz|xz|bz2|zst))$/i, "");
  $("send").disabled = file === null;
}

function busy(isBusy) {
  for (const id of ["file", "name", "plugin", "only-train"]) $(id).disabled = isBusy;
  $("send").disabled = isBusy || file === null;
  $("send").textContent = isBusy ? "Uploading" : "Upload";
  $("cancel").hidden = !isBusy;
  $("progress-line").hidden = !isBusy;
}

/** fetch tells nothing of what was sent so far, so the old way. */
function send() {
  const query = new URLSearchParams({ name: $("name").value.trim() || file.name, only_train: $("only-train").checked });
  if ($("plugin").value) query.set("plugin", $("plugin").value);
  const began = performance.now();
  request = new XMLHttpRequest();
  request.open("POST", `/api/models?${query}`);
  request.setRequestHeader("x-csrf-token", csrf);
  request.setRequestHeader("content-type", "application/x-tar");
  request.responseType = "json";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const s = (performance.now() - began) / 1000;
    $("progress").value = (100 * loaded) / Math.max(1, total);
    const rate = loaded / Math.max(0.001, s);
    $("progress-text").textContent = loaded < total
      ? `${show.bytes(loaded)} of ${show.bytes(total)} · ${show.bytes(rate)}/s · ${show.duration((1000 * (total - loaded)) / rate)} left`
      : `${show.bytes(total)} sent; the tar is being checked …`;
  });
  request.addEventListener("load", () => {
    busy(false);
    if (request.status === 201) location.href = `/models/${request.response.id}`;
    else if (request.status === 401) location.href = "/login?next=/models/upload";
    else showRefusal("refused", new Refused(request.status, request.response), `${file.name} was not accepted`);
  });
  request.addEventListener("error", () => {
    busy(false);
    showRefusal("refused", new Error("The connection broke, or the file was changed while it was read. Nothing was kept; try again."), "The upload did not arrive");
  });
  request.addEventListener("abort", () => busy(false));
  busy(true);
  request.send(file);
}

$("file").addEventListener("change", (event) => choose(event.target.files[0]));
$("name").addEventListener("input", () => { nameIsOurs = $("name").value === ""; });
$("upload").addEventListener("submit", (event) => {
  event.preventDefault();
  hideRefusal("refused");
  if (file) send();
});
$("cancel").addEventListener("click", () => request.abort());
for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
addEventListener("dragleave", (event) => { if (event.relatedTarget === null) $("drop").classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault(); // a tar dropped beside the box must not replace the page
  $("drop").classList.remove("over");
  if ($("file").disabled || !event.dataTransfer.files.length) return;
  choose(event.dataTransfer.files[0]);
  $("name").focus();
});
