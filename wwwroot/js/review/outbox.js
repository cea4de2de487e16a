// Decisions on their way to the server. A decision is written down here first and leaves only when the server has
// answered for it: a lost connection, a restart of the server, an expired sign-in, a reload or a closed tab loses nothing.
//
// Order: the running number of the store. One sender at a time over all tabs. What is sent together keeps together under one
// Idempotency-Key until it is answered, so that a repeat is byte for byte the same request and is done once.

import { ApiError, call, newId } from "./api.js";
import { exclusively } from "./store.js";

const mostTogether = 50;
const firstPause = 500;
const longestPause = 15_000;

// The server's answer where another person is signed in now.
const otherUser = 412;

export class Outbox extends EventTarget {
  #store;
  #scope;
  #base;
  #channel;
  #sending = false;
  #again = false;
  #timer = 0;
  #pause = firstPause;
  #closed = false;
  #added = Promise.resolve();
  #waiting = new Map();

  /** Where things stand: waiting (count), savedAt (Date or null), trouble (null | "offline" | "signedOut" | "otherUser" | "noAccess" | "server"), detail. */
  state = { waiting: 0, savedAt: null, trouble: null, detail: "", refused: [] };

  /**
   * @param {object} store from openStore
   * @param {{base: string, user: string, project: string}} place base: "/api/v1"; the outbox is one person's in one project
   */
  constructor(store, { base, user, project }) {
    super();
    this.#store = store;
    this.#base = base;
    this.project = String(project);
    this.#scope = `${user}/${project}`;
    this.#channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(`annotator-outbox:${this.#scope}`) : null;
    this.#channel?.addEventListener("message", (event) => this.#heard(event.data));
    this.online = () => this.retry();
    addEventListener("online", this.online);
    this.visible = () => { if (document.visibilityState === "visible" && (this.#waiting.size > 0 || this.state.trouble)) this.retry(); };
    document.addEventListener("visibilitychange", this.visible);
    addEventListener("focus", this.visible);
  }

  /** Reads what an earlier page left, and begins to send it. */
  async start() {
    await this.#count();
    if (this.#waiting.size > 0) this.#pump();
  }

  /** Whether a decision on an item waits here, from any tab. */
  has(itemId) {
    for (const waiting of this.#waiting.values()) if (waiting === itemId) return true;
    return false;
  }

  /**
   * Puts a decision or an undo on its way.
   * @param {"decide"|"undo"} kind
   * @param {string} id the page's own id for it
   * @param {object} body as the API takes it: a decision, or {"itemId"}
   */
  add(kind, id, body) {
    this.#waiting.set(id, body.itemId);
    this.#changed();
    // One after the other: the order of the calls is the order in the store.
    this.#added = this.#added.then(async () => {
      await this.#store.write(["outbox"], ({ outbox }) => outbox.add({ scope: this.#scope, id, kind, itemId: body.itemId, body, batch: null, refused: null, at: Date.now() }));
      this.#tell({ type: "added", id, itemId: body.itemId });
      this.#pump();
    }).catch((error) => {
      // The disk is full or the browser took the store away. Sent straight from memory, it is still not lost while the page lives.
      this.state.detail = String(error?.message ?? error);
      this.#sendUnkept(kind, id, body);
    });
    return this.#added;
  }

  /**
   * Takes a decision back: it never happened if it still waits here, else an undo follows it to the server. One step, so that
   * whatever is decided next on the item comes after it.
   * @returns {Promise<boolean>} true: nothing has to be undone at the server
   */
  takeBack(id, itemId) {
    const undo = `undo:${id}`;
    const answer = this.#added.then(async () => {
      const withdrawn = await this.#store.write(["outbox"], async ({ outbox }) => {
        const entry = (await outbox.of(this.#scope)).find((e) => e.id === id);
        if (entry && !entry.batch) {
          await outbox.delete(entry.seq);
          return true;
        }

        await outbox.add({ scope: this.#scope, id: undo, kind: "undo", itemId, body: { itemId }, batch: null, refused: null, at: Date.now() });
        return false;
      });
      if (withdrawn) {
        this.#waiting.delete(id);
        this.#tell({ type: "answered", results: [{ id, itemId, status: "withdrawn" }] });
        if (this.state.refused.some((e) => e.id === id)) await this.#count();
      } else {
        this.#waiting.set(undo, itemId);
        this.#tell({ type: "added", id: undo, itemId });
        this.#pump();
      }

      this.#changed();
      return withdrawn;
    });
    this.#added = answer.then(() => {}, () => {});
    return answer;
  }

  /** Tries now, whatever pause was meant. */
  retry() {
    this.#pause = firstPause;
    this.#pump();
  }

  /** Sends a refused decision once more, as it is. */
  async resend(id) {
    await this.#mark(id, (e) => ({ ...e, refused: null, batch: null }));
    this.retry();
  }

  /** Gives a refused decision up. */
  async drop(id) {
    await this.#store.write(["outbox"], async ({ outbox }) => {
      const entry = (await outbox.of(this.#scope)).find((e) => e.id === id);
      if (entry) await outbox.delete(entry.seq);
    });
    await this.#count();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.online);
    removeEventListener("focus", this.visible);
    document.removeEventListener("visibilitychange", this.visible);
    this.#channel?.close();
  }

  async #mark(id, change) {
    await this.#store.write(["outbox"], async ({ outbox }) => {
      const entry = (await outbox.of(this.#scope)).find((e) => e.id === id);
      if (entry) await outbox.put(change(entry));
    });
    await this.#count();
  }

  async #count() {
    const entries = await this.#store.read(["outbox"], ({ outbox }) => outbox.of(this.#scope));
    this.#waiting = new Map(entries.filter((e) => !e.refused).map((e) => [e.id, e.itemId]));
    this.state.refused = entries.filter((e) => e.refused);
    this.#changed();
  }

  #changed() {
    this.state.waiting = this.#waiting.size;
    this.dispatchEvent(new Event("change"));
  }

