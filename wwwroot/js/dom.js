// The smallest helper that makes building elements readable. Text always goes in as text, never as markup.

/**
 * Makes an element.
 * @param {string} tag tag name, with an optional class: "div.card.large"
 * @param {object|null} props properties; `on` holds listeners, `aria` and `data` hold attributes; null and false are left out
 * @param {...(Node|string|null|undefined|false|Array)} children
 */
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length > 0) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (key === "aria") for (const [k, v] of Object.entries(value)) { if (v !== null && v !== undefined) element.setAttribute(`aria-${k}`, v); }
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else if (key in element && key !== "list" && key !== "role") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

/** Replaces an element's children. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
}

/** Puts values into a text of the form "{0} of {1}". */
export function format(text, ...values) {
  return String(text ?? "").replace(/\{(\d+)\}/g, (whole, i) => (values[i] === undefined ? whole : String(values[i])));
}

/** A text table that answers the key itself where a text is missing, so that nothing is ever blank. */
export function texts(table) {
  return (key, ...values) => format(table?.[key] ?? key, ...values);
}

const svg = "http://www.w3.org/2000/svg";

/** Line icons, 16 by 16, drawn with the colour of the text around them. */
const icons = {
  check: "M3 8.5l3.2 3.2L13 5",
  pen: "M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3 3 13z",
  skip: "M3 4l5 4-5 4V4zM9 4l4 4-4 4V4z",
  flag: "M4 14V2.5M4 3h8l-2 2.8L12 8.5H4",
  cross: "M4 4l8 8M12 4l-8 8",
  undo: "M5.5 3L2.5 6l3 3M2.5 6h6.5a4 4 0 010 8H6",
  redo: "M10.5 3l3 3-3 3M13.5 6H7a4 4 0 000 8h3",
  book: "M8 4C6.5 3 4.5 2.8 2.5 3v9.5c2-.2 4 0 5.5 1 1.5-1 3.500-1.200 5.500-1V3C11.500 2.800 9.500 3 8 4zm0 0v9.500",
  keys: "M2 4.500h12v7H2zM4.500 7h.01M7 7h.01M9.500 7h.01M11.800 7h.01M5 9.300h6",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  up: "M8 13V3M4 7l4-4 4 4",
  warn: "M8 2.500L14.500 13.500h-13zM8 6.500v3.500M8 11.800v.01",
};

/** An icon by name. */
export function icon(name) {
  const element = document.createElementNS(svg, "svg");
  element.setAttribute("viewBox", "0 0 16 16");
  element.setAttribute("aria-hidden", "true");
  element.setAttribute("class", "an-icon");
  const path = document.createElementNS(svg, "path");
  path.setAttribute("d", icons[name] ?? "");
  element.append(path);
  return element;
}
