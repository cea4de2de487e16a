// What is drawn on an image: boxes and polygons as the surface works with them, and as they stand in label values.
// A part is never changed, only replaced: an earlier state is an earlier array.

import { areaOf, boundsOf, inBox, inPolygon, edgeAt, movedBox, movedPoints } from "./geometry.js";

let last = 0;

/** A part with a number of its own, which tells it from others while the page is open. */
export function numbered(part) {
  return { ...part, id: ++last };
}

/** Boxes: { id, label, x, y, width, height, sure }. */
export const boxes = {
  kind: "boxes",
  of: (value, sure) => (value?.boxes ?? []).map((b) => numbered({ label: b.label, x: b.x, y: b.y, width: b.width, height: b.height, sure })),
  value: (parts) => ({ boxes: parts.map((p) => ({ label: p.label, x: p.x, y: p.y, width: p.width, height: p.height })) }),
  bounds: (part) => part,
  hits: (part, x, y, reach) => inBox(part, x, y, reach),
  area: (part) => part.width * part.height,
  moved: (part, dx, dy, width, height) => movedBox(part, dx, dy, width, height),
  renumbered: (parts) => parts.map(numbered),
};

/** Polygons: { id, label, points, sure }. */
export const polygons = {
  kind: "polygons",
  of: (value, sure) => (value?.polygons ?? []).map((p) => numbered({ label: p.label, points: p.points, sure })),
  value: (parts) => ({ polygons: parts.map((p) => ({ label: p.label, points: p.points })) }),
  bounds: (part) => boundsOf(part.points),
  hits: (part, x, y, reach) => inPolygon(part.points, x, y) || edgeAt(part.points, x, y, reach) !== null,
  area: (part) => areaOf(part.points),
  moved: (part, dx, dy, width, height) => ({ ...part, points: movedPoints(part.points, dx, dy, width, height) }),
  renumbered: (parts) => parts.map(numbered),
};

/** The bounds of parts, gathered once a change: culling and searching then touch nothing but numbers. */
export class Bounds {
  constructor(kind, parts) {
    this.parts = parts;
    this.numbers = new Float64Array(parts.length * 4);
    parts.forEach((part, i) => {
      const b = kind.bounds(part);
      this.numbers.set([b.x, b.y, b.x + b.width, b.y + b.height], i * 4);
    });
  }

  /** Whether a part reaches into a stretch of the plane. */
  meets(i, left, top, right, bottom) {
    const n = this.numbers;
    const at = i * 4;
    return n[at] <= right && n[at + 2] >= left && n[at + 1] <= bottom && n[at + 3] >= top;
  }

  /** The parts at a place, the topmost first; with equal standing the smaller goes first, for the larger is reached elsewhere. */
  at(kind, x, y, reach, skip) {
    const found = [];
    for (let i = this.parts.length - 1; i >= 0; i--) {
      if (!this.meets(i, x - reach, y - reach, x + reach, y + reach)) continue;
      const part = this.parts[i];
      if (!skip(part) && kind.hits(part, x, y, reach)) found.push(part);
    }

    return found.sort((a, b) => kind.area(a) - kind.area(b));
  }
}
