// Draws parts on a canvas of the screen's size. Parts of one look are one path, so that thousands cost a handful of strokes.

import { handles } from "./geometry.js";

// Above these numbers of parts in sight, what makes a single one easier to see would only be in the way.
const namesUpTo = 150;
const halosUpTo = 800;

/** Fits a canvas to its room, in the pixels of the device. */
export function sized(canvas, width, height) {
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function trace(path, kind, part, view) {
  if (kind.kind === "polygons") {
    part.points.forEach(([px, py], i) => {
      const [x, y] = view.toScreen(px, py);
      if (i === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    });
    path.closePath();
    return;
  }

  path.rect((part.x * view.scale) + view.x, (part.y * view.scale) + view.y, part.width * view.scale, part.height * view.scale);
}

/**
 * Draws everything but what the pointer is at.
 * @returns {number} how many parts are in sight
 */
export function paintParts(context, { view, kind, bounds, hidden, except, look }) {
  context.clearRect(0, 0, view.room.width, view.room.height);
  const { x, y, width, height } = view.sight;
  const shown = [];
  const { parts } = bounds;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (part.id !== except && bounds.meets(i, x, y, x + width, y + height) && !hidden(part)) shown.push(part);
  }

  const groups = Map.groupBy(shown, (part) => (part.sure ? part.label : `?${part.label}`));
  if (shown.length > halosUpTo && kind.kind !== "polygons") {
    for (const group of groups.values()) outline(context, group, view, look(group[0]));
    return shown.length;
  }

  const plain = shown.length > halosUpTo;
  for (const group of groups.values()) {
    const path = new Path2D();
    for (const part of group) trace(path, kind, part, view);
    stroke(context, path, look(group[0]), { halo: !plain, fill: !plain });
  }

  if (shown.length <= namesUpTo) for (const part of shown) name(context, kind, part, view, look(part), false);
  return shown.length;
}

// A crowd of boxes: rectangles on whole pixels of the screen, which a browser strokes several times faster than paths.
function outline(context, group, view, { color, sure }) {
  context.setLineDash([]);
  context.lineJoin = "miter";
  context.lineWidth = 1;
  context.strokeStyle = color;
  context.globalAlpha = sure ? 1 : 0.75;
  for (const part of group) {
    context.strokeRect(
      Math.round((part.x * view.scale) + view.x) + 0.5, Math.round((part.y * view.scale) + view.y) + 0.5,
      Math.max(1, Math.round(part.width * view.scale)), Math.max(1, Math.round(part.height * view.scale)));
  }

  context.globalAlpha = 1;
}

function stroke(context, path, { color, sure }, { halo = true, fill = true, strong = false } = {}) {
  if (fill) {
    context.globalAlpha = strong ? 0.22 : sure ? 0.12 : 0.05;
    context.fillStyle = color;
    context.fill(path);
    context.globalAlpha = 1;
  }

  context.lineJoin = "round";
  // What nobody has confirmed yet is dashed.
  context.setLineDash(sure ? [] : [6, 4]);
  if (halo) {
    context.strokeStyle = "rgb(0 0 0 / 45%)";
    context.lineWidth = strong ? 5 : 3.5;
    context.stroke(path);
  }

  context.strokeStyle = color;
  context.lineWidth = strong ? 2.5 : 1.75;
  context.stroke(path);
  context.setLineDash([]);
}

function name(context, kind, part, view, { color, text, sure }, always) {
  const b = kind.bounds(part);
  const [x, y] = view.toScreen(b.x, b.y);
  const room = b.width * view.scale;
  if (!always && room < 28) return;
  context.font = "600 11px system-ui, sans-serif";
  const shown = always ? text : shortened(context, text, Math.max(room, 40) - 8);
  const width = context.measureText(shown).width + 8;
  const top = y >= 17 ? y - 17 : Math.max(y, 0) + 1;
  const left = Math.min(Math.max(x - 1, 0), view.room.width - width);
  context.globalAlpha = sure ? 1 : 0.8;
  context.fillStyle = color;
  context.fillRect(left, top, width, 16);
  context.globalAlpha = 1;
  context.fillStyle = inkOn(color);
  context.textBaseline = "middle";
  context.fillText(shown, left + 4, top + 8.5);
}

function shortened(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let end = text.length - 1;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > room) end--;
  return `${text.slice(0, end)}…`;
}

const inks = new Map();

/** Black or white, whichever is read better on a colour. */
export function inkOn(color) {
  let ink = inks.get(color);
  if (!ink) {
    const parts = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color)?.slice(1).map((h) => Number.parseInt(h, 16) / 255) ?? [0, 0, 0];
    const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    ink = (0.2126 * r) + (0.7152 * g) + (0.0722 * b) > 0.179 ? "#000" : "#fff";
    inks.set(color, ink);
  }

  return ink;
}

/** Draws one part that is selected or under the pointer, with what it is taken by. */
export function paintActive(context, { view, kind, part, look, selected, locked, vertex }) {
  const path = new Path2D();
  trace(path, kind, part, view);
  stroke(context, path, look, { strong: selected });
  name(context, kind, part, view, look, true);
  if (!selected || locked) return;
  const places = kind.kind === "polygons"
    ? part.points.map((p) => view.toScreen(p[0], p[1]))
    : handles.map(([, sx, sy]) => view.toScreen(part.x + (sx * part.width), part.y + (sy * part.height)));
  // Handles of a box that is smaller than they are would hide it.
  const small = kind.kind === "boxes" && (part.width * view.scale < 24 || part.height * view.scale < 24);
  places.forEach(([x, y], i) => {
    if (small && i % 2 === 1) return;
    context.beginPath();
    if (kind.kind === "polygons") context.arc(x, y, i === vertex ? 6 : 4.5, 0, 2 * Math.PI);
    else context.rect(x - 4, y - 4, 8, 8);
    context.fillStyle = i === vertex ? look.color : "#fff";
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = i === vertex ? "#fff" : "#1a2123";
    context.stroke();
  });
}

/** Draws what is being drawn: a line through the points so far, to the pointer, and the place where it closes. */
export function paintOpen(context, { view, points, pointer, color }) {
  if (points.length === 0) return;
  const places = [...points, ...(pointer ? [pointer] : [])].map((p) => view.toScreen(p[0], p[1]));
  context.beginPath();
  places.forEach(([x, y], i) => (i === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
  context.strokeStyle = "rgb(0 0 0 / 45%)";
  context.lineWidth = 4;
  context.stroke();
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.stroke();
  for (const [i, [x, y]] of places.slice(0, points.length).entries()) {
    context.beginPath();
    context.arc(x, y, i === 0 && points.length > 2 ? 6 : 4, 0, 2 * Math.PI);
    context.fillStyle = i === 0 ? color : "#fff";
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = "#1a2123";
    context.stroke();
  }
}

/** Lines through the pointer, over the whole room: where an edge would lie. */
export function paintCross(context, { view, pointer }) {
  const [x, y] = view.toScreen(pointer[0], pointer[1]).map((v) => Math.round(v) + 0.5);
  for (const [color, dash] of [["rgb(0 0 0 / 55%)", []], ["rgb(255 255 255 / 90%)", [4, 4]]]) {
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, view.room.height);
    context.moveTo(0, y);
    context.lineTo(view.room.width, y);
    context.setLineDash(dash);
    context.lineWidth = 1;
    context.strokeStyle = color;
    context.stroke();
  }

  context.setLineDash([]);
}
