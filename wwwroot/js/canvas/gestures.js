// What pointer, pen and finger do on boxes and polygons. A gesture shows what it would make until it ends; then the surface
// gets it as one change.

import { boxBetween, edgeAt, handleAt, movedBox, movedPoints, resizedBox, vertexAt } from "./geometry.js";
import { slop } from "./stage.js";

// How near, in screen pixels, is meant.
const reach = 8;
const touchReach = 20;

const cursors = { nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize", n: "ns-resize", s: "ns-resize", e: "ew-resize", w: "ew-resize" };

/** The tool of the stage while boxes or polygons are worked on. */
export class Gestures {
  #cycle = null;

  /** What is going on: { kind, …, live: the part as it would be } or null. */
  gesture = null;

  /** Id of the part under the pointer, or null. */
  hovered = null;

  /** Where the pointer is on the image, or null. */
  pointer = null;

  /** @param {object} surface the ShapeSurface */
  constructor(surface) {
    this.surface = surface;
  }

  /** What the gesture would make, or null. */
  get live() {
    return this.gesture?.live ?? null;
  }

  /** The first of two points was taken back. */
  undone() {
    if (this.gesture?.kind === "second") this.gesture = null;
  }

  /** Forgets the gesture and what is under the pointer, and says nothing. */
  forget() {
    this.gesture = null;
    this.hovered = null;
  }

  #near(place) {
    return (place.event.pointerType === "touch" ? touchReach : reach) / this.surface.stage.view.scale;
  }

  // Where the pointer is meant to be: with Ctrl the nearest edges and corners of others, and the image's borders, take it.
  #meant(place, except = null) {
    return place.event.ctrlKey ? this.surface.caught(place.image, this.#near(place), except) : place.image;
  }

  // What of the selected part the pointer would take: a handle, a vertex, an edge or the whole.
  #grip(place) {
    const { selected } = this.surface;
    if (!selected || this.surface.isHidden(selected) || this.surface.isLocked(selected)) return null;
    const [x, y] = place.image;
    const near = this.#near(place);
    if (this.surface.kind.kind === "polygons") {
      const vertex = vertexAt(selected.points, x, y, near);
      if (vertex >= 0) return { kind: "vertex", vertex };
      const edge = edgeAt(selected.points, x, y, near * 0.75);
      if (edge) return { kind: "edge", edge };
    } else {
      const handle = handleAt(selected, x, y, near);
      if (handle) return { kind: "resize", handle };
    }

    return this.surface.kind.hits(selected, x, y, 0) ? { kind: "move" } : null;
  }

  down(place) {
    const image = this.#meant(place);
    const before = this.gesture;
    if (this.surface.drawing) {
      if (this.surface.kind.kind === "polygons") return this.#addCorner(place);
      this.gesture = before?.kind === "second" ? { ...before, from: place } : { kind: "draw", start: image, from: place, live: null };
      return true;
    }

    const grip = this.#grip(place);
    if (grip?.kind === "vertex" && place.event.altKey) {
      this.surface.dropVertex(grip.vertex);
      this.gesture = { kind: "done" };
      return true;
    }

    if (grip) {
      this.gesture = { ...grip, from: place, part: this.surface.selected, moved: false, live: null };
      this.surface.vertex = grip.kind === "vertex" ? grip.vertex : -1;
      this.surface.overAgain();

      return true;
    }

    // On a finger's first touch the image is moved; a mouse or pen draws at once.
    if (this.surface.kind.kind === "polygons" || place.event.pointerType === "touch") return false;
    this.gesture = { kind: "maybe", start: image, from: place, live: null };
    return true;
  }

  move(place) {
    this.pointer = place.image;
    const gesture = this.gesture;
    if (!gesture || gesture.kind === "done") return;
    const { width, height } = this.surface.size;
    const meant = this.#meant(place, gesture.part?.id);
    const [x, y] = meant;
    const far = gesture.moved || Math.hypot(place.x - gesture.from.x, place.y - gesture.from.y) >= slop(place.event);
    if (!far && gesture.kind !== "second") return;
    gesture.moved = true;
    if (gesture.kind === "maybe") {
      if (!this.surface.armed) return;
      this.surface.begin();
      gesture.kind = "draw";
    }

    if (gesture.kind === "draw" || gesture.kind === "second") gesture.live = this.#sketch(gesture.start, meant);
    else if (gesture.kind === "resize") gesture.live = resizedBox(gesture.part, gesture.handle, x, y, width, height);
    else if (gesture.kind === "move") gesture.live = this.#shifted(gesture.part, ...this.#way(gesture, place));
    else if (gesture.kind === "vertex") gesture.live = { ...gesture.part, points: gesture.part.points.map((p, i) => (i === gesture.vertex ? this.surface.corner(meant) : p)) };
    else if (gesture.kind === "edge") {
      const points = [...gesture.part.points];
      points.splice(gesture.edge.after + 1, 0, this.surface.corner(meant));
      this.surface.vertex = gesture.edge.after + 1;
      gesture.live = { ...gesture.part, points };
    }

    this.surface.overAgain();
  }

  // How far a part is moved; with Ctrl until one of its sides lies on another's.
  #way({ part, from }, place) {
    const [dx, dy] = [place.image[0] - from.image[0], place.image[1] - from.image[1]];
    if (!place.event.ctrlKey) return [dx, dy];
    const b = this.surface.kind.bounds(part);
    const near = this.#near(place);
    const [left, top] = this.surface.caught([b.x + dx, b.y + dy], near, part.id);
    const [right, bottom] = this.surface.caught([b.x + b.width + dx, b.y + b.height + dy], near, part.id);
    const less = (a, c) => (c === 0 || (a !== 0 && Math.abs(a) <= Math.abs(c)) ? a : c);
    return [dx + less(left - (b.x + dx), right - (b.x + b.width + dx)), dy + less(top - (b.y + dy), bottom - (b.y + b.height + dy))];
  }

  #shifted(part, dx, dy) {
    const { width, height } = this.surface.size;
    if (this.surface.kind.kind === "polygons") return { ...part, points: movedPoints(part.points, dx, dy, width, height) };
    return movedBox(part, Math.round(dx), Math.round(dy), width, height);
  }

  #sketch(start, end) {
    const { width, height } = this.surface.size;
    return { id: -1, label: this.surface.armed, sure: true, ...boxBetween(start, end, width, height) };
  }

  up(place) {
    // A quick stroke may end before any movement was told of.
    if (this.gesture && this.gesture.kind !== "done" && !this.gesture.moved) this.move(place);
    const gesture = this.gesture;
    this.pointer = place.image;
    if (!gesture || gesture.kind === "done") {
      this.gesture = null;
      return;
    }

    if (gesture.kind === "draw" || gesture.kind === "second") {
      if (gesture.moved || gesture.kind === "second") {
        const { x, y, width, height } = this.#sketch(gesture.start, this.#meant(place));
        this.surface.made({ x, y, width, height });
      } else {
        // A click: the first of two points.
        this.surface.drawing = { ...this.surface.drawing, points: [gesture.start] };
        this.gesture = { ...gesture, kind: "second" };
        this.surface.changed();
      }

      return;
    }

    this.gesture = null;
    if (gesture.live) {
      this.surface.put({ ...gesture.live, sure: true });
      return;
    }

    if (gesture.kind === "maybe" || gesture.kind === "move") this.tap(place, 0);
    else this.surface.overAgain();
  }

  /** A click that nothing was taken by: chooses what lies there; again, what lies below it. */
  tap(place, button) {
    if (this.surface.drawing) {
      // The other button takes the last corner back, as in CVAT.
      if (button === 2) this.surface.undoDraw();
      return;
    }

    if (button !== 0) return;
    const hits = this.surface.hits(place);
    const at = this.#cycle && Math.hypot(place.x - this.#cycle.x, place.y - this.#cycle.y) < 4 ? hits.findIndex((p) => p.id === this.surface.selectedId) : -1;
    this.#cycle = { x: place.x, y: place.y };
    const part = hits.length === 0 ? null : hits[(at + 1) % hits.length];
    this.surface.select(part?.id ?? null);
  }

  #addCorner(place) {
    const { points } = this.surface.drawing;
    const corner = this.surface.corner(this.#meant(place));
    const near = this.#near(place);
    const isNear = (p) => p && Math.hypot(p[0] - place.image[0], p[1] - place.image[1]) <= near;
    this.gesture = { kind: "done" };
    // On the first corner, or twice on one place: it is closed.
    if (points.length >= 3 && (isNear(points[0]) || isNear(points.at(-1)))) {
      this.surface.finish();
      return true;
    }

    if (points.some((p) => p[0] === corner[0] && p[1] === corner[1])) return true;
    this.surface.drawing = { ...this.surface.drawing, points: [...points, corner] };
    this.surface.overAgain();
    this.surface.changed();
    return true;
  }

  hover(place) {
    this.pointer = place.image;
    const gesture = this.gesture;
    if (gesture?.kind === "second") {
      gesture.live = this.#sketch(gesture.start, this.#meant(place));
      this.surface.overAgain();
      return;
    }

    if (this.surface.drawing) {
      this.surface.overAgain();
      return;
    }

    const grip = this.#grip(place);
    const hit = grip ? null : this.surface.hits(place)[0] ?? null;
    const cursor = grip ? (grip.kind === "resize" ? cursors[grip.handle] : grip.kind === "move" ? "move" : grip.kind === "edge" ? "copy" : "grab") : hit ? "pointer" : this.surface.kind.kind === "polygons" ? "" : "cross";
    if ((this.surface.stage.room.dataset.cursor ?? "") !== cursor) this.surface.stage.room.dataset.cursor = cursor;
    const id = hit?.id ?? null;
    if (id === this.hovered) return;
    this.hovered = id;
    this.surface.overAgain();
  }

  leave() {
    this.pointer = null;
    this.hovered = null;
    this.surface.overAgain();
  }

  /** Leaves a gesture without effect; what is to be drawn can be begun again. */
  cancel() {
    if (!this.gesture) return;
    this.gesture = null;
    this.surface.again();
  }
}
