// The list of what is drawn on an image. Only rows in sight exist: 5,000 objects cost as much as twenty.

import { fill, h, icon } from "../dom.js";

const rowHeight = 32;
const beyond = 6;

export class ObjectList {
  #t;
  #source;
  #due = 0;
  #stamp = "";

  /**
   * @param {object} parts t (texts), source: { parts, selectedId, isHidden, isLocked, look, describe, act(command, part) }; buttons of
   * the head; lockable: whether objects can be hidden and locked
   */
  constructor({ t, source, buttons = [], lockable = true }) {
    this.lockable = lockable;
    this.#t = t;
    this.#source = source;
    this.count = h("span.cv-count");
    this.rows = h("ol.cv-rows");
    this.scroll = h("div.cv-scroll", { tabIndex: 0, role: "region", aria: { label: t("Canvas.Objects") }, on: { scroll: () => this.#later() } }, this.rows);
    this.empty = h("p.cv-empty", null, t("Canvas.NoObjects"));
    this.element = h("section.cv-list", { aria: { label: t("Canvas.Objects") } }, h("div.cv-list-head", null, h("h3", null, t("Canvas.Objects")), this.count, h("span.cv-list-buttons", null, buttons)), this.empty, this.scroll);
    new ResizeObserver(() => this.#later()).observe(this.scroll);
  }

  #later() {
    this.#due ||= requestAnimationFrame(() => {
      this.#due = 0;
      this.draw();
    });
  }

  /** Brings the selected row into sight. */
  reveal() {
    const at = this.#source.parts.findIndex((p) => p.id === this.#source.selectedId);
    if (at < 0) return;
    const [top, bottom] = [at * rowHeight, (at + 1) * rowHeight];
    const { scrollTop, clientHeight } = this.scroll;
    if (top < scrollTop) this.scroll.scrollTop = top;
    else if (bottom > scrollTop + clientHeight) this.scroll.scrollTop = bottom - clientHeight;
  }

  draw() {
    const t = this.#t;
    const source = this.#source;
    const { parts } = source;
    const open = parts.reduce((n, p) => n + (p.sure ? 0 : 1), 0);
    const count = open > 0 ? t("Canvas.CountProposed", parts.length, open) : String(parts.length);
    if (this.count.textContent !== count) this.count.textContent = count;
    this.empty.hidden = parts.length > 0;
    this.scroll.hidden = parts.length === 0;
    const from = Math.max(0, Math.floor(this.scroll.scrollTop / rowHeight) - beyond);
    const to = Math.min(parts.length, Math.ceil((this.scroll.scrollTop + (this.scroll.clientHeight || 320)) / rowHeight) + beyond);
    const seen = parts.slice(from, to);
    const stamp = JSON.stringify([from, parts.length, seen.map((p) => [p.id, p.label, p.sure, source.describe(p), p.id === source.selectedId, source.isHidden(p), source.isLocked(p)])]);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.rows.style.height = `${parts.length * rowHeight}px`;
    const focused = this.rows.contains(document.activeElement) ? { id: document.activeElement.closest("li")?.dataset.id, action: document.activeElement.dataset.action } : null;
    fill(this.rows, seen.map((part, i) => this.#row(part, from + i)));
    if (focused?.id) this.rows.querySelector(`li[data-id="${focused.id}"] [data-action="${focused.action}"]`)?.focus({ preventScroll: true });
  }

  #row(part, at) {
    const t = this.#t;
    const source = this.#source;
    const [hidden, locked] = [source.isHidden(part), source.isLocked(part)];
    const name = `${part.label} ${at + 1}`;
    const small = (action, sign, text, pressed = null) => h("button.cv-row-small", {
      type: "button", title: text, aria: { label: `${text}: ${name}`, pressed }, data: { action }, on: { click: () => source.act(action, part) },
    }, icon(sign));
    return h("li.cv-row", {
      data: { id: String(part.id), sure: String(part.sure), hidden: String(hidden) }, style: { top: `${at * rowHeight}px`, "--c": source.look(part).color },
      aria: { setsize: String(source.parts.length), posinset: String(at + 1), current: part.id === source.selectedId ? "true" : null },
    },
    h("button.cv-row-main", { type: "button", data: { action: "select" }, on: { click: () => source.act("select", part) } },
      h("span.an-dot"), h("span.cv-row-name", { dir: "auto" }, part.label), h("span.cv-row-about", null, source.describe(part))),
    part.sure ? null : small("confirm", "check", t("Canvas.Confirm")),
    this.lockable ? small("hide", hidden ? "eyeOff" : "eye", t("Canvas.Command.hide"), String(hidden)) : null,
    this.lockable ? small("lock", locked ? "lock" : "unlock", t("Canvas.Command.lock"), String(locked)) : null,
    small("remove", "cross", t("Canvas.Remove")));
  }
}
