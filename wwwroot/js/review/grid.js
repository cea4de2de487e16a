// Many images at once with what is proposed for each: the wrong ones are marked, the others taken with one key.

import { fill, h, icon } from "../dom.js";
import { breakable } from "./text.js";
import { labelsOf } from "./value.js";

/** How many images a page may show. */
export const sizes = [6, 12, 20, 30, 50];

const caption = 30;
const smallest = 84;
const gap = 6;

// The server keeps a small picture of what was uploaded.
function small(url) {
  return url.startsWith("/api/") ? `${url}/thumbnail` : url;
}

export class GridView {
  #t;
  #session;
  #byName;
  #cells = new Map();
  #columns = 1;
  #percent = new Intl.NumberFormat(document.documentElement.lang || undefined, { style: "percent" });

  /** Item id of the cell that keys mean, or null. */
  focusedId = null;

  /**
   * @param {object} parts t (texts), session, labels, resize (called with another number of images), focus (after the focus moved), signal (ends it)
   */
  constructor({ t, session, labels, resize, focus, signal }) {
    this.#t = t;
    this.#session = session;
    this.#byName = new Map(labels.map((l) => [l.name, l]));
    this.moved = focus;
    this.list = h("div.gr-cells", { role: "listbox", aria: { label: t("Canvas.Grid"), multiselectable: "true" } });
    this.size = h("select.an-input.gr-size", { aria: { label: t("Canvas.GridSize") }, on: { change: () => { resize(Number(this.size.value)); this.focus(); } } }, sizes.map((n) => h("option", { value: String(n) }, String(n))));
    this.hint = h("span.gr-hint");
    this.bar = h("div.gr-bar", null, this.hint, h("label.gr-sizes", null, h("span", null, t("Canvas.GridSize")), this.size));
    this.element = h("div.gr", { hidden: true }, this.list, this.bar);
    this.observer = new ResizeObserver(() => this.#arrange());
    this.observer.observe(this.list);
    signal?.addEventListener("abort", () => this.observer.disconnect());
  }

  get #open() {
    return this.#session.grid?.cells.filter((c) => !c.entry) ?? [];
  }

  /** The cell that keys mean, or null. */
  get focused() {
    return this.#session.grid?.cells.find((c) => c.item.itemId === this.focusedId) ?? null;
  }

  draw() {
    const { grid } = this.#session;
    this.element.hidden = !grid;
    if (!grid) {
      this.#cells.clear();
      this.list.replaceChildren();
      return;
    }

    if (!this.focused || this.focused.entry) this.focusedId = this.#nextOpen()?.item.itemId ?? null;
    const had = this.list.contains(document.activeElement);
    const known = this.#cells;
    this.#cells = new Map();
    const elements = grid.cells.map((cell) => {
      const { itemId } = cell.item;
      const made = known.get(itemId) ?? this.#make(cell.item);
      this.#cells.set(itemId, made);
      this.#paint(made, cell);
      return made.element;
    });
    if (elements.length !== this.list.childElementCount || elements.some((e, i) => this.list.children[i] !== e)) this.list.replaceChildren(...elements);
    this.#arrange();
    if (this.size.value !== String(grid.size)) this.size.value = String(grid.size);
    const open = this.#open;
    const marked = open.filter((c) => c.marked).length;
    this.hint.textContent = marked === open.length && marked > 0 ? this.#t("Canvas.GridMarkedOnly", marked) : this.#t("Canvas.GridHint", open.length - marked, marked);
    if (had) this.focus();
  }

