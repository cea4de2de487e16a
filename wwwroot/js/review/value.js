// Label values: {"choice": "a"}, {"choices": ["a", "b"]}, or a list of parts that carry a label each: {"spans": […]}, {"boxes": […]}, …

const lists = ["spans", "boxes", "polygons", "tracks", "segments"];

/** The parts of a value that has some, else null. */
export function partsOf(value) {
  for (const name of lists) if (Array.isArray(value?.[name])) return value[name];
  return null;
}

/** The labels that a value names. */
export function labelsOf(value) {
  if (!value) return [];
  if (typeof value.choice === "string") return [value.choice];
  if (Array.isArray(value.choices)) return value.choices;
  return [...new Set((partsOf(value) ?? []).map((p) => p.label))];
}

export function valueOf(labels, multiple) {
  return multiple ? { choices: [...labels].sort() } : { choice: labels[0] };
}

/** Whether two values say the same: the order of choices and of parts does not count. */
export function sameValue(a, b) {
  if (!a || !b) return false;
  const kind = lists.find((name) => a[name] || b[name]);
  if (kind) return Boolean(a[kind] && b[kind]) && told(a[kind], kind) === told(b[kind], kind);
  const [x, y] = [[...labelsOf(a)].sort(), [...labelsOf(b)].sort()];
  return "choices" in a === "choices" in b && x.length === y.length && x.every((v, i) => v === y[i]);
}

// Parts in one order, each told in one way: properties may come in any order, and a set of spans has no repeats.
function told(parts, kind) {
  const texts = parts.map((part) => JSON.stringify(part, (_, v) => (v && typeof v === "object" && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort(([x], [y]) => (x < y ? -1 : 1))) : v)));
  return (kind === "spans" ? [...new Set(texts)] : texts).sort().join("\n");
}
