// Labelled stretches of a text, drawn and changed in the browser: selecting with mouse, pen or keys, overlapping and nested
// spans, and proposals that are confirmed one by one or all together. Knows no server; the session keeps what is decided.

import { fill, h, icon } from "../dom.js";
import { Marks, Offsets } from "./offsets.js";
import { blocks, breakable, snippet } from "./text.js";

const deepest = 4;

// A finger drags the handles of a selection without telling: when they rest this long, it is meant.
const restMilliseconds = 700;

/** Spans of a value, as the surface works with them. `sure`: a person has made or confirmed it. */
export function spansOf(value, sure) {
  return (value?.spans ?? []).map((s) => ({ start: s.start, end: s.end, label: s.label, sure }));
}

/** The value of spans, in the one order that equal sets have. */
export function valueOfSpans(spans) {
  const unique = new Map(spans.map((s) => [`${s.start} ${s.end} ${s.label}`, { start: s.start, end: s.end, label: s.label }]));
  return { spans: [...unique.values()].sort((a, b) => a.start - b.start || a.end - b.end || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0)) };
}

/** Spans as the session keeps them. */
export const spans = { of: spansOf, value: valueOfSpans, renumbered: (parts) => parts };

/** On which line below the text each span is drawn: those that overlap get different ones, the longer the lower. */
export function levels(spans) {
  const order = spans.map((s, i) => i).sort((a, b) => spans[a].end - spans[a].start - (spans[b].end - spans[b].start) || spans[a].start - spans[b].start);
  const taken = [];
  const found = new Array(spans.length).fill(0);
  for (const i of order) {
    const span = spans[i];
    let level = 0;
    while (taken.some((t) => t.level === level && t.start < span.end && span.start < t.end)) level++;
    found[i] = level;
    taken.push({ level, start: span.start, end: span.end });
  }

  return found;
}

export class SpanSurface {
  #t;
  #session;
  #byName;
  #text = "";
  #parts = [];
  #watcher = null;
  #pending = null;
  #anchor = null;

  /** Index of the span that label keys and Delete mean, or -1. */
  focused = -1;

  /** The label that every new selection gets at once, or null. */
  armed = null;

