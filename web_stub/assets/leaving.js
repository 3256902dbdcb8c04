// A question before the page is left, by its links, a reload or its tab, while something would be lost.

/** By this the browser asks, in words of its own. @param {Event} event */
const stop = (event) => event.preventDefault();

/**
 * Have the browser ask before the page is left, or not any more. Only while it is needed: a page that may ask is not kept
 * for Back by every browser.
 * @param {boolean} isAsked
 */
export function askBeforeLeaving(isAsked) {
  if (isAsked) addEventListener("beforeunload", stop);
  else removeEventListener("beforeunload", stop);
}
