// Elements, built without markup: text can never become anything but text.

/**
 * el("button", { class: "quiet", onclick: f, "aria-label": "Close" }, "×")
 * Attributes that are null, undefined or false are left out; children too. Strings become text nodes.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  assign(element, attributes);
  element.append(...kept(children));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for SVG: svg("circle", { r: 4 }). */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  assign(element, attributes);
  element.append(...kept(children));
  return element;
}

/** Put these children in place of those that are there. */
export function fill(element, ...children) {
  element.replaceChildren(...kept(children));
  return element;
}

/** A link, if the address is one that a person may follow: http, https or mailto; else its text alone. */
export function link(url, ...children) {
  const words = children.length ? children : [url.replace(/^mailto:/, "")];
  if (!isSafe(url)) return el("span", {}, ...words);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, ...words);
}

export function isSafe(url) {
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}

function assign(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

function kept(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
