// Boxes and polygons on an image: what there is, how it is painted and how it changes. What the pointer does stands in
// gestures.js, what keys do in shape-keys.js. What is done goes to the session as a whole new state, so that each step can be
// taken back; what a gesture shows before it ends is drawn here only.

import { h } from "../dom.js";
import { ShapeClipboard } from "./clipboard.js";
import { simplified, tenth } from "./geometry.js";
import { Gestures } from "./gestures.js";
import { StillLayer } from "./layer.js";
import { ObjectList } from "./object-list.js";
import { paintActive, paintCross, paintOpen, paintParts, sized } from "./painter.js";
import { ShapeKeys } from "./shape-keys.js";
import { Bounds, numbered } from "./shapes.js";

export class ShapeSurface {
  #byName;
  #hidden = new Set();
  #locked = new Set();
  #bounds = null;
  #drawn = null;

  // Counts how often something was hidden or shown.
  #veiled = 0;

  /** Id of the selected part, or null. */
  selectedId = null;

  /** Index of the vertex that keys mean, or -1. */
  vertex = -1;

  /** The label of what is drawn next. */
  armed;

  /** What is being drawn: { points, replaces } or null. */
  drawing = null;

  /**
   * @param {object} parts t (texts), session, stage, kind (boxes or polygons), labels, choices (labels that can be given), changed (called after each change of selection), remark (tells something)
   */
  constructor({ t, session, stage, kind, labels, choices, changed, remark }) {
    this.t = t;
    this.session = session;
    this.stage = stage;
    this.kind = kind;
    this.changed = changed;
    this.remark = remark;
    this.#byName = new Map(labels.map((l) => [l.name, l]));
    this.armed = choices[0]?.name ?? null;
    this.still = new StillLayer(() => this.stage.invalidate());
    this.over = h("canvas.cv-layer");
    stage.addLayer(this, this.still.element, this.over);
    this.gestures = new Gestures(this);
    this.shapeKeys = new ShapeKeys(this);
    this.clipboard = new ShapeClipboard(this);
    stage.tool = this.gestures;
    stage.shown = () => this.changed();
    this.list = new ObjectList({ t, source: this, buttons: [stage.button("hideAll", "eye"), stage.button("lockAll", "unlock")] });
    stage.tools.append(...this.buttons());
  }

  /** The buttons of the bar. */
  buttons() {
    const { stage, kind } = this;
    return [
      stage.button("draw", kind.kind === "polygons" ? "polygon" : "box", { text: true }),
      kind.kind === "polygons" ? stage.button("simplify", "thin") : null,
      stage.button("copyPrevious", "copy"),
    ].filter(Boolean);
  }

  // ---- what there is ----

  /** The parts on screen, the lowest first. */
  get parts() {
    return this.session.current?.parts ?? [];
  }

  get selected() {
    return this.selectedId === null ? null : this.parts.find((p) => p.id === this.selectedId) ?? null;
  }

  /** Label of the selected part: the chips show it. */
  get focusedLabel() {
    return this.selected?.label ?? null;
  }

  get size() {
    return this.stage.view.image;
  }

  /** A place within the image, to a tenth of a pixel. */
  corner([x, y]) {
    const { width, height } = this.size;
    return [tenth(Math.min(Math.max(x, 0), width)), tenth(Math.min(Math.max(y, 0), height))];
  }

  /** The parts in sight at a place, the topmost first. */
  hits(place) {
    const [x, y] = place.image;
    return this.#bounds?.at(this.kind, x, y, 2 / this.stage.view.scale, (p) => this.isHidden(p)) ?? [];
  }

