// Finding one label among many by a few letters.

/** The words of a label's name: "card_arrival", "cardArrival" and "card arrival" are all card and arrival. */
function words(text) {
  return text
    .replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
    .toLocaleLowerCase()
    .split(/[^\p{L}\p{N}\p{M}]+/u)
    .filter((w) => w.length > 0);
}

/**
 * How well a query fits a label, 0 for not at all. Every word of the query must fit somewhere: the beginning of a word
 * counts most, then the inside of one, then its letters in order over the whole name, then the description.
 */
export function fit(label, query) {
  const asked = words(query);
  if (asked.length === 0) return 1;
  const name = label.words ?? (label.words = words(label.name));
  const joined = name.join("");
  const about = label.about ?? (label.about = words(`${label.description ?? ""} ${label.parent ?? ""}`));
  let total = 0;
  let from = 0;
  for (const word of asked) {
    let best = 0;
    for (let i = 0; i < name.length; i++) {
      if (name[i] === word) best = Math.max(best, 10);
      else if (name[i].startsWith(word)) best = Math.max(best, 8 + word.length / name[i].length);
      else if (word.length > 1 && name[i].includes(word)) best = Math.max(best, 4);
      // In the order they stand in the name: "card lost" means lost_card less than card_lost.
      if (best >= 8 && i >= from) {
        best += 0.5;
        from = i + 1;
        break;
      }
    }
    if (best === 0 && asked.length === 1 && initials(name).startsWith(word)) best = 6;
    if (best === 0 && word.length > 1 && inOrder(joined, word)) best = 2;
    if (best === 0 && about.some((w) => w.startsWith(word))) best = 1;
    if (best === 0) return 0;
    total += best;
  }
  return total / asked.length;
}

function initials(name) {
  return name.map((w) => w[0]).join("");
}

function inOrder(text, letters) {
  let at = -1;
  for (const letter of letters) {
    at = text.indexOf(letter, at + 1);
    if (at < 0) return false;
  }
  return true;
}

/**
 * Labels that fit a query, best first. With equal fit, what the model holds likely goes first, then what was used lately,
 * then the order of the schema.
 * @param {object[]} labels
 * @param {string} query
 * @param {{probabilities?: Map<string, number>, recent?: string[]}} [hints]
 */
export function rank(labels, query, { probabilities = new Map(), recent = [] } = {}) {
  const lately = new Map(recent.map((name, i) => [name, recent.length - i]));
  return labels
    .map((label, order) => ({
      label,
      order,
      score: Math.round(fit(label, query) * 4),
      likely: probabilities.get(label.name) ?? 0,
      lately: lately.get(label.name) ?? 0,
    }))
    .filter((r) => r.score > 0)
    .sort((a, b) => b.score - a.score || b.likely - a.likely || b.lately - a.lately || a.order - b.order)
    .map((r) => r.label);
}
