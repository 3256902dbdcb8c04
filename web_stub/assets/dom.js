// Making elements without strings of HTML: nothing a plugin printed can become markup.

/** el("a.button", {href: "/x"}, "text", child) */
export function el(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list" && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);

/** The data a page came with. */
export const firstData = () => JSON.parse($("first").textContent);

const BRACKETS = { array: ["[", "]"], object: ["{", "}"] };

/** JSON as coloured text. */
export function json(value, indent = 0) {
  const pad = "  ".repeat(indent);
  if (value === null) return el("span.j-null", {}, "null");
  if (typeof value !== "object") {
    return el(`span.j-${typeof value}`, {}, typeof value === "string" ? JSON.stringify(value) : String(value));
  }
  const isArray = Array.isArray(value);
  const [open, close] = BRACKETS[isArray ? "array" : "object"];
  const items = Object.entries(value);
  if (!items.length) return el("span", {}, open + close);
  const flat = isArray && items.every(([, item]) => item === null || typeof item !== "object") && items.length <= 6;
  const out = el("span", {}, open);
  items.forEach(([key, item], i) => {
    out.append(flat ? "" : `\n${pad}  `);
    if (!isArray) out.append(el("span.j-key", {}, JSON.stringify(key)), ": ");
    out.append(json(item, indent + 1), i < items.length - 1 ? (flat ? ", " : ",") : "");
  });
  out.append(flat ? close : `\n${pad}${close}`);
  return out;
}