  /** The place that one within reach is meant to be: a corner of another polygon, else the nearest upright and level edges of others and of the image. */
  caught([x, y], near, except = null) {
    const { width, height } = this.size;
    const [xs, ys] = [[0, width], [0, height]];
    let corner = null;
    let best = near;
    const { parts, numbers } = this.#bounds ?? { parts: [], numbers: [] };
    parts.forEach((part, i) => {
      if (part.id === except || this.isHidden(part) || !this.#bounds.meets(i, x - near, y - near, x + near, y + near)) return;
      xs.push(numbers[i * 4], numbers[(i * 4) + 2]);
      ys.push(numbers[(i * 4) + 1], numbers[(i * 4) + 3]);
      for (const point of part.points ?? []) {
        const distance = Math.hypot(point[0] - x, point[1] - y);
        if (distance <= best) [corner, best] = [point, distance];
      }
    });
    if (corner) return [corner[0], corner[1]];
    const nearest = (at, lines) => lines.reduce((found, line) => (Math.abs(line - at) <= near && Math.abs(line - at) < Math.abs(found - at) ? line : found), Infinity);
    const [cx, cy] = [nearest(x, xs), nearest(y, ys)];
    return [Number.isFinite(cx) ? cx : x, Number.isFinite(cy) ? cy : y];
  }

  /** Whether a label is one of the project's. */
  knows(label) {
    return this.#byName.has(label);
  }

  isHidden(part) {
    return this.#hidden.has(part.id);
  }

  isLocked(part) {
    return this.#locked.has(part.id);
  }

  look(part) {
    return { color: this.#byName.get(part.label)?.color ?? "#64748b", text: part.label, sure: part.sure };
  }

  describe(part) {
    return this.kind.kind === "polygons" ? this.t("Canvas.Points", part.points.length) : `${Math.round(part.width)} × ${Math.round(part.height)}`;
  }

  /** One line about what is going on. */
  status() {
    const { t, selected } = this;
    if (!this.stage.ready) return "";
    if (this.drawing) return t(this.kind.kind === "polygons" ? "Canvas.DrawingPolygon" : this.drawing.points.length > 0 ? "Canvas.DrawingBoxEnd" : "Canvas.DrawingBox", this.armed);
    if (!selected) return t(this.kind.kind === "polygons" ? "Canvas.IdlePolygon" : "Canvas.Idle", this.armed ?? "");
    const b = this.kind.bounds(selected);
    return t("Canvas.Selected", selected.label, `${round(b.x)}, ${round(b.y)}`, `${round(b.width)} × ${round(b.height)}`);
  }

  /** Another item is shown. */
  show() {
    this.gestures.forget();
    this.selectedId = null;
    this.vertex = -1;
    this.drawing = null;
    this.#hidden.clear();
    this.#locked.clear();
    this.#veiled++;
    this.#drawn = null;
    delete this.stage.room.dataset.cursor;
    this.stage.invalidate();
  }

  // ---- drawing ----

  /** Draws list and layers; called in each frame, and after each change through the stage. */
  draw() {
    const { parts } = this;
    if (this.#drawn !== parts) {
      this.#drawn = parts;
      this.#bounds = new Bounds(this.kind, parts);
      if (this.selectedId !== null && !this.exists(this.selectedId)) this.#select(null);
    }

    const { view } = this.stage;
    const ready = this.stage.ready;
    this.still.draw(view, this.#stamp(ready), (context) => {
      if (ready) return paintParts(context, { view, kind: this.kind, bounds: this.#bounds, hidden: (p) => this.isHidden(p), except: this.selectedId, look: (p) => this.look(p) });
      context.clearRect(0, 0, view.room.width, view.room.height);
      return 0;
    });
    this.#drawOver(ready);
    this.drawList();
  }

  drawList() {
    this.list.draw();
  }

  /** Whether there still is a part, in sight or not. */
  exists(id) {
    return this.parts.some((p) => p.id === id);
  }

  // Another object as soon as the lower layer would look otherwise.
  #stamp(ready) {
    const now = [ready, this.#bounds, this.selectedId, this.#veiled];
    if (!this.#last || now.some((v, i) => v !== this.#last[i])) this.#last = now;
    return this.#last;
  }

  #last = null;

  /** How many parts were in sight when they were painted last. */
  get inSight() {
    return this.still.weight;
  }

  // The layer above: it alone changes while the pointer moves.
  #drawOver(ready = this.stage.ready) {
    const { view } = this.stage;
    const over = sized(this.over, view.room.width, view.room.height);
    over.clearRect(0, 0, view.room.width, view.room.height);
    if (!ready) return;
    const { selected } = this;
    const { gesture, hovered: under, live, pointer } = this.gestures;
    const hovered = under !== null && under !== this.selectedId && !gesture && !this.drawing ? this.parts.find((p) => p.id === under) : null;
    if (hovered) paintActive(over, { view, kind: this.kind, part: hovered, look: this.look(hovered), selected: false });
    const active = live ?? selected;
    if (active && !this.isHidden(active)) paintActive(over, { view, kind: this.kind, part: active, look: this.look(active), selected: true, locked: this.isLocked(active), vertex: this.vertex });
    if (!this.drawing) return;
    const { color } = this.look({ label: this.armed });
    if (this.kind.kind === "polygons") paintOpen(over, { view, points: this.drawing.points, pointer, color });
    if (pointer && !live) paintCross(over, { view, pointer });
  }

  /** Asks for a frame of everything. */
  again() {
    this.stage.invalidate();
  }

  /** Asks for a frame of the upper layer alone, gathered. */
  overAgain() {
    this.#overDue ||= requestAnimationFrame((now) => {
      this.#overDue = 0;
      this.stage.frames.tick(now);
      this.#drawOver();
    });
  }

  #overDue = 0;

  // ---- changing ----

  /** The session gets another state; what is selected afterwards is named. */
  commit(parts, selectedId = this.selectedId) {
    this.session.setParts(parts);
    this.#select(selectedId);
    this.again();
    this.changed();
  }

  /** Replaces a part by another of the same number. */
  put(part) {
    this.commit(this.parts.map((p) => (p.id === part.id ? part : p)), part.id);
  }

  /** Adds parts on top. */
  insert(parts) {
    this.commit([...this.parts, ...parts], parts.at(-1)?.id ?? null);
  }

  remove(part = this.selected) {
    if (!part || this.isLocked(part)) return false;
    this.commit(this.parts.filter((p) => p.id !== part.id), part.id === this.selectedId ? null : this.selectedId);
    return true;
  }

  #select(id) {
    if (id !== this.selectedId) this.vertex = -1;
    this.selectedId = id;
  }

