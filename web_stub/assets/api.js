// Talking to /api: one way to ask, one way to say what went wrong.

export const csrf = document.querySelector("meta[name=csrf-token]").content;

export class Refused extends Error {
  constructor(status, body) {
    super(body?.error ?? `The server answered ${status}.`);
    this.status = status;
    this.details = body?.details ?? {};
  }
}

/** JSON of an answer. Throws Refused with the server's own sentence; a lost session leads to the login. `text` is a body that is JSON already. */
export async function ask(path, { method = "GET", body, text = body === undefined ? undefined : JSON.stringify(body), signal } = {}) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["x-csrf-token"] = csrf;
  if (text !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: text, signal });
  if (answer.status === 401) {
    location.href = `/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`;
  }
  if (answer.status === 204) return null;
  const data = await answer.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (!answer.ok) throw new Refused(answer.status, data);
  return data;
}

/** A sentence at the edge of the page; it goes away by itself. */
export function say(sentence, kind = "error") {
  const toast = document.createElement("p");
  toast.className = `toast ${kind}`;
  toast.textContent = sentence;
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), 8000);
}

/** Run what a click asked for; what goes wrong is said, not lost. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
    return undefined;
  }
}
