// Stretches of a film that get a label: begun and ended where the film stands, moved at their ends on the timeline.

import { ObjectList } from "./object-list.js";
import { numbered } from "./shapes.js";
import { clock } from "./timeline.js";

export class SegmentSurface {
  #byName;
  #stretched = null;

  /** Id of the selected segment, or null. */
  selectedId = null;

  /** Label of what is begun next. */
  armed;

  /** What is begun and not ended: { label, start } or null. */
  drawing = null;

  /** @param {object} options t, session, stage, film, bar (() => the bar of the film), labels, choices, changed, remark */
  constructor({ t, session, stage, film, bar, labels, choices, changed, remark }) {
    Object.assign(this, { t, session, stage, film, bar, changed, remark });
    this.#byName = new Map(labels.map((l) => [l.name, l]));
    this.armed = choices[0]?.name ?? null;
    stage.addLayer(this);
    this.list = new ObjectList({ t, source: this, lockable: false });
    stage.tools.append(stage.button("draw", "split", { text: true }));
    film.addEventListener("settled", () => this.changed());
    film.addEventListener("open", () => this.changed());
  }

  get parts() {
    return this.session.current?.parts ?? [];
  }

  get selected() {
    return this.parts.find((p) => p.id === this.selectedId) ?? null;
  }

  get focusedLabel() {
    return this.selected?.label ?? null;
  }

  /** Rows of the timeline: one a segment, and what is being made. */
  get rows() {
    const rows = this.parts.map((p) => {
      const s = this.#stretched?.id === p.id ? this.#stretched : p;
      return { id: p.id, color: this.look(p).color, sure: p.sure, text: p.label, bars: [[this.film.frameOfSeconds(s.start), this.#endFrame(s.end)]], keys: [] };
    });
    if (this.drawing) rows.push({ id: -1, color: this.look(this.drawing).color, sure: false, text: this.drawing.label, bars: [[this.film.frameOfSeconds(this.drawing.start), this.film.frame + 1]], keys: [] });
    return rows;
  }

  isHidden() {
    return false;
  }

  isLocked() {
    return false;
  }

  look(part) {
    return { color: this.#byName.get(part.label)?.color ?? "#64748b", text: part.label, sure: part.sure };
  }

  describe(part) {
    return `${clock(part.start)} – ${clock(part.end)}`;
  }

  status() {
    if (this.drawing) return this.t("Canvas.SegmentOpen", this.drawing.label, clock(this.drawing.start));
    const { selected } = this;
    return selected ? this.t("Canvas.SegmentSelected", selected.label, clock(selected.start), clock(selected.end)) : this.t("Canvas.IdleSegment", this.armed ?? "");
  }

  show() {
    this.selectedId = null;
    this.drawing = null;
    this.#stretched = null;
  }

  draw() {
    if (!this.film.playing) this.list.draw();
    this.bar().timeline.draw();
  }

  #commit(parts, selectedId = this.selectedId) {
    this.session.setParts(parts);
    this.selectedId = selectedId;
    this.#drawAgain();
  }

  #drawAgain() {
    this.stage.invalidate();
    this.changed();
  }

  // A segment ends where the frame after its last one begins.
  #endFrame(seconds) {
    return seconds >= this.film.duration - 1e-3 ? this.film.count : this.film.frameOfSeconds(seconds);
  }

  #secondsOfEdge(frame) {
    return frame >= this.film.count ? Math.round(this.film.duration * 1e4) / 1e4 : this.film.secondsAt(frame);
  }

  pick(id) {
    if (id >= 0) this.select(id);
  }

  select(id, { go = false } = {}) {
    this.selectedId = id;
    const { selected } = this;
    if (selected && go) this.film.go(this.film.frameOfSeconds(selected.start));
    if (selected) {
      this.list.reveal();
      this.bar().timeline.reveal();
    }

    this.#drawAgain();
  }

  act(action, part) {
    if (action === "select") this.select(part.id, { go: true });
    else if (action === "confirm") this.#put({ ...part, sure: true });
    else if (action === "remove") this.#commit(this.parts.filter((p) => p.id !== part.id), null);
  }

