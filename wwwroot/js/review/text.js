// Showing a text of any length: short ones at once, long ones block by block as they come into view.

/** Above this a text is shown in blocks. */
export const longText = 20_000;

const blockSize = 8_000;
const blocksAtOnce = 4;

/** Cuts a text into blocks at line ends where there are any, else between words, and never inside a character that people see as one. */
export function blocks(text, size = blockSize) {
  if (text.length <= longText) return [text];
  const parts = [];
  let start = 0;
  while (start < text.length) {
    let end = Math.min(start + size, text.length);
    if (end < text.length) end = cut(text, start, end);
    parts.push(text.slice(start, end));
    start = end;
  }
  return parts;
}

function cut(text, start, limit) {
  const line = text.lastIndexOf("\n", limit - 1);
  if (line > start) return line + 1;

  // A paragraph without any line end is kept whole up to four blocks: a break that is not in the text would be a lie.
  const next = text.indexOf("\n", limit);
  if (next >= 0 && next - start < 4 * blockSize) return next + 1;
  for (let at = limit; at > Math.max(start, limit - 500); at--) if (/\s/.test(text[at - 1])) return at;
  let at = limit;
  while (at > start + 1 && joins(text, at)) at--;
  return at;
}

// Whether the characters on both sides of a place belong together: surrogates, combining marks, joiners.
function joins(text, at) {
  const code = text.charCodeAt(at);
  if (code >= 0xdc00 && code <= 0xdfff) return true;
  const next = String.fromCodePoint(text.codePointAt(at));
  return /[\p{M}\u200d\ufe0f]|\p{Emoji_Modifier}/u.test(next) || text[at - 1] === "\u200d";
}

/** Shows a text in an element; answers a function that stops what is still to come. */
export function showText(element, text) {
  element.replaceChildren();
  const parts = blocks(text);
  const make = (part) => {
    const block = document.createElement("div");
    block.className = "rv-block";
    block.dir = "auto";
    block.textContent = part;
    return block;
  };
  if (parts.length === 1) {
    element.append(make(text));
    return () => {};
  }

  let at = 0;
  const more = document.createElement("div");
  more.className = "rv-more";
  const add = () => {
    for (const end = Math.min(at + blocksAtOnce, parts.length); at < end; at++) more.before(make(parts[at]));
    if (at >= parts.length) {
      watcher.disconnect();
      more.remove();
    }
  };
  const watcher = new IntersectionObserver((entries) => {
    if (entries.some((e) => e.isIntersecting)) {
      add();
      // Observed anew, because a place that stays in view is not reported twice.
      if (more.isConnected) {
        watcher.unobserve(more);
        watcher.observe(more);
      }
    }
  }, { root: element.closest(".rv-scroll"), rootMargin: "1200px" });
  element.append(more);
  add();
  if (more.isConnected) watcher.observe(more);
  return () => watcher.disconnect();
}

/** A label's name with places where a line may break: names are often one long word of several. */
export function breakable(name) {
  return name.split(/(?<=[_\-./:])(?=.)|(?<=\p{Ll})(?=\p{Lu})/u).flatMap((part, i) => (i === 0 ? [part] : [document.createElement("wbr"), part]));
}

/** The beginning of a text on one line. */
export function snippet(text, length = 90) {
  const line = String(text ?? "").slice(0, length * 4).replace(/\s+/g, " ").trim();
  if (line.length <= length) return line;
  let end = length;
  while (end > 1 && joins(line, end)) end--;
  return `${line.slice(0, end)}…`;
}
