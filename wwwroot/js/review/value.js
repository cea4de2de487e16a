// Label values: {"choice": "a"}, {"choices": ["a", "b"]} or {"spans": [{"start": 0, "end": 5, "label": "a"}]}.

/** The labels that a value names. */
export function labelsOf(value) {
  if (!value) return [];
  if (typeof value.choice === "string") return [value.choice];
  if (Array.isArray(value.choices)) return value.choices;
  if (Array.isArray(value.spans)) return [...new Set(value.spans.map((s) => s.label))];
  return [];
}

export function valueOf(labels, multiple) {
  return multiple ? { choices: [...labels].sort() } : { choice: labels[0] };
}

/** Whether two values say the same: the order of choices does not count. */
export function sameValue(a, b) {
  if (!a || !b) return false;
  if (a.spans && b.spans) return spanTexts(a.spans) === spanTexts(b.spans);
  const [x, y] = [[...labelsOf(a)].sort(), [...labelsOf(b)].sort()];
  return "choices" in a === "choices" in b && x.length === y.length && x.every((v, i) => v === y[i]);
}

function spanTexts(spans) {
  return [...new Set(spans.map((s) => `${s.start} ${s.end} ${s.label}`))].sort().join("\n");
}