  /** Selects a part, or none. */
  select(id, { reveal = false } = {}) {
    this.#select(id);
    const part = this.selected;
    if (part && reveal) this.stage.view.reveal(this.kind.bounds(part));
    if (part) this.list.reveal();
    this.again();
    this.changed();
  }

  /** What a row of the list asks for. */
  act(action, part) {
    if (action === "select") this.select(part.id, { reveal: true });
    else if (action === "confirm") this.confirm(part, { next: false });
    else if (action === "remove") this.remove(part);
    else if (action === "hide") this.#toggle(this.#hidden, part);
    else if (action === "lock") this.#toggle(this.#locked, part);
  }

  #toggle(set, part) {
    this.#veiled++;
    if (!set.delete(part.id)) set.add(part.id);
    this.again();
    this.changed();
  }

  #toggleAll(set) {
    this.#veiled++;
    const all = this.parts.every((p) => set.has(p.id));
    set.clear();
    if (!all) for (const part of this.parts) set.add(part.id);
    this.again();
    this.changed();
  }

  /** A label key or chip: for the selected part, else for what is drawn from now on. */
  label(name) {
    this.armed = name;
    const { selected } = this;
    if (selected && !this.drawing) {
      if (!this.isLocked(selected)) this.put({ ...selected, label: name, sure: true });
      return;
    }

    if (!this.drawing && this.stage.ready) this.begin();
    this.again();
    this.changed();
  }

  /** Says that a proposal is right, and goes on to the next. */
  confirm(part = this.selected, { next = true } = {}) {
    if (!part) return false;
    if (!part.sure) this.put({ ...part, sure: true });
    if (!next) return true;
    const { parts } = this;
    const at = parts.findIndex((p) => p.id === part.id);
    const open = [...parts.slice(at + 1), ...parts.slice(0, at)].find((p) => !p.sure && !this.isHidden(p));
    if (open) this.select(open.id, { reveal: true });
    return true;
  }

  /** Selects the next part, in the order of drawing; -1 backwards. False past the end. */
  walk(step, around) {
    const parts = this.parts.filter((p) => !this.isHidden(p));
    if (parts.length === 0) return false;
    const at = parts.findIndex((p) => p.id === this.selectedId);
    let to = at < 0 ? (step > 0 ? 0 : parts.length - 1) : at + step;
    if (to < 0 || to >= parts.length) {
      if (!around) {
        this.select(null);
        return false;
      }

      to = (to + parts.length) % parts.length;
    }

    this.select(parts[to].id, { reveal: true });
    return true;
  }

  // ---- beginning and ending a drawing ----

  /** Begins to draw; replaces: id of the part that is drawn anew. */
  begin(replaces = null) {
    if (!this.armed) return;
    this.drawing = { points: [], replaces };
    if (!replaces) this.#select(null);
    this.stage.room.dataset.cursor = "cross";
  }

  /** Nothing is drawn any more. */
  end() {
    this.drawing = null;
    this.gestures.gesture = null;
    delete this.stage.room.dataset.cursor;
  }

  /** A shape was drawn to its end. */
  made(shape) {
    const replaced = this.drawing?.replaces ? this.parts.find((p) => p.id === this.drawing.replaces) : null;
    this.end();
    if (replaced) this.put({ ...replaced, ...shape, sure: true });
    else this.insert([numbered({ label: this.armed, ...shape, sure: true })]);
  }

  /** Ends a polygon that is being drawn; false where it has too few corners. */
  finish() {
    if (!this.drawing || this.kind.kind !== "polygons") return false;
    const { points } = this.drawing;
    if (points.length < 3) {
      this.remark(this.t("Canvas.TooFewPoints"));
      return false;
    }

    this.made({ points });
    return true;
  }

  /** Takes back the last corner of what is being drawn; false where nothing is. */
  undoDraw() {
    if (!this.drawing || this.drawing.points.length === 0) return false;
    this.drawing = { ...this.drawing, points: this.drawing.points.slice(0, -1) };
    if (this.drawing.points.length === 0) this.gestures.undone();
    this.overAgain();
    this.changed();
    return true;
  }

  // ---- vertices and order ----

  /** Takes a corner out of the selected polygon. */
  dropVertex(index) {
    const { selected } = this;
    if (!selected || this.isLocked(selected)) return;
    if (selected.points.length <= 3) {
      this.remark(this.t("Canvas.TooFewPoints"));
      return;
    }

    const points = selected.points.filter((_, i) => i !== index);
    this.put({ ...selected, points, sure: true });
    this.vertex = Math.min(index, points.length - 1);
    this.again();
  }

  #reorder(up) {
    const { selected, parts } = this;
    if (!selected) return;
    const at = parts.indexOf(selected);
    const to = up ? at + 1 : at - 1;
    if (to < 0 || to >= parts.length) return;
    const moved = [...parts];
    [moved[at], moved[to]] = [moved[to], moved[at]];
    this.commit(moved, selected.id);
  }

  // ---- keys and commands ----

  /** A key that is no command; true where it was one. */
  key(name) {
    return this.shapeKeys.key(name);
  }

  /** Keys beside the commands, for the overlay of keys. */
  keys() {
    return this.shapeKeys.shown();
  }

  /** Whether a command does something at this moment. */
  live(id) {
    switch (id) {
      case "redraw": case "duplicate": case "raise": case "lower": case "simplify": return Boolean(this.selected) && !this.drawing;
      case "confirmAll": return this.parts.some((p) => !p.sure);
      default: return true;
    }
  }

  /** A command of the surface; true where it was one. */
  command(id) {
    const { selected } = this;
    switch (id) {
      case "draw":
        if (this.drawing) {
          if (this.kind.kind === "polygons" && this.drawing.points.length > 0) this.finish();
          else this.shapeKeys.drop();
        } else if (this.stage.ready) {
          this.begin();
          this.again();
          this.changed();
        }
        break;
      case "redraw":
        if (!selected || this.isLocked(selected) || this.drawing) break;
        this.armed = selected.label;
        this.begin(selected.id);
        this.again();
        this.changed();
        break;
      case "hide":
        if (selected) this.#toggle(this.#hidden, selected);
        else this.#toggleAll(this.#hidden);
        break;
      case "hideAll": this.#toggleAll(this.#hidden); break;
      case "lock":
        if (selected) this.#toggle(this.#locked, selected);
        else this.#toggleAll(this.#locked);
        break;
      case "lockAll": this.#toggleAll(this.#locked); break;
      case "raise": this.#reorder(true); break;
      case "lower": this.#reorder(false); break;
      case "duplicate": if (selected) this.clipboard.add([selected], 10); break;
      case "copyPrevious": this.clipboard.copyPrevious(); break;
      case "confirmAll":
        if (this.parts.some((p) => !p.sure)) this.commit(this.parts.map((p) => (p.sure ? p : { ...p, sure: true })));
        break;
      case "simplify":
        if (selected && this.kind.kind === "polygons" && !this.isLocked(selected)) {
          const points = simplified(selected.points, 1.5 / Math.min(1, this.stage.view.scale));
          if (points.length < selected.points.length) this.put({ ...selected, points, sure: true });
          else this.remark(this.t("Canvas.SimpleAlready"));
        }
        break;
      default: return this.stage.command(id);
    }

    return true;
  }

}

function round(value) {
  return String(Math.round(value * 10) / 10);
}
