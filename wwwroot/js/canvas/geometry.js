// Plane geometry of boxes and polygons, in pixels of the full-size image with the origin at the top left. Pure functions.

/** The nearest tenth of a pixel: finer than anybody can point, and short when written. */
export function tenth(value) {
  return Math.round(value * 10) / 10;
}

/** The box between two corners, on whole pixels and inside the image, at least one pixel wide and high. */
export function boxBetween(a, b, width, height) {
  const [left, right] = span(a[0], b[0], width);
  const [top, bottom] = span(a[1], b[1], height);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function span(a, b, size) {
  const limit = (v) => Math.min(Math.max(Math.round(v), 0), size);
  let [low, high] = [limit(Math.min(a, b)), limit(Math.max(a, b))];
  if (high - low < 1) {
    if (high < size) high = low + 1;
    else low = high - 1;
  }

  return [Math.max(0, low), high];
}

/** A box moved as far as the image reaches; its size stays. */
export function movedBox(box, dx, dy, width, height) {
  return { ...box, x: within(box.x + dx, box.width, width), y: within(box.y + dy, box.height, height) };
}

function within(start, length, size) {
  return Math.min(Math.max(start, Math.min(0, size - length)), Math.max(0, size - length));
}

/** The eight places that a box is taken by, with their share of width and height. */
export const handles = [
  ["nw", 0, 0], ["n", 0.5, 0], ["ne", 1, 0], ["e", 1, 0.5], ["se", 1, 1], ["s", 0.5, 1], ["sw", 0, 1], ["w", 0, 0.5],
];

/** The handle of a box within reach of a point, or null. Corners go before edges. */
export function handleAt(box, x, y, reach) {
  let found = null;
  let best = reach;
  for (const [name, sx, sy] of handles) {
    const distance = Math.max(Math.abs(box.x + (sx * box.width) - x), Math.abs(box.y + (sy * box.height) - y)) + (name.length === 1 ? reach / 8 : 0);
    if (distance <= best) [found, best] = [name, distance];
  }

  return found;
}

/** A box whose handle was drawn to a point; drawn past the other side it turns over. */
export function resizedBox(box, handle, x, y, width, height) {
  const [left, top, right, bottom] = [box.x, box.y, box.x + box.width, box.y + box.height];
  const a = [handle.includes("w") ? x : left, handle.includes("n") ? y : top];
  const b = [handle.includes("e") ? x : right, handle.includes("s") ? y : bottom];
  const made = boxBetween(a, b, width, height);
  // What was not drawn at keeps its place, to the fraction of a pixel.
  if (!/[we]/.test(handle)) [made.x, made.width] = [box.x, box.width];
  if (!/[ns]/.test(handle)) [made.y, made.height] = [box.y, box.height];
  return { ...box, ...made };
}

/** Whether a point lies in a box. */
export function inBox(box, x, y, margin = 0) {
  return x >= box.x - margin && y >= box.y - margin && x <= box.x + box.width + margin && y <= box.y + box.height + margin;
}

/** Whether a point lies in a polygon, by the even-odd rule. */
export function inPolygon(points, x, y) {
  let inside = false;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const [[ax, ay], [bx, by]] = [points[i], points[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }

  return inside;
}

/** The box around points. */
export function boundsOf(points) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }

  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** The area of a polygon, whichever way it turns. */
export function areaOf(points) {
  let sum = 0;
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) sum += (points[j][0] * points[i][1]) - (points[i][0] * points[j][1]);
  return Math.abs(sum) / 2;
}

/** The vertex within reach of a point, or -1. */
export function vertexAt(points, x, y, reach) {
  let found = -1;
  let best = reach;
  points.forEach(([px, py], i) => {
    const distance = Math.hypot(px - x, py - y);
    if (distance <= best) [found, best] = [i, distance];
  });
  return found;
}

/** The edge within reach of a point: { after: index of the vertex that it begins at, point: the nearest place on it }, or null. */
export function edgeAt(points, x, y, reach) {
  let found = null;
  let best = reach;
  for (let i = 0; i < points.length; i++) {
    const [[ax, ay], [bx, by]] = [points[i], points[(i + 1) % points.length]];
    const length = ((bx - ax) ** 2) + ((by - ay) ** 2);
    const t = length === 0 ? 0 : Math.min(1, Math.max(0, (((x - ax) * (bx - ax)) + ((y - ay) * (by - ay))) / length));
    const point = [ax + (t * (bx - ax)), ay + (t * (by - ay))];
    const distance = Math.hypot(point[0] - x, point[1] - y);
    if (distance <= best) [found, best] = [{ after: i, point }, distance];
  }

  return found;
}

/** Points moved as far as the image reaches, all alike. */
export function movedPoints(points, dx, dy, width, height) {
  const box = boundsOf(points);
  const to = movedBox(box, dx, dy, width, height);
  const [mx, my] = [to.x - box.x, to.y - box.y];
  return points.map(([x, y]) => [tenth(x + mx), tenth(y + my)]);
}

/**
 * A closed polygon with fewer vertices (Douglas and Peucker, 1973): what is left out lies no farther than the tolerance from
 * what is kept. Never fewer than three.
 */
export function simplified(points, tolerance) {
  if (points.length <= 3) return points;
  // The ring is opened at two vertices that are far from each other, for they stay.
  const first = 0;
  const second = farthestFrom(points, points[first]);
  const half = thin(points.slice(first, second + 1), tolerance);
  const rest = thin([...points.slice(second), points[first]], tolerance);
  const ring = [...half, ...rest.slice(1, -1)];
  if (ring.length >= 3) return ring;
  // Both halves became lines: the vertex farthest from the chord is kept as the third.
  const third = points.reduce((best, p, i) => (distanceToLine(p, points[first], points[second]) > distanceToLine(points[best], points[first], points[second]) ? i : best), 0);
  return [first, second, third].sort((a, b) => a - b).map((i) => points[i]);
}

function farthestFrom(points, [x, y]) {
  let best = 0;
  for (let i = 1; i < points.length; i++) if (Math.hypot(points[i][0] - x, points[i][1] - y) > Math.hypot(points[best][0] - x, points[best][1] - y)) best = i;
  return best;
}

function thin(line, tolerance) {
  const keep = new Set([0, line.length - 1]);
  const open = [[0, line.length - 1]];
  while (open.length > 0) {
    const [from, to] = open.pop();
    let [at, most] = [-1, tolerance];
    for (let i = from + 1; i < to; i++) {
      const distance = distanceToLine(line[i], line[from], line[to]);
      if (distance > most) [at, most] = [i, distance];
    }

    if (at < 0) continue;
    keep.add(at);
    open.push([from, at], [at, to]);
  }

  return line.filter((_, i) => keep.has(i));
}

function distanceToLine([x, y], [ax, ay], [bx, by]) {
  const length = Math.hypot(bx - ax, by - ay);
  if (length === 0) return Math.hypot(x - ax, y - ay);
  const t = Math.min(1, Math.max(0, (((x - ax) * (bx - ax)) + ((y - ay) * (by - ay))) / (length * length)));
  return Math.hypot(x - ax - (t * (bx - ax)), y - ay - (t * (by - ay)));
}
