// Boxes and polygons on an image: drawing, choosing, changing, with pointer, pen, finger and keys. What is done goes to the
// session as a whole new state, so that each step can be taken back; what a gesture shows before it ends is drawn here only.

import { h } from "../dom.js";
import { boxBetween, edgeAt, handleAt, movedBox, movedPoints, resizedBox, simplified, tenth, vertexAt } from "./geometry.js";
import { StillLayer } from "./layer.js";
import { ObjectList } from "./object-list.js";
import { paintActive, paintCross, paintOpen, paintParts, sized } from "./painter.js";
import { Bounds, numbered } from "./shapes.js";
import { slop } from "./stage.js";

// How near, in screen pixels, is meant.
const reach = 8;
const touchReach = 20;

const cursors = { nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize", n: "ns-resize", s: "ns-resize", e: "ew-resize", w: "ew-resize" };
const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// What was copied, for the next item too.
let clipboard = [];

export class ShapeSurface {
  #byName;
  #gesture = null;
  #hover = null;
  #pointer = null;
  #hidden = new Set();
  #locked = new Set();
  #bounds = null;
  #drawn = null;
  #cycle = null;

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
    stage.tool = this;
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
    this.cancel();
    this.selectedId = null;
    this.vertex = -1;
    this.drawing = null;
    this.#hover = null;
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
    const live = this.#gesture?.live ?? null;
    const hovered = this.#hover !== null && this.#hover !== this.selectedId && !this.#gesture && !this.drawing ? this.parts.find((p) => p.id === this.#hover) : null;
    if (hovered) paintActive(over, { view, kind: this.kind, part: hovered, look: this.look(hovered), selected: false });
    const active = live ?? selected;
    if (active && !this.isHidden(active)) paintActive(over, { view, kind: this.kind, part: active, look: this.look(active), selected: true, locked: this.isLocked(active), vertex: this.vertex });
    if (!this.drawing) return;
    const { color } = this.look({ label: this.armed });
    if (this.kind.kind === "polygons") paintOpen(over, { view, points: this.drawing.points, pointer: this.#pointer, color });
    if (this.#pointer && !live) paintCross(over, { view, pointer: this.#pointer });
  }

  #again() {
    this.stage.invalidate();
  }

  // Only the upper layer: a frame of its own, gathered.
  #overAgain() {
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
    this.#again();
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
    this.#again();
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
    this.#again();
    this.changed();
  }

  #toggleAll(set) {
    this.#veiled++;
    const all = this.parts.every((p) => set.has(p.id));
    set.clear();
    if (!all) for (const part of this.parts) set.add(part.id);
    this.#again();
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

    if (!this.drawing && this.stage.ready) this.#begin();
    this.#again();
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

  // The next part, in the order of drawing; -1 backwards. False past the end.
  #walk(step, around) {
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

  #begin(replaces = null) {
    if (!this.armed) return;
    this.drawing = { points: [], replaces };
    if (!replaces) this.#select(null);
    this.stage.room.dataset.cursor = "cross";
  }

  #end() {
    this.drawing = null;
    this.#gesture = null;
    delete this.stage.room.dataset.cursor;
  }

  #made(shape) {
    const replaced = this.drawing?.replaces ? this.parts.find((p) => p.id === this.drawing.replaces) : null;
    this.#end();
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

    this.#made({ points });
    return true;
  }

  /** Takes back the last corner of what is being drawn; false where nothing is. */
  undoDraw() {
    if (!this.drawing || this.drawing.points.length === 0) return false;
    this.drawing = { ...this.drawing, points: this.drawing.points.slice(0, -1) };
    if (this.drawing.points.length === 0 && this.#gesture?.kind === "second") this.#gesture = null;
    this.#overAgain();
    this.changed();
    return true;
  }

  // ---- pointer ----

  #near(place) {
    return (place.event.pointerType === "touch" ? touchReach : reach) / this.stage.view.scale;
  }

  #corner([x, y]) {
    const { width, height } = this.size;
    return [tenth(Math.min(Math.max(x, 0), width)), tenth(Math.min(Math.max(y, 0), height))];
  }

  #hits(place) {
    const [x, y] = place.image;
    return this.#bounds?.at(this.kind, x, y, 2 / this.stage.view.scale, (p) => this.isHidden(p)) ?? [];
  }

  // What of the selected part the pointer would take: a handle, a vertex, an edge or the whole.
  #grip(place) {
    const { selected } = this;
    if (!selected || this.isHidden(selected) || this.isLocked(selected)) return null;
    const [x, y] = place.image;
    const near = this.#near(place);
    if (this.kind.kind === "polygons") {
      const vertex = vertexAt(selected.points, x, y, near);
      if (vertex >= 0) return { kind: "vertex", vertex };
      const edge = edgeAt(selected.points, x, y, near * 0.75);
      if (edge) return { kind: "edge", edge };
    } else {
      const handle = handleAt(selected, x, y, near);
      if (handle) return { kind: "resize", handle };
    }

    return this.kind.hits(selected, x, y, 0) ? { kind: "move" } : null;
  }

  down(place) {
    const { image } = place;
    const before = this.#gesture;
    if (this.drawing) {
      if (this.kind.kind === "polygons") return this.#addCorner(place);
      this.#gesture = before?.kind === "second" ? { ...before, from: place } : { kind: "draw", start: image, from: place, live: null };
      return true;
    }

    const grip = this.#grip(place);
    if (grip?.kind === "vertex" && place.event.altKey) {
      this.#dropVertex(grip.vertex);
      this.#gesture = { kind: "done" };
      return true;
    }

    if (grip) {
      this.#gesture = { ...grip, from: place, part: this.selected, moved: false, live: null };
      this.vertex = grip.kind === "vertex" ? grip.vertex : -1;
      this.#overAgain();

      return true;
    }

    // On a finger's first touch the image is moved; a mouse or pen draws at once.
    if (this.kind.kind === "polygons" || place.event.pointerType === "touch") return false;
    this.#gesture = { kind: "maybe", start: image, from: place, live: null };
    return true;
  }

  move(place) {
    this.#pointer = place.image;
    const gesture = this.#gesture;
    if (!gesture || gesture.kind === "done") return;
    const { width, height } = this.size;
    const [x, y] = place.image;
    const far = gesture.moved || Math.hypot(place.x - gesture.from.x, place.y - gesture.from.y) >= slop(place.event);
    if (!far && gesture.kind !== "second") return;
    gesture.moved = true;
    if (gesture.kind === "maybe") {
      if (!this.armed) return;
      this.#begin();
      gesture.kind = "draw";
    }

    if (gesture.kind === "draw" || gesture.kind === "second") gesture.live = this.#sketch(gesture.start, place.image);
    else if (gesture.kind === "resize") gesture.live = resizedBox(gesture.part, gesture.handle, x, y, width, height);
    else if (gesture.kind === "move") gesture.live = this.#shifted(gesture.part, x - gesture.from.image[0], y - gesture.from.image[1]);
    else if (gesture.kind === "vertex") gesture.live = { ...gesture.part, points: gesture.part.points.map((p, i) => (i === gesture.vertex ? this.#corner(place.image) : p)) };
    else if (gesture.kind === "edge") {
      const points = [...gesture.part.points];
      points.splice(gesture.edge.after + 1, 0, this.#corner(place.image));
      this.vertex = gesture.edge.after + 1;
      gesture.live = { ...gesture.part, points };
    }

    this.#overAgain();
  }

  #shifted(part, dx, dy) {
    const { width, height } = this.size;
    if (this.kind.kind === "polygons") return { ...part, points: movedPoints(part.points, dx, dy, width, height) };
    return movedBox(part, Math.round(dx), Math.round(dy), width, height);
  }

  #sketch(start, end) {
    const { width, height } = this.size;
    return { id: -1, label: this.armed, sure: true, ...boxBetween(start, end, width, height) };
  }

  up(place) {
    // A quick stroke may end before any movement was told of.
    if (this.#gesture && this.#gesture.kind !== "done" && !this.#gesture.moved) this.move(place);
    const gesture = this.#gesture;
    this.#pointer = place.image;
    if (!gesture || gesture.kind === "done") {
      this.#gesture = null;
      return;
    }

    if (gesture.kind === "draw" || gesture.kind === "second") {
      if (gesture.moved || gesture.kind === "second") {
        const { x, y, width, height } = this.#sketch(gesture.start, place.image);
        this.#made({ x, y, width, height });
      } else {
        // A click: the first of two points.
        this.drawing = { ...this.drawing, points: [gesture.start] };
        this.#gesture = { ...gesture, kind: "second" };
        this.changed();
      }

      return;
    }

    this.#gesture = null;
    if (gesture.live) {
      this.put({ ...gesture.live, sure: true });
      return;
    }

    if (gesture.kind === "maybe" || gesture.kind === "move") this.tap(place, 0);
    else this.#overAgain();
  }

  /** A click that nothing was taken by: chooses what lies there; again, what lies below it. */
  tap(place, button) {
    if (this.drawing) {
      // The other button takes the last corner back, as in CVAT.
      if (button === 2) this.undoDraw();
      return;
    }

    if (button !== 0) return;
    const hits = this.#hits(place);
    const at = this.#cycle && Math.hypot(place.x - this.#cycle.x, place.y - this.#cycle.y) < 4 ? hits.findIndex((p) => p.id === this.selectedId) : -1;
    this.#cycle = { x: place.x, y: place.y };
    const part = hits.length === 0 ? null : hits[(at + 1) % hits.length];
    this.select(part?.id ?? null);
  }

  #addCorner(place) {
    const { points } = this.drawing;
    const corner = this.#corner(place.image);
    const near = this.#near(place);
    const isNear = (p) => p && Math.hypot(p[0] - place.image[0], p[1] - place.image[1]) <= near;
    this.#gesture = { kind: "done" };
    // On the first corner, or twice on one place: it is closed.
    if (points.length >= 3 && (isNear(points[0]) || isNear(points.at(-1)))) {
      this.finish();
      return true;
    }

    if (points.some((p) => p[0] === corner[0] && p[1] === corner[1])) return true;
    this.drawing = { ...this.drawing, points: [...points, corner] };
    this.#overAgain();
    this.changed();
    return true;
  }

  hover(place) {
    this.#pointer = place.image;
    const gesture = this.#gesture;
    if (gesture?.kind === "second") {
      gesture.live = this.#sketch(gesture.start, place.image);
      this.#overAgain();
      return;
    }

    if (this.drawing) {
      this.#overAgain();
      return;
    }

    const grip = this.#grip(place);
    const hit = grip ? null : this.#hits(place)[0] ?? null;
    const cursor = grip ? (grip.kind === "resize" ? cursors[grip.handle] : grip.kind === "move" ? "move" : grip.kind === "edge" ? "copy" : "grab") : hit ? "pointer" : this.kind.kind === "polygons" ? "" : "cross";
    if ((this.stage.room.dataset.cursor ?? "") !== cursor) this.stage.room.dataset.cursor = cursor;
    const id = hit?.id ?? null;
    if (id === this.#hover) return;
    this.#hover = id;
    this.#overAgain();
  }

  leave() {
    this.#pointer = null;
    this.#hover = null;
    this.#overAgain();
  }

  /** Leaves a gesture without effect; what is to be drawn can be begun again. */
  cancel() {
    if (!this.#gesture) return;
    this.#gesture = null;
    this.#again();
  }

  // ---- vertices ----

  #dropVertex(index) {
    const { selected } = this;
    if (!selected || this.isLocked(selected)) return;
    if (selected.points.length <= 3) {
      this.remark(this.t("Canvas.TooFewPoints"));
      return;
    }

    const points = selected.points.filter((_, i) => i !== index);
    this.put({ ...selected, points, sure: true });
    this.vertex = Math.min(index, points.length - 1);
    this.#again();
  }

  // ---- keys ----

  /** A key that is no command; true where it was one. */
  key(name) {
    if (!this.stage.ready) return false;
    const { selected } = this;
    switch (name) {
      case "Tab": return this.#hasFocus && this.#walk(1, false);
      case "Shift+Tab": return this.#hasFocus && this.#walk(-1, false);
      case "]": return this.#walk(1, true) || true;
      case "[": return this.#walk(-1, true) || true;
      case "Delete":
        if (selected && this.vertex >= 0) this.#dropVertex(this.vertex);
        else if (selected) this.remove();
        return true;
      case "Space":
        if (this.drawing) return this.#placeDefault();
        return selected ? this.confirm() : false;
      case "Enter": return Boolean(this.drawing) && (this.finish() || true);
      case "Escape": return this.#drop();
      case "Backspace": return this.undoDraw();
      case ".": return this.#walkVertex(1);
      case ",": return this.#walkVertex(-1);
      case "Ctrl+C": return this.#copy();
      case "Ctrl+V": return this.#paste();
      default: return this.#nudge(name) || this.stage.key(name);
    }
  }

  // Tab goes through the objects while the stage has the focus, and at the last one on through the page.
  get #hasFocus() {
    const { activeElement } = document;
    return activeElement !== document.body && (activeElement?.contains(this.stage.element) ?? false);
  }

  #nudge(name) {
    const [, control, shift, arrow] = /^(Ctrl\+)?(?:Alt\+)?(Shift\+)?(Arrow\w+)$/.exec(name) ?? [];
    const { selected } = this;
    if (!arrow || !selected || !arrows[arrow]) return false;
    if (this.isLocked(selected)) return true;
    const step = shift ? 10 : 1;
    const [dx, dy] = arrows[arrow].map((v) => v * step);
    const { width, height } = this.size;
    if (this.kind.kind === "polygons") {
      if (control) return false;
      if (this.vertex >= 0) this.#moveVertex(dx, dy);
      else this.put({ ...selected, points: movedPoints(selected.points, dx, dy, width, height), sure: true });
      return true;
    }

    // With Ctrl the right and lower edge move.
    if (control) this.put({ ...selected, width: Math.min(Math.max(1, selected.width + dx), width - selected.x), height: Math.min(Math.max(1, selected.height + dy), height - selected.y), sure: true });
    else this.put({ ...movedBox(selected, dx, dy, width, height), sure: true });
    return true;
  }

  #moveVertex(dx, dy) {
    const { selected, vertex } = this;
    const points = selected.points.map((p, i) => (i === vertex ? this.#corner([p[0] + dx, p[1] + dy]) : p));
    this.put({ ...selected, points, sure: true });
  }

  #walkVertex(step) {
    const { selected } = this;
    if (this.kind.kind !== "polygons" || !selected) return false;
    const { length } = selected.points;
    this.vertex = this.vertex < 0 ? (step > 0 ? 0 : length - 1) : (this.vertex + step + length) % length;
    this.#again();
    return true;
  }

  #drop() {
    if (this.drawing) {
      this.#end();
      this.#again();
      this.changed();
      return true;
    }

    if (this.#gesture) {
      this.cancel();
      return true;
    }

    if (this.vertex >= 0) {
      this.vertex = -1;
      this.#again();
      return true;
    }

    if (this.selectedId === null) return false;
    this.select(null);
    return true;
  }

  // Without a pointer: a box in the middle of what is in sight, to be moved and sized by keys.
  #placeDefault() {
    if (this.kind.kind === "polygons" || this.drawing.points.length > 0) return false;
    const { sight } = this.stage.view;
    const { width, height } = this.size;
    const [left, top] = [Math.max(0, sight.x), Math.max(0, sight.y)];
    const [right, bottom] = [Math.min(width, sight.x + sight.width), Math.min(height, sight.y + sight.height)];
    const [w, h2] = [(right - left) / 4, (bottom - top) / 4];
    const [cx, cy] = [(left + right) / 2, (top + bottom) / 2];
    this.#made(boxBetween([cx - (w / 2), cy - (h2 / 2)], [cx + (w / 2), cy + (h2 / 2)], width, height));
    return true;
  }

  #copy() {
    // Words that somebody marked in the guidelines are meant then.
    if (!(getSelection()?.isCollapsed ?? true)) return false;
    const { selected, parts } = this;
    const copied = selected ? [selected] : parts;
    if (copied.length === 0) return false;
    clipboard = copied;
    this.remark(this.t("Canvas.Copied", copied.length));
    return true;
  }

  #paste() {
    if (clipboard.length === 0 || clipboard[0].points === undefined !== (this.kind.kind !== "polygons")) return false;
    this.#pasted(clipboard, this.parts.some((p) => clipboard.some((c) => c.id === p.id)) ? 10 : 0);
    return true;
  }

  // Moved a little where the original is on the same image, so that both are seen; as far as this image reaches.
  #pasted(parts, shift) {
    const { width, height } = this.size;
    const known = parts.filter((p) => this.#byName.has(p.label));
    this.insert(known.map((p) => numbered({ ...this.kind.moved(p, shift, shift, width, height), sure: true })).map((p) => this.#inside(p)).filter(Boolean));
  }

  #inside(part) {
    const { width, height } = this.size;
    if (this.kind.kind === "polygons") return { ...part, points: part.points.map((p) => this.#corner(p)) };
    if (part.width <= width && part.height <= height) return part;
    return { ...part, ...boxBetween([part.x, part.y], [part.x + part.width, part.y + part.height], width, height) };
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

  /** Keys beside the commands, for the overlay of keys: those that mean something at this moment. */
  keys() {
    const { selected, drawing } = this;
    const polygon = this.kind.kind === "polygons";
    if (drawing) {
      return polygon
        ? [[["Enter"], "finish"], [["Backspace"], "undoCorner"], [["Escape"], "cancel"]]
        : [[["Space"], "place"], [["Escape"], "cancel"]];
    }

    return [
      [["Tab", "Shift+Tab"], "walk"],
      this.parts.some((p) => !p.sure) ? [["Space"], "confirm"] : null,
      this.parts.some((p) => !p.sure) ? [["Shift+Enter"], "confirmedOnly"] : null,
      selected ? [["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], "nudge"] : null,
      selected ? [["Shift+ArrowLeft", "Shift+ArrowRight"], "nudgeFar"] : null,
      selected && !polygon ? [["Ctrl+ArrowRight", "Ctrl+ArrowDown"], "resize"] : null,
      selected && polygon ? [[",", "."], "vertex"] : null,
      selected ? [["Delete"], this.vertex >= 0 ? "removeVertex" : "remove"] : null,
      this.parts.length > 0 ? [["Ctrl+C"], "copy"] : null,
      clipboard.length > 0 ? [["Ctrl+V"], "paste"] : null,
      selected ? null : [["Ctrl+ArrowLeft", "Ctrl+ArrowRight"], "pan"],
    ].filter(Boolean);
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
          else this.#drop();
        } else if (this.stage.ready) {
          this.#begin();
          this.#again();
          this.changed();
        }
        break;
      case "redraw":
        if (!selected || this.isLocked(selected) || this.drawing) break;
        this.armed = selected.label;
        this.#begin(selected.id);
        this.#again();
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
      case "duplicate": if (selected) this.#pasted([selected], 10); break;
      case "copyPrevious": this.#copyPrevious(); break;
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

  // What was drawn on the item decided before this one.
  #copyPrevious() {
    const before = this.session.ribbon.find((e) => e.value && e.itemId !== this.session.current?.item.itemId);
    const parts = before ? this.kind.of(before.value, true) : [];
    if (parts.length === 0) this.remark(this.t("Canvas.NothingBefore"));
    else this.#pasted(parts, 0);
  }
}

function round(value) {
  return String(Math.round(value * 10) / 10);
}
