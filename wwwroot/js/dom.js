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
  sun: "M8 5.200a2.800 2.800 0 100 5.600 2.800 2.800 0 000-5.600zM8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1.100 1.100M11.500 11.500l1.100 1.100M12.600 3.400l-1.100 1.100M4.500 11.500l-1.100 1.100",
  contrast: "M8 2.500a5.500 5.500 0 100 11 5.500 5.500 0 000-11zM8 2.500v11M10 3.500v9M12 5v6",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10",
  box: "M3 4h10v8H3zM1.800 2.800h2.400v2.400H1.800zM11.800 10.800h2.400v2.400h-2.400z",
  polygon: "M3 5l6-2.500 4.500 4-2 6.500-6.500.5z",
  eye: "M1.500 8S4 3.800 8 3.800 14.500 8 14.500 8 12 12.200 8 12.200 1.500 8 1.500 8zM8 6.200a1.800 1.800 0 100 3.600 1.800 1.800 0 000-3.600z",
  eyeOff: "M1.500 8S4 3.800 8 3.800 14.500 8 14.500 8 12 12.200 8 12.200 1.500 8 1.500 8zM3 13L13 3",
  lock: "M3.500 7.500h9V14h-9zM5.500 7.500V5a2.500 2.500 0 015 0v2.500",
  unlock: "M3.500 7.500h9V14h-9zM5.500 7.500V5a2.500 2.500 0 014.800-1",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
  thin: "M2.500 12L6 4l4 6 3.500-6",
  grid: "M2.500 2.500h4.500v4.500H2.500zM9 2.500h4.500v4.500H9zM2.500 9h4.500v4.500H2.500zM9 9h4.500v4.500H9z",
  play: "M5 3l8 5-8 5z",
  pause: "M5 3v10M11 3v10",
  back: "M11 3L5 8l6 5M3.500 3v10",
  forward: "M5 3l6 5-6 5M12.500 3v10",
  key: "M8 2.500L13.500 8 8 13.500 2.500 8z",
  split: "M8 2v12M2.500 5h3v6h-3M13.500 5h-3v6h3",
  merge: "M2.500 4c4 0 4 4 7 4h4M2.500 12c4 0 4-4 7-4M11 5.500L13.500 8 11 10.500",
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
