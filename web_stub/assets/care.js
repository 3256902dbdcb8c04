// What a person does with one task, model or project on its page: words, the archive, the trash.

/** @import { Model, ProjectDetail, TaskDetail } from "./types" */
import { ask, attempt } from "./api.js";
import { $, button, dialog, el, fill, input } from "./dom.js";
import { at } from "./pure/site.js";
import { tagChanges, tagsOf } from "./pure/selection.js";
import { removalText } from "./removal.js";
import { hideRefusal, showRefusal } from "./refused.js";

/** A button of the page, which may be without it. @param {string} id @param {() => unknown} act */
const onClick = (id, act) => document.getElementById(id)?.addEventListener("click", () => act());

/**
 * @param {"task" | "model" | "project"} noun
 * @param {TaskDetail | Model | ProjectDetail} thing
 */
export function care(noun, thing) {
  const address = `/api/${noun}s/${thing.id}`;
  const notes = $("edit-notes", HTMLTextAreaElement);
  fill($("tags-of"), ...thing.tags.map((tag) => el("a.tag.own", {
    href: `/${noun}s?text=${encodeURIComponent(tag)}`, title: `All ${noun}s that have ${tag}`,
  }, tag)));
  onClick("edit", () => {
    input("edit-name").value = thing.name;
    input("edit-tags").value = thing.tags.join(", ");
    notes.value = thing.notes;
    hideRefusal("edit-refused");
    dialog("edit-words").showModal();
  });
  $("edit-form").addEventListener("submit", (event) => {
    if (/** @type {SubmitEvent} */ (event).submitter?.getAttribute("value") !== "save") return;
    event.preventDefault(); // the dialog stays open until the server has agreed
    save().catch((error) => showRefusal("edit-refused", error, "Nothing was changed"));
  });

  async function save() {
    const name = input("edit-name").value.trim();
    const changes = { name, notes: notes.value, ...tagChanges(thing.tags, tagsOf(input("edit-tags").value)) };
    await ask(address, { method: "PATCH", text: JSON.stringify(changes) });
    location.reload(); // the server renders notes
  }

  const change = (/** @type {string} */ path) => attempt(async () => {
    await ask(`${address}${path}`, { method: "POST" });
    location.reload();
  });
  onClick("archive", () => change("archived_at" in thing && thing.archived_at !== null ? "/unarchive" : "/archive"));
  onClick("restore", () => change("/restore"));
  onClick("delete", () => attempt(async () => {
    fill($("removal-text"), await removalText(noun, [thing.id]));
    dialog("removal").returnValue = "";
    dialog("removal").showModal();
  }));
  document.getElementById("removal")?.addEventListener("close", () => {
    if (dialog("removal").returnValue !== "remove") return;
    attempt(async () => {
      await ask(address, { method: "DELETE" });
      location.href = at(`/${noun}s`);
    });
  });
}

/** The buttons that only an ended task has. @param {TaskDetail} task @param {boolean} isEnded */
export function drawCare(task, isEnded) {
  button("archive").hidden = !isEnded || task.deleted_at !== null;
  button("archive").textContent = task.archived_at === null ? "Archive" : "Unarchive";
  button("delete").hidden = !isEnded || task.deleted_at !== null;
  button("restore").hidden = task.deleted_at === null;
  $("in-trash").hidden = task.deleted_at === null;
  $("in-archive").hidden = task.archived_at === null;
}
