// Talking to /api: one way to ask, one way to tell a person of a failure.

/** @import { Problem } from "./types" */
import { $, el } from "./dom.js";
import { at, within } from "./pure/site.js";

/** The page's token against forged requests; every request that changes something carries it. */
export const csrf = document.querySelector("meta[name=csrf-token]")?.getAttribute("content") ?? "";

/** The server refused: `message` is its sentence. */
export class Refused extends Error {
  /**
   * @param {number} status of the HTTP answer
   * @param {{error?: string, details?: {problems?: Problem[]}} | null} body
   */
  constructor(status, body) {
    super(body?.error ?? `The server answered ${status}.`);
    this.status = status;
    this.details = body?.details ?? {};
  }
}

/** Before each further attempt of a request that only reads and that met no server. */
const PAUSES_MS = [100, 500, 2000];

/** @param {unknown} error */
export const isAbort = (error) => error instanceof Error && error.name === "AbortError";

/** @param {unknown} error */
export const sentenceOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * `fetch`, which tries a request that only reads again when the connection fails. Browsers give up every open request when
 * a network interface of the machine comes or goes, and each container that starts makes such an interface.
 * @param {string} path
 * @param {RequestInit} request
 */
async function patientFetch(path, request) {
  const address = at(path);
  for (const pause of request.method === "GET" ? PAUSES_MS : []) {
    try {
      return await fetch(address, request);
    } catch (error) {
      if (isAbort(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return fetch(address, request);
}

/**
 * JSON of an answer. A lost session leads to the login.
 * @param {string} path
 * @param {{method?: string, text?: string, form?: FormData, signal?: AbortSignal}} [request] `text` is a body of JSON
 * @returns {Promise<any>} null for an answer without a body
 * @throws {Refused} with the server's own sentence
 */
export async function ask(path, { method = "GET", text, form, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["x-csrf-token"] = csrf;
  if (text !== undefined) headers["content-type"] = "application/json";
  const answer = await patientFetch(path, { method, headers, body: text ?? form, signal });
  if (answer.status === 401) {
    const here = within(location.pathname) + location.search + location.hash;
    location.href = at(`/login?next=${encodeURIComponent(here)}`);
  }
  if (answer.status === 204) return null;
  const data = await answer.json().catch((error) => {
    if (isAbort(error)) throw error;
    return null;
  });
  if (!answer.ok) throw new Refused(answer.status, data);
  return data;
}

const TOAST_MS = 8000;

/** A sentence about a failure at the edge of the page; it goes away by itself. @param {string} sentence */
export const say = (sentence) => show(el("p.toast.error", {}, sentence));

/**
 * A sentence about what was done, and perhaps a button.
 * @param {string} sentence
 * @param {{title: string, act: () => unknown}} [action]
 */
export function tell(sentence, action) {
  const toast = el("p.toast.info", {}, sentence, action && el("button.as-link", {
    type: "button", onclick: () => { toast.remove(); action.act(); },
  }, action.title));
  show(toast);
}

/** @param {HTMLElement} toast */
function show(toast) {
  $("toasts").append(toast);
  setTimeout(() => toast.remove(), TOAST_MS);
}

/**
 * Run the action behind a click. A failure is shown to the person, and the result is undefined.
 * @template T
 * @param {() => T | Promise<T>} action
 * @returns {Promise<T | undefined>}
 */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!isAbort(error)) say(sentenceOf(error));
    return undefined;
  }
}
