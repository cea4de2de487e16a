// What was begun on items and not decided, kept in the browser: closing the page by mistake costs nobody an hour of drawing.

const pause = 300;

/** After so many days without being decided a draft is nobody's work any more. */
export const draftDays = 30;

export class Drafts {
  #store;
  #scope;
  #kind;
  #known = new Map();
  #pending = new Map();
  #timer = 0;

  /**
   * @param {object} store see store.js
   * @param {string} scope person and project
   * @param {{renumbered: (parts: object[]) => object[]}} kind what the parts are
   */
  constructor(store, scope, kind) {
    this.#store = store;
    this.#scope = scope;
    this.#kind = kind;
  }

  /** Reads what earlier visits left. */
  async start() {
    const oldest = Date.now() - (draftDays * 86_400_000);
    try {
      const rows = await this.#store.read(["drafts"], ({ drafts }) => drafts.of(this.#scope));
      for (const row of rows) {
        if (row.at < oldest) this.#save(row.itemId, null);
        else this.#known.set(row.itemId, { parts: this.#kind.renumbered(row.parts), seconds: row.seconds });
      }
    } catch {
      // The browser keeps nothing: then there is nothing.
    }
  }

  /** What was begun on an item, or null. */
  get(itemId) {
    return this.#known.get(itemId) ?? null;
  }

  put(itemId, draft) {
    this.#known.set(itemId, draft);
    this.#later(itemId, draft);
  }

  /** The item is decided. */
  drop(itemId) {
    if (!this.#known.delete(itemId)) return;
    this.#later(itemId, null);
    this.flush();
  }

  // A dragging hand makes many states a second; the last of them counts.
  #later(itemId, draft) {
    this.#pending.set(itemId, draft);
    this.#timer ||= setTimeout(() => this.flush(), pause);
  }

  /** Writes what waits. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    for (const [itemId, draft] of this.#pending) this.#save(itemId, draft);
    this.#pending.clear();
  }

  #save(itemId, draft) {
    const id = `${this.#scope} ${itemId}`;
    this.#store.write(["drafts"], ({ drafts }) => (draft ? drafts.put({ id, scope: this.#scope, itemId, parts: draft.parts, seconds: draft.seconds, at: Date.now() }) : drafts.delete(id))).catch(() => {});
  }
}