  // The next one to look at: marked ones are what is left when the others are accepted.
  #nextOpen() {
    const { cells } = this.#session.grid;
    const at = cells.findIndex((c) => c.item.itemId === this.focusedId);
    const order = [...cells.slice(Math.max(0, at)), ...cells.slice(0, Math.max(0, at))];
    const anyDone = cells.some((c) => c.entry);
    return (anyDone ? order.find((c) => !c.entry && c.marked) : null) ?? order.find((c) => !c.entry) ?? null;
  }

  #make(item) {
    const url = item.data?.url ?? "";
    const image = h("img", {
      alt: "", draggable: false, decoding: "async", src: small(url),
      on: {
        error: () => {
          // No thumbnail: the image itself then.
          if (image.dataset.whole) element.toggleAttribute("data-failed", true);
          else {
            image.dataset.whole = "true";
            image.src = url;
          }
        },
      },
    });
    const label = h("span.gr-label");
    const mark = h("span.gr-mark", { aria: { hidden: "true" } });
    const element = h("div.gr-cell", {
      role: "option", tabIndex: -1, data: { item: item.itemId },
      on: {
        click: (e) => {
          this.focusedId = item.itemId;
          this.#session.mark(this.focused);
          this.focus();
          e.preventDefault();
        },
        focus: () => this.#focusedNow(item.itemId),
      },
    }, h("span.gr-picture", null, image, mark), label);
    return { element, label, mark, stamp: "" };
  }

  #focusedNow(itemId) {
    if (this.focusedId === itemId) return;
    this.focusedId = itemId;
    for (const [id, { element }] of this.#cells) element.tabIndex = id === itemId ? 0 : -1;
    this.moved();
  }

  #paint(made, cell) {
    const { item, entry, marked } = cell;
    const t = this.#t;
    const [name] = labelsOf(entry ? entry.value : item.prediction?.value);
    const { element } = made;
    element.tabIndex = item.itemId === this.focusedId ? 0 : -1;
    const stamp = JSON.stringify([name, item.prediction?.confidence, marked, entry?.action ?? null]);
    if (stamp === made.stamp) return;
    made.stamp = stamp;
    const state = entry ? t(`Review.Done.${entry.action}`) : marked ? t("Canvas.GridMarked") : t("Canvas.GridOpen");
    element.dataset.state = entry ? "done" : marked ? "marked" : "open";
    element.setAttribute("aria-selected", String(marked && !entry));
    element.setAttribute("aria-label", `${item.key}: ${name ?? t("Canvas.GridNone")}, ${state}`);
    element.style.setProperty("--c", this.#byName.get(name)?.color ?? "var(--an-muted)");
    const confidence = entry ? null : item.prediction?.confidence;
    fill(made.label, name ? h("span.an-dot") : null, h("span.gr-name", { dir: "auto" }, name ? breakable(name) : entry ? state : t("Canvas.GridNone")), confidence ? h("span.an-number", null, this.#percent.format(confidence)) : null);
    fill(made.mark, entry ? icon("check") : marked ? icon("cross") : null);
  }

  // As large as they can be without scrolling; when they would become stamps, with.
  #arrange() {
    const count = this.#session.grid?.cells.length ?? 0;
    // Without the padding of the list.
    const [width, height] = [this.list.clientWidth - 20, this.list.clientHeight - 12];
    if (count === 0 || width <= 0) return;
    let best = { columns: 1, side: 0, row: height };
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const cell = (width - (gap * (columns - 1))) / columns;
      const row = (height - (gap * (rows - 1))) / rows;
      const side = Math.min(cell, row - caption);
      if (side > best.side) best = { columns, side, row };
    }

    if (best.side < smallest) best = { columns: Math.max(1, Math.floor((width + gap) / (smallest + gap + 16))), side: smallest, row: smallest + caption };
    this.#columns = best.columns;
    this.list.style.gridTemplateColumns = `repeat(${best.columns}, minmax(0, 1fr))`;
    this.list.style.gridAutoRows = `${Math.floor(best.row)}px`;
  }

  /** Puts the focus on the cell that keys mean. */
  focus() {
    this.#cells.get(this.focusedId)?.element.focus({ preventScroll: false });
  }

  #step(by) {
    const { cells } = this.#session.grid;
    const at = cells.findIndex((c) => c.item.itemId === this.focusedId);
    const to = Math.min(Math.max(at + by, 0), cells.length - 1);
    if (cells[to]) {
      this.#focusedNow(cells[to].item.itemId);
      this.focus();
    }

    return true;
  }

  /** A key of the grid; true where it was one. */
  key(name) {
    switch (name) {
      case "ArrowRight": return this.#step(1);
      case "ArrowLeft": return this.#step(-1);
      case "ArrowDown": return this.#step(this.#columns);
      case "ArrowUp": return this.#step(-this.#columns);
      case "Home": return this.#step(-Infinity);
      case "End": return this.#step(Infinity);
      case "Space":
      case "Delete":
        if (this.focused) this.#session.mark(this.focused);
        return true;
      default: return false;
    }
  }
}