  #tell(message) {
    if (!this.#closed) this.#channel?.postMessage(message);
  }

  #heard(message) {
    if (message.type === "added") {
      this.#waiting.set(message.id, message.itemId);
      this.#changed();
    } else if (message.type === "answered") {
      this.#answered(message.results);
    } else if (message.type === "refused") {
      this.#count().catch(() => {});
    } else if (message.type === "through" && this.state.trouble) {
      this.retry();
    }
  }

  #answered(results) {
    for (const result of results) this.#waiting.delete(result.id);
    if (results.some((r) => r.status !== "withdrawn")) this.state.savedAt = new Date();
    for (const result of results) this.dispatchEvent(new CustomEvent("answer", { detail: result }));
    this.#changed();
  }

  #trouble(kind, detail = "") {
    if (this.state.trouble === kind && this.state.detail === detail) return;
    this.state.trouble = kind;
    this.state.detail = detail;
    this.#changed();
  }

  async #pump() {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    if (this.#sending) {
      this.#again = true;
      return;
    }

    this.#sending = true;
    try {
      const mine = await exclusively(this.#store, this.#scope, async () => {
        do {
          this.#again = false;
          await this.#sendAll();
        } while (this.#again && !this.state.trouble && !this.#closed);
      });
      if (!mine) this.#later(1_000);
    } catch (error) {
      if (!this.#closed) this.#failed(error);
    } finally {
      this.#sending = false;
    }

    if (this.#again && !this.state.trouble) this.#pump();
  }

  async #sendAll() {
    for (;;) {
      if (this.#closed) return;
      const batch = await this.#next();
      if (batch.length === 0) break;
      await this.#send(batch);
      if (this.state.trouble) this.#tell({ type: "through" });
      this.#pause = firstPause;
      this.#trouble(null);
    }

    if (this.state.trouble) this.#trouble(null);
  }

  // What goes next: a request that was begun and not answered, else all decisions that have gathered; an undo goes alone.
  #next() {
    return this.#store.write(["outbox"], async ({ outbox }) => {
      const entries = (await outbox.of(this.#scope)).filter((e) => !e.refused).sort((a, b) => a.seq - b.seq);
      if (entries.length === 0) return [];
      const [first] = entries;
      if (first.batch) return entries.filter((e) => e.batch === first.batch);
      const together = [first];
      if (first.kind === "decide") {
        for (const entry of entries.slice(1)) {
          if (entry.kind !== "decide" || entry.batch || entry.alone || first.alone || together.length >= mostTogether) break;
          together.push(entry);
        }
      }

      const batch = newId();
      for (const entry of together) {
        entry.batch = batch;
        await outbox.put(entry);
      }

      return together;
    });
  }

  async #send(batch) {
    const [first] = batch;
    const decide = first.kind === "decide";
    const body = decide ? { decisions: batch.map((e) => e.body) } : first.body;
    const url = `${this.#base}/projects/${this.project}/decisions${decide ? "" : "/undo"}`;
    let answer;
    try {
      answer = (await call("POST", url, { body, key: first.batch })).value;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.passing || error.status === 401 || error.status === 403 || error.status === otherUser) throw error;
      if (error.status === 404 && decide) throw error;
      return this.#refused(batch, error);
    }

    const results = decide
      ? batch.map((e, i) => ({ id: e.id, itemId: e.itemId, kind: e.kind, ...(answer?.results?.[i] ?? { status: "recorded" }) }))
      : [{ id: first.id, itemId: first.itemId, kind: first.kind, status: answer?.undone === false ? "unknown" : "recorded", item: answer?.item ?? null }];
    await this.#forget(batch);
    this.#answered(results);
    this.#tell({ type: "answered", results });
  }

  // The server will not take it, however often it is sent. Several together are tried one by one, so that one cannot hold up the others.
  async #refused(batch, error) {
    if (batch[0].kind === "undo") {
      // There was nothing to take back, or no longer.
      await this.#forget(batch);
      const results = [{ id: batch[0].id, itemId: batch[0].itemId, kind: "undo", status: "unknown", detail: error.message }];
      this.#answered(results);
      this.#tell({ type: "answered", results });
      return;
    }

    const alone = batch.length > 1;
    await this.#store.write(["outbox"], async ({ outbox }) => {
      for (const entry of batch) {
        if (alone) await outbox.put({ ...entry, batch: null, alone: true });
        else await outbox.put({ ...entry, batch: null, refused: { status: error.status, detail: describe(error) } });
      }
    });
    if (alone) return;
    await this.#count();
    this.dispatchEvent(new CustomEvent("answer", { detail: { id: batch[0].id, itemId: batch[0].itemId, kind: "decide", status: "refused", detail: describe(error) } }));
    this.#tell({ type: "refused" });
  }

  #forget(batch) {
    return this.#store.write(["outbox"], async ({ outbox }) => {
      for (const entry of batch) await outbox.delete(entry.seq);
    });
  }

  #failed(error) {
    const status = error instanceof ApiError ? error.status : -1;
    if (status === 401) this.#trouble("signedOut");
    else if (status === otherUser) this.#trouble("otherUser", error.message);
    else if (status === 403 || status === 404) this.#trouble("noAccess", error.message);
    else if (status === 0) this.#trouble("offline");
    else this.#trouble("server", error.message);
    const pause = Math.max(this.#pause, (error.retryAfterSeconds ?? 0) * 1000);
    this.#pause = Math.min(this.#pause * 2, status === 401 || status === otherUser ? 4_000 : longestPause);
    this.#later(status === 403 || status === 404 ? 30_000 : pause);
  }

  #later(pause) {
    clearTimeout(this.#timer);
    // A little chance, so that a hundred pages do not come back in the same moment.
    if (!this.#closed) this.#timer = setTimeout(() => this.#pump(), pause * (0.75 + Math.random() / 2));
  }

  // Only where the browser keeps nothing: tries until it is through, in the order of the calls.
  async #sendUnkept(kind, id, body) {
    const key = newId();
    for (let pause = firstPause; !this.#closed; pause = Math.min(pause * 2, longestPause)) {
      try {
        const decide = kind === "decide";
        const { value } = await call("POST", `${this.#base}/projects/${this.project}/decisions${decide ? "" : "/undo"}`, { body: decide ? { decisions: [body] } : body, key });
        this.#answered([{ id, itemId: body.itemId, kind, ...(value?.results?.[0] ?? { status: "recorded" }) }]);
        return;
      } catch (error) {
        if (error instanceof ApiError && !error.passing && error.status !== 401 && error.status !== otherUser) {
          this.#answered([{ id, itemId: body.itemId, kind, status: "refused", detail: describe(error) }]);
          return;
        }
        this.#trouble(error.status === 401 ? "signedOut" : "offline");
        await new Promise((resolve) => { setTimeout(resolve, pause); });
      }
    }
  }
}

function describe(error) {
  const errors = error.problem?.errors;
  if (!errors) return error.message;
  const list = Array.isArray(errors) ? errors.map((e) => e.message ?? e.detail ?? String(e)) : Object.values(errors).flat();
  return list.length > 0 ? list.join(" ") : error.message;
}