  #put(part) {
    this.#commit(this.parts.map((p) => (p.id === part.id ? part : p)), part.id);
  }

  /** An end is drawn along the timeline. */
  stretch(id, edge, frame, done) {
    const part = this.parts.find((p) => p.id === id);
    if (!part) return;
    const moved = this.#moved(part, edge, frame);
    this.#stretched = done ? null : moved;
    if (done && (moved.start !== part.start || moved.end !== part.end)) this.#put({ ...moved, sure: true });
    else this.stage.invalidate();
    // The picture at the end is what one wants to see.
    if (!done) this.film.go(edge === "start" ? frame : frame - 1);
  }

  #moved(part, edge, frame) {
    const [from, to] = [this.film.frameOfSeconds(part.start), this.#endFrame(part.end)];
    if (edge === "start") return { ...part, start: this.#secondsOfEdge(Math.max(0, Math.min(frame, to - 1))) };
    return { ...part, end: this.#secondsOfEdge(Math.min(this.film.count, Math.max(frame, from + 1))) };
  }

  label(name) {
    this.armed = name;
    const { selected } = this;
    if (this.drawing) this.drawing = { ...this.drawing, label: name };
    else if (selected) {
      this.#put({ ...selected, label: name, sure: true });
      return;
    }

    this.#drawAgain();
  }

  undoDraw() {
    if (!this.drawing) return false;
    this.drawing = null;
    this.#drawAgain();
    return true;
  }

  // ---- keys and commands ----

  keys() {
    if (this.drawing) return [[["Enter"], "endSegment"], [["Escape"], "cancel"]];
    return [
      [["Tab", "Shift+Tab"], "walk"], this.parts.some((p) => !p.sure) ? [["Shift+Enter"], "confirmedOnly"] : null,
      this.selected ? [["Shift+ArrowLeft", "Shift+ArrowRight"], "moveEnd"] : null, this.selected ? [["Ctrl+ArrowLeft", "Ctrl+ArrowRight"], "moveStart"] : null,
      this.selected ? [["Delete"], "remove"] : null, [["Home", "End"], "ends"],
    ].filter(Boolean);
  }

  live(id) {
    return id === "confirm" ? Boolean(this.selected && !this.selected.sure) : id === "confirmAll" ? this.parts.some((p) => !p.sure) : true;
  }

  key(name) {
    const { selected } = this;
    switch (name) {
      case "Tab": case "Shift+Tab": {
        const { activeElement } = document;
        return activeElement !== document.body && Boolean(activeElement?.contains(this.stage.element)) && this.#walk(name === "Tab" ? 1 : -1);
      }
      case "]": return this.#walk(1) || true;
      case "[": return this.#walk(-1) || true;
      case "Enter":
        if (!this.drawing) return false;
        this.#end();
        return true;
      case "Escape":
        if (this.undoDraw()) return true;
        if (!selected) return false;
        this.select(null);
        return true;
      case "Delete":
        if (selected) this.act("remove", selected);
        return true;
      case "Shift+ArrowLeft": case "Shift+ArrowRight": case "Ctrl+ArrowLeft": case "Ctrl+ArrowRight": {
        if (!selected) return this.bar().key(name);
        const edge = name.startsWith("Shift") ? "end" : "start";
        const frame = (edge === "end" ? this.#endFrame(selected.end) : this.film.frameOfSeconds(selected.start)) + (name.endsWith("Right") ? 1 : -1);
        this.#put({ ...this.#moved(selected, edge, frame), sure: true });
        return true;
      }
      default: return this.bar().key(name);
    }
  }

  #walk(step) {
    const sorted = [...this.parts].sort((a, b) => a.start - b.start);
    const at = sorted.findIndex((p) => p.id === this.selectedId);
    const to = at < 0 ? (step > 0 ? 0 : sorted.length - 1) : at + step;
    if (!sorted[to]) {
      this.select(null);
      return false;
    }

    this.select(sorted[to].id, { go: true });
    return true;
  }

  #end() {
    const { label, start } = this.drawing;
    const [a, b] = [this.film.frameOfSeconds(start), this.film.frame];
    this.drawing = null;
    const part = numbered({ label, start: this.#secondsOfEdge(Math.min(a, b)), end: this.#secondsOfEdge(Math.max(a, b) + 1), sure: true });
    this.#commit([...this.parts, part], part.id);
  }

  command(id) {
    switch (id) {
      case "draw":
        if (this.film.count === 0 || !this.armed) break;
        if (this.drawing) {
          this.#end();
        } else {
          this.selectedId = null;
          this.drawing = { label: this.armed, start: this.film.secondsAt(this.film.frame) };
          this.#drawAgain();
        }
        break;
      case "confirm":
        if (this.selected) this.#put({ ...this.selected, sure: true });
        break;
      case "confirmAll":
        if (this.parts.some((p) => !p.sure)) this.#commit(this.parts.map((p) => ({ ...p, sure: true })));
        break;
      default: return this.bar().command(id) || this.stage.command(id);
    }

    return true;
  }
}
