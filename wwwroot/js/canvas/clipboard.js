// Copying boxes and polygons: within an item, onto the next, and all of the one before.

import { boxBetween } from "./geometry.js";
import { numbered } from "./shapes.js";

// What was copied, for the next item too.
let copiedParts = [];

/** The clipboard of a ShapeSurface. */
export class ShapeClipboard {
  /** @param {object} surface the ShapeSurface */
  constructor(surface) {
    this.surface = surface;
  }

  /** Whether there is anything to paste. */
  get filled() {
    return copiedParts.length > 0;
  }

  /** Copies the selected part, or all; false where nothing is meant. */
  copy() {
    // Words that somebody marked in the guidelines are meant then.
    if (!(getSelection()?.isCollapsed ?? true)) return false;
    const { selected, parts } = this.surface;
    const copied = selected ? [selected] : parts;
    if (copied.length === 0) return false;
    copiedParts = copied;
    this.surface.remark(this.surface.t("Canvas.Copied", copied.length));
    return true;
  }

  /** Puts a copy on top; false where there is none of this kind. */
  paste() {
    if (copiedParts.length === 0 || copiedParts[0].points === undefined !== (this.surface.kind.kind !== "polygons")) return false;
    this.add(copiedParts, this.surface.parts.some((p) => copiedParts.some((c) => c.id === p.id)) ? 10 : 0);
    return true;
  }

  /** Adds copies, moved a little where the original is on the same image, so that both are seen; as far as this image reaches. */
  add(parts, shift) {
    const { width, height } = this.surface.size;
    const known = parts.filter((p) => this.surface.knows(p.label));
    this.surface.insert(known.map((p) => numbered({ ...this.surface.kind.moved(p, shift, shift, width, height), sure: true })).map((p) => this.#inside(p)).filter(Boolean));
  }

  #inside(part) {
    const { width, height } = this.surface.size;
    if (this.surface.kind.kind === "polygons") return { ...part, points: part.points.map((p) => this.surface.corner(p)) };
    if (part.width <= width && part.height <= height) return part;
    return { ...part, ...boxBetween([part.x, part.y], [part.x + part.width, part.y + part.height], width, height) };
  }

  /** Adds what was drawn on the item decided before this one. */
  copyPrevious() {
    const before = this.surface.session.ribbon.find((e) => e.value && e.itemId !== this.surface.session.current?.item.itemId);
    const parts = before ? this.surface.kind.of(before.value, true) : [];
    if (parts.length === 0) this.surface.remark(this.surface.t("Canvas.NothingBefore"));
    else this.add(parts, 0);
  }
}
