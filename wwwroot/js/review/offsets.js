// Places in a text. Values count Unicode code points, the browser counts UTF-16 units; people see grapheme clusters and words.

/** Translates between UTF-16 units and code points of one text. */
export class Offsets {
  #starts = null;
  #length;

  /** @param {string} text */
  constructor(text) {
    this.#length = text.length;
    // Most texts have no surrogates, and then the two counts are one.
    if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return;
    this.#starts = [];
    for (let i = 0; i < text.length; i += text.codePointAt(i) > 0xffff ? 2 : 1) this.#starts.push(i);
  }

  /** The UTF-16 unit at which a code point begins. */
  toUnits(point) {
    if (!this.#starts) return Math.min(point, this.#length);
    return point >= this.#starts.length ? this.#length : this.#starts[point];
  }

  /** The code point that holds a UTF-16 unit. */
  toPoints(unit) {
    if (!this.#starts) return Math.min(unit, this.#length);
    let [low, high] = [0, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] < unit) low = middle + 1;
      else high = middle;
    }

    return low;
  }
}

/** The words and characters of a text as people see them, in the language of the page. */
export class Marks {
  #text;
  #words = null;
  #graphemes;

  /** @param {string} text @param {string} [language] */
  constructor(text, language) {
    this.#text = text;
    this.language = language;
    this.#graphemes = new Intl.Segmenter(language, { granularity: "grapheme" });
  }

  /** Words as [start, end) in UTF-16 units; what stands between them is left out. */
  get words() {
    this.#words ??= [...new Intl.Segmenter(this.language, { granularity: "word" }).segment(this.#text)]
      .filter((s) => s.isWordLike || !/^[\s\p{P}]*$/u.test(s.segment))
      .map((s) => [s.index, s.index + s.segment.length]);
    return this.#words;
  }

  /** The index of the first word that ends after a place; the number of words where there is none. */
  wordAt(unit) {
    const { words } = this;
    let [low, high] = [0, words.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (words[middle][1] <= unit) low = middle + 1;
      else high = middle;
    }

    return low;
  }

  /** Widens a range to whole words; spaces and punctuation at its ends fall away. Null where no word is touched. */
  snap(start, end) {
    const { words } = this;
    const first = this.wordAt(start);
    if (first >= words.length || words[first][0] >= end) return null;
    let last = first;
    while (last + 1 < words.length && words[last + 1][0] < end) last++;
    return [words[first][0], words[last][1]];
  }

  /** Widens a range to whole characters, so that no accent is cut from its letter. */
  whole(start, end) {
    const [from, to] = [this.#grapheme(start)?.index ?? start, end > 0 ? this.#grapheme(end - 1) : null];
    return [from, to ? to.index + to.segment.length : end];
  }

  /** The next place between two characters, after or before a place. */
  step(unit, direction) {
    if (direction > 0) {
      const at = this.#grapheme(unit);
      return at ? at.index + at.segment.length : this.#text.length;
    }

    return unit > 0 ? this.#grapheme(unit - 1)?.index ?? 0 : 0;
  }

  // Looked for in a stretch around the place: a whole long text need not be cut for one character.
  #grapheme(unit) {
    if (unit >= this.#text.length) return null;
    const before = this.#text.lastIndexOf("\n", Math.max(0, unit - 1)) + 1;
    const from = Math.max(before, unit - 200);
    const found = this.#graphemes.segment(this.#text.slice(from, unit + 200)).containing(unit - from);
    return found ? { index: from + found.index, segment: found.segment } : null;
  }
}
