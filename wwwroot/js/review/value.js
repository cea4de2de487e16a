// Label values of a classification: {"choice": "a"} or {"choices": ["a", "b"]}.

/** The labels that a value names. */
export function labelsOf(value) {
  if (!value) return [];
  if (typeof value.choice === "string") return [value.choice];
  if (Array.isArray(value.choices)) return value.choices;
  return [];
}

export function valueOf(labels, multiple) {
  return multiple ? { choices: [...labels].sort() } : { choice: labels[0] };
}

/** Whether two values say the same: the order of choices does not count. */
export function sameValue(a, b) {
  if (!a || !b) return false;
  const [x, y] = [[...labelsOf(a)].sort(), [...labelsOf(b)].sort()];
  return "choices" in a === "choices" in b && x.length === y.length && x.every((v, i) => v === y[i]);
}
