// Drawings made of elements. Colours and fonts are attributes of each, so that a saved drawing looks as it does here.

const SPACE = "http://www.w3.org/2000/svg";

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | null | undefined>} [attributes] null and undefined are left out
 * @param {(Node | string)[]} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/** A colour or font of the style sheet. @param {string} name */
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const isDark = () => document.documentElement.dataset.theme === "dark";

/**
 * A text of an axis.
 * @param {number} x
 * @param {number} y
 * @param {string} text
 * @param {Record<string, string | number>} [more]
 */
export const label = (x, y, text, more = {}) =>
  draw("text", { x, y, fill: css("--soft"), "font-size": 12, "font-family": "Inter, sans-serif", ...more }, text);