  /**
   * @param {HTMLElement} element where the text goes
   * @param {object} parts t (texts), session, labels, changed (called after each change), scroll (the element that scrolls), signal (ends it)
   */
  constructor(element, { t, session, labels, changed, scroll, signal }) {
    this.element = element;
    this.scroll = scroll;
    this.#t = t;
    this.#session = session;
    this.#byName = new Map(labels.map((l) => [l.name, l]));
    this.changed = changed;
    this.list = h("ol.rv-spans", { aria: { label: t("Review.Spans") } });
    element.classList.add("rv-spantext");
    let touched = false;
    let timer = 0;
    element.addEventListener("pointerdown", (e) => { touched = e.pointerType === "touch"; });
    element.addEventListener("pointerup", (e) => { if (e.pointerType !== "touch") this.#selected(e.altKey); });
    document.addEventListener("selectionchange", () => {
      clearTimeout(timer);
      if (touched) timer = setTimeout(() => this.#selected(false), restMilliseconds);
    }, { signal });
    element.addEventListener("click", (e) => this.#clicked(e));
  }

  /** Label of the focused span: the chips show it. */
  get focusedLabel() {
    return this.#spans[this.focused]?.label ?? null;
  }

  /** One line about what is going on. */
  status() {
    const t = this.#t;
    if (this.pending !== null) return t("Review.SpanPending", snippet(this.pending, 32));
    if (this.focused >= 0) return t("Review.SpanFocused");
    return this.armed ? t("Review.SpanArmed", this.armed) : t("Review.SpanHint");
  }

  get #spans() {
    return this.#session.current?.parts ?? [];
  }

  /** Shows another text. */
  show(text) {
    this.stop();
    this.#text = text;
    this.offsets = new Offsets(text);
    this.marks = new Marks(text, document.documentElement.lang || undefined);
    this.focused = -1;
    this.#pending = this.#anchor = null;
    let start = 0;
    this.#parts = blocks(text).map((part) => {
      const block = { start, end: start + part.length, element: h("div.rv-block", { dir: "auto" }), drawn: false, stamp: "" };
      start += part.length;
      return block;
    });
    this.element.replaceChildren();
    if (this.#parts.length === 1) {
      this.element.append(this.#parts[0].element);
      this.#parts[0].drawn = true;
    } else {
      this.#watch();
    }

    this.draw();
  }

  // Blocks of a long document are filled as they come into view; until then they take the room that they will about need.
  #watch() {
    this.#watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const part = this.#parts[Number(entry.target.dataset.part)];
        if (!entry.isIntersecting || part.drawn) continue;
        part.drawn = true;
        part.element.style.minHeight = "";
        this.#drawPart(part, levels(this.#units()));
      }
    }, { root: this.scroll, rootMargin: "1200px" });
    this.#parts.forEach((part, i) => {
      part.element.dataset.part = String(i);
      part.element.style.minHeight = `${Math.ceil((part.end - part.start) / 70) * 34}px`;
      this.element.append(part.element);
      this.#watcher.observe(part.element);
    });
  }

  /** Stops what is still to come. */
  stop() {
    this.#watcher?.disconnect();
    this.#watcher = null;
  }

  /** Draws text and list anew from the session; blocks that look as before stay as they are. */
  draw() {
    if (this.focused >= this.#spans.length) this.focused = -1;
    const drawnOn = levels(this.#units());
    for (const part of this.#parts) if (part.drawn) this.#drawPart(part, drawnOn);
    this.#drawList();
  }

  // Spans in UTF-16 units, and never inside a character.
  #units() {
    return this.#spans.map((s) => {
      const [start, end] = this.marks.whole(this.offsets.toUnits(s.start), this.offsets.toUnits(s.end));
      return { start, end };
    });
  }

  #drawPart(part, drawnOn) {
    const units = this.#units();
    const here = units.map((u, i) => ({ ...u, i })).filter((u) => u.start < part.end && u.end > part.start);
    const pending = this.#pending && this.#pending[0] < part.end && this.#pending[1] > part.start ? this.#pending : null;
    const stamp = JSON.stringify([here.map((u) => [u.start, u.end, drawnOn[u.i], this.#spans[u.i].label, this.#spans[u.i].sure, u.i === this.focused]), pending]);
    if (part.stamp === stamp && part.element.childNodes.length > 0) return;
    part.stamp = stamp;
    const cuts = new Set([part.start, part.end]);
    for (const u of here) cuts.add(Math.max(u.start, part.start)).add(Math.min(u.end, part.end));
    if (pending) cuts.add(Math.max(pending[0], part.start)).add(Math.min(pending[1], part.end));
    const places = [...cuts].sort((a, b) => a - b);
    const pieces = [];
    for (let k = 0; k + 1 < places.length; k++) {
      const [from, to] = [places[k], places[k + 1]];
      const over = here.filter((u) => u.start <= from && u.end >= to).sort((a, b) => drawnOn[a.i] - drawnOn[b.i]);
      const isPending = pending && pending[0] <= from && pending[1] >= to;
      const piece = h("span", { data: { from: String(from) } }, this.#text.slice(from, to));
      if (over.length > 0) this.#paint(piece, over, drawnOn, to);
      if (isPending) piece.classList.add("rv-pending");
      pieces.push(piece);
    }

    fill(part.element, pieces);
  }

  #paint(piece, over, drawnOn, to) {
    const top = over[0];
    const lines = [];
    for (const u of over.filter((o) => drawnOn[o.i] < deepest)) {
      const bottom = 3 + (drawnOn[u.i] * 5);
      const span = this.#spans[u.i];
      const color = this.#color(span.label);
      // A line of its own a span, with a gap above it in the colour of the ground.
      lines[drawnOn[u.i]] = `0 ${bottom - 3}px 0 var(--an-surface), 0 ${bottom}px 0 ${span.sure ? color : `color-mix(in srgb, ${color} 45%, var(--an-surface))`}`;
    }

    piece.className = "rv-span";
    piece.classList.toggle("rv-span-proposed", !this.#spans[top.i].sure);
    piece.classList.toggle("rv-span-focused", over.some((u) => u.i === this.focused));
    piece.dataset.span = String(top.i);
    piece.style.setProperty("--c", this.#color(this.#spans[top.i].label));
    piece.style.setProperty("--lines", lines.filter(Boolean).join(", "));
    // The name stands after the end of its span; as generated content it is no part of the text that is selected.
    const ending = over.filter((u) => u.end === to).map((u) => this.#spans[u.i].label);
    if (ending.length > 0) piece.dataset.tags = ending.join(" · ");
  }

  #color(label) {
    return this.#byName.get(label)?.color ?? "var(--an-muted)";
  }

  #drawList() {
    const t = this.#t;
    const order = this.#spans.map((s, i) => i).sort((a, b) => this.#spans[a].start - this.#spans[b].start || this.#spans[b].end - this.#spans[a].end);
    fill(this.list, order.map((i) => {
      const span = this.#spans[i];
      const quote = snippet(this.#text.slice(this.offsets.toUnits(span.start), this.offsets.toUnits(span.end)), 40);
      return h("li", { data: { span: String(i), sure: String(span.sure) }, aria: { current: i === this.focused ? "true" : null } },
        h("button.rv-spans-main", { type: "button", title: t("Review.SpanFocus"), style: { "--c": this.#color(span.label) }, on: { click: () => this.focus(i) } },
          h("span.an-dot"), h("span", { dir: "auto" }, breakable(span.label)), h("q", { dir: "auto" }, quote)),
        span.sure ? null : h("button.rv-spans-small", { type: "button", aria: { label: t("Review.SpanConfirm", span.label, quote) }, title: t("Review.SpanKey.confirm"), on: { click: () => this.confirm(i) } }, icon("check")),
        h("button.rv-spans-small", { type: "button", aria: { label: t("Review.SpanRemove", span.label, quote) }, title: t("Review.SpanKey.remove"), on: { click: () => this.remove(i) } }, icon("cross")));
    }));
    this.list.hidden = order.length === 0;
  }

  // ---- selecting ----

  #selected(exactly) {
    const selection = getSelection();
    if (!selection || selection.isCollapsed || selection.rangeCount === 0) return;
    const range = selection.getRangeAt(0);
    if (!this.element.contains(range.commonAncestorContainer)) return;
    const [start, end] = [this.#placeOf(range.startContainer, range.startOffset), this.#placeOf(range.endContainer, range.endOffset)];
    if (start === null || end === null || start >= end) return;
    // Whole words, as almost always meant; with Alt to the character.
    const found = exactly ? this.marks.whole(start, end) : this.marks.snap(start, end) ?? this.marks.whole(start, end);
    selection.removeAllRanges();
    this.select(found[0], found[1]);
  }

  #placeOf(node, offset) {
    if (node.nodeType === Node.TEXT_NODE) {
      const piece = node.parentElement?.closest("[data-from]");
      return piece ? Number(piece.dataset.from) + offset : null;
    }

    const child = node.childNodes[offset];
    const piece = child instanceof Element ? child.closest("[data-from]") ?? child.querySelector("[data-from]") : child?.parentElement?.closest("[data-from]");
    if (piece) return Number(piece.dataset.from);
    // After the last child: the end of the block, or of the text.
    const part = this.#parts.find((p) => p.element === node || p.element.contains(node));
    return part ? part.end : this.#text.length;
  }

  /** Chooses a stretch, in UTF-16 units; an armed label is given to it at once. */
  select(start, end) {
    if (start >= end) return;
    this.#pending = [start, end];
    this.focused = -1;
    if (this.armed) {
      this.label(this.armed);
      return;
    }

    this.draw();
    this.changed();
  }

  /** The chosen stretch as text, or null. */
  get pending() {
    return this.#pending ? this.#text.slice(...this.#pending) : null;
  }

  #clicked(event) {
    const piece = event.target.closest?.("[data-span]");
    if (!piece || this.#pending) return;
    // A second click on the same place goes on to the span below.
    const place = Number(piece.dataset.from);
    const here = this.#units().map((u, i) => ({ ...u, i })).filter((u) => u.start <= place && u.end > place).sort((a, b) => a.end - a.start - (b.end - b.start));
    const at = here.findIndex((u) => u.i === this.focused);
    this.focus(here[(at + 1) % here.length].i);
  }

  // ---- changing ----

  #change(spans, focused = -1) {
    this.#session.setParts(spans);
    this.focused = focused;
    this.#pending = this.#anchor = null;
    this.draw();
    this.changed();
  }

  /** A label key or chip: for the chosen stretch, else the focused span, else every selection from now on. */
  label(name) {
    if (this.#pending) {
      const [start, end] = this.#pending.map((u) => this.offsets.toPoints(u));
      const known = this.#spans.findIndex((s) => s.start === start && s.end === end && s.label === name);
      if (known >= 0) this.confirm(known);
      else this.#change([...this.#spans, { start, end, label: name, sure: true }], this.#spans.length);
    } else if (this.focused >= 0) {
      this.#change(this.#spans.map((s, i) => (i === this.focused ? { ...s, label: name, sure: true } : s)), this.focused);
    } else {
      this.armed = this.armed === name ? null : name;
      this.changed();
    }
  }

  remove(i = this.focused) {
    if (i < 0 || i >= this.#spans.length) return false;
    this.#change(this.#spans.filter((_, k) => k !== i), Math.min(i, this.#spans.length - 2));
    return true;
  }

  /** Says that a proposed span is right, and goes on to the next proposal. */
  confirm(i = this.focused) {
    if (i < 0 || i >= this.#spans.length) return false;
    const spans = this.#spans.map((s, k) => (k === i ? { ...s, sure: true } : s));
    const next = spans.findIndex((s, k) => k > i && !s.sure);
    this.#change(spans, next >= 0 ? next : i);
    return true;
  }

  focus(i) {
    this.focused = i;
    this.#pending = this.#anchor = null;
    this.draw();
    this.element.querySelector(".rv-span-focused")?.scrollIntoView({ block: "nearest" });
    this.changed();
  }

  // ---- keys ----

  /** A key of the surface; true where it was one. */
  key(name) {
    switch (name) {
      case "ArrowRight": return this.#moveWord(1, false);
      case "ArrowLeft": return this.#moveWord(-1, false);
      case "Shift+ArrowRight": return this.#moveWord(1, true);
      case "Shift+ArrowLeft": return this.#moveWord(-1, true);
      case "Ctrl+Shift+ArrowRight": return this.#moveEnd(1);
      case "Ctrl+Shift+ArrowLeft": return this.#moveEnd(-1);
      case "]": return this.#walk(1);
      case "[": return this.#walk(-1);
      case "Delete": return this.remove();
      case "Space": return this.confirm();
      case "Escape": return this.#drop();
      default: return false;
    }
  }

  #drop() {
    if (!this.#pending && this.focused < 0 && !this.armed) return false;
    if (!this.#pending && this.focused < 0) this.armed = null;
    this.#pending = this.#anchor = null;
    this.focused = -1;
    this.draw();
    this.changed();
    return true;
  }

  // From word to word; with Shift the choice grows or shrinks at its moving end.
  #moveWord(direction, extend) {
    const { words } = this.marks;
    if (words.length === 0) return true;
    if (!this.#anchor || !this.#pending) {
      const from = this.#pending ? this.#pending[0] : this.focused >= 0 ? this.#units()[this.focused].start : null;
      const at = from === null ? (direction > 0 ? 0 : words.length - 1) : this.marks.wordAt(from);
      this.#anchor = { fixed: Math.min(at, words.length - 1), moving: Math.min(at, words.length - 1) };
      if (from !== null && this.#pending) this.#anchor.moving = Math.max(this.#anchor.fixed, this.marks.wordAt(this.#pending[1] - 1));
      if (from === null) return this.#choose();
    }

    const to = Math.min(words.length - 1, Math.max(0, this.#anchor.moving + direction));
    this.#anchor = extend ? { ...this.#anchor, moving: to } : { fixed: to, moving: to };
    return this.#choose();
  }

  #choose() {
    const { words } = this.marks;
    const [a, b] = [Math.min(this.#anchor.fixed, this.#anchor.moving), Math.max(this.#anchor.fixed, this.#anchor.moving)];
    this.#pending = [words[a][0], words[b][1]];
    this.focused = -1;
    this.draw();
    this.element.querySelector(".rv-pending")?.scrollIntoView({ block: "nearest" });
    this.changed();
    return true;
  }

  // Character by character, for what is less or more than a word.
  #moveEnd(direction) {
    if (!this.#pending) return true;
    const end = this.marks.step(this.#pending[1], direction);
    if (end > this.#pending[0]) {
      this.#pending = [this.#pending[0], end];
      this.draw();
      this.changed();
    }

    return true;
  }

  #walk(direction) {
    const order = this.#spans.map((s, i) => i).sort((a, b) => this.#spans[a].start - this.#spans[b].start || this.#spans[b].end - this.#spans[a].end);
    if (order.length === 0) return true;
    const at = order.indexOf(this.focused);
    this.focus(order[at < 0 ? (direction > 0 ? 0 : order.length - 1) : (at + direction + order.length) % order.length]);
    return true;
  }
}
