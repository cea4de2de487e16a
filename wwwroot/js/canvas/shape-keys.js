// What keys do on boxes and polygons, beside the commands that people may give keys of their own.

import { boxBetween, movedBox, movedPoints } from "./geometry.js";

const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The keys of a ShapeSurface. */
export class ShapeKeys {
  /** @param {object} surface the ShapeSurface */
  constructor(surface) {
    this.surface = surface;
  }

  /** A key that is no command; true where it was one. */
  key(name) {
    if (!this.surface.stage.ready) return false;
    const { selected } = this.surface;
    switch (name) {
      case "Tab": return this.#hasFocus && this.surface.walk(1, false);
      case "Shift+Tab": return this.#hasFocus && this.surface.walk(-1, false);
      case "]": return this.surface.walk(1, true) || true;
      case "[": return this.surface.walk(-1, true) || true;
      case "Delete":
        if (selected && this.surface.vertex >= 0) this.surface.dropVertex(this.surface.vertex);
        else if (selected) this.surface.remove();
        return true;
      case "Space":
        if (this.surface.drawing) return this.#placeDefault();
        return selected ? this.surface.confirm() : false;
      case "Enter": return Boolean(this.surface.drawing) && (this.surface.finish() || true);
      case "Escape": return this.drop();
      case "Backspace": return this.surface.undoDraw();
      case ".": return this.#walkVertex(1);
      case ",": return this.#walkVertex(-1);
      case "Ctrl+C": return this.surface.clipboard.copy();
      case "Ctrl+V": return this.surface.clipboard.paste();
      default: return this.#nudge(name) || this.surface.stage.key(name);
    }
  }

  // Tab goes through the objects while the stage has the focus, and at the last one on through the page.
  get #hasFocus() {
    const { activeElement } = document;
    return activeElement !== document.body && (activeElement?.contains(this.surface.stage.element) ?? false);
  }

  #nudge(name) {
    const [, control, shift, arrow] = /^(Ctrl\+)?(?:Alt\+)?(Shift\+)?(Arrow\w+)$/.exec(name) ?? [];
    const { selected } = this.surface;
    if (!arrow || !selected || !arrows[arrow]) return false;
    if (this.surface.isLocked(selected)) return true;
    const step = shift ? 10 : 1;
    const [dx, dy] = arrows[arrow].map((v) => v * step);
    const { width, height } = this.surface.size;
    if (this.surface.kind.kind === "polygons") {
      if (control) return false;
      if (this.surface.vertex >= 0) this.#moveVertex(dx, dy);
      else this.surface.put({ ...selected, points: movedPoints(selected.points, dx, dy, width, height), sure: true });
      return true;
    }

    // With Ctrl the right and lower edge move.
    if (control) this.surface.put({ ...selected, width: Math.min(Math.max(1, selected.width + dx), width - selected.x), height: Math.min(Math.max(1, selected.height + dy), height - selected.y), sure: true });
    else this.surface.put({ ...movedBox(selected, dx, dy, width, height), sure: true });
    return true;
  }

  #moveVertex(dx, dy) {
    const { selected, vertex } = this.surface;
    const points = selected.points.map((p, i) => (i === vertex ? this.surface.corner([p[0] + dx, p[1] + dy]) : p));
    this.surface.put({ ...selected, points, sure: true });
  }

  #walkVertex(step) {
    const { selected } = this.surface;
    if (this.surface.kind.kind !== "polygons" || !selected) return false;
    const { length } = selected.points;
    this.surface.vertex = this.surface.vertex < 0 ? (step > 0 ? 0 : length - 1) : (this.surface.vertex + step + length) % length;
    this.surface.again();
    return true;
  }

  /** Leaves what is going on, one thing at a time; false where nothing is. */
  drop() {
    if (this.surface.drawing) {
      this.surface.end();
      this.surface.again();
      this.surface.changed();
      return true;
    }

    if (this.surface.gestures.gesture) {
      this.surface.gestures.cancel();
      return true;
    }

    if (this.surface.vertex >= 0) {
      this.surface.vertex = -1;
      this.surface.again();
      return true;
    }

    if (this.surface.selectedId === null) return false;
    this.surface.select(null);
    return true;
  }

  // Without a pointer: a box in the middle of what is in sight, to be moved and sized by keys.
  #placeDefault() {
    if (this.surface.kind.kind === "polygons" || this.surface.drawing.points.length > 0) return false;
    const { sight } = this.surface.stage.view;
    const { width, height } = this.surface.size;
    const [left, top] = [Math.max(0, sight.x), Math.max(0, sight.y)];
    const [right, bottom] = [Math.min(width, sight.x + sight.width), Math.min(height, sight.y + sight.height)];
    const [w, h2] = [(right - left) / 4, (bottom - top) / 4];
    const [cx, cy] = [(left + right) / 2, (top + bottom) / 2];
    this.surface.made(boxBetween([cx - (w / 2), cy - (h2 / 2)], [cx + (w / 2), cy + (h2 / 2)], width, height));
    return true;
  }

  /** Keys beside the commands, for the overlay of keys: those that mean something at this moment. */
  shown() {
    const { selected, drawing } = this.surface;
    const polygon = this.surface.kind.kind === "polygons";
    if (drawing) {
      return polygon
        ? [[["Enter"], "finish"], [["Backspace"], "undoCorner"], [["Escape"], "cancel"]]
        : [[["Space"], "place"], [["Escape"], "cancel"]];
    }

    return [
      [["Tab", "Shift+Tab"], "walk"],
      this.surface.parts.some((p) => !p.sure) ? [["Space"], "confirm"] : null,
      this.surface.parts.some((p) => !p.sure) ? [["Shift+Enter"], "confirmedOnly"] : null,
      selected ? [["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], "nudge"] : null,
      selected ? [["Shift+ArrowLeft", "Shift+ArrowRight"], "nudgeFar"] : null,
      selected && !polygon ? [["Ctrl+ArrowRight", "Ctrl+ArrowDown"], "resize"] : null,
      selected && polygon ? [[",", "."], "vertex"] : null,
      selected ? [["Delete"], this.surface.vertex >= 0 ? "removeVertex" : "remove"] : null,
      this.surface.parts.length > 0 ? [["Ctrl+C"], "copy"] : null,
      this.surface.clipboard.filled ? [["Ctrl+V"], "paste"] : null,
      selected ? null : [["Ctrl+ArrowLeft", "Ctrl+ArrowRight"], "pan"],
    ].filter(Boolean);
  }
}
