// The review loop: what is on screen, what was decided, and what a key does to both. Knows no elements; the view draws it.

import { newId } from "./api.js";
import { labelsOf, sameValue, valueOf } from "./value.js";
import { snippet } from "./text.js";

/** How many decisions the ribbon shows. */
export const ribbonLength = 20;

const kept = 60;

// So many changes of one item can be taken back.
const mostSteps = 500;

// Nobody reads and judges a new proposal faster than this: a press so soon after a change was meant for the one before.
const reaction = 500;

export class Session extends EventTarget {
  #outbox;
  #queue;
  #store;
  #scope;
  #clock;
  #multiple;
  #kind;
  #drafts;
  #redo = [];
  #aside = [];

  /** What is on screen: { item, mode: "new" | "undone" | "revisit", entry, selection: Set, updated } or null. */
  current = null;

  /** The last decisions, newest first. */
  ribbon = [];

  /** Many items at once, or null: { size, cells: [{ item, entry: the decision or null, marked }], changedAt }. */
  grid = null;

  /** Labels used lately, the last one first. */
  recent = [];

  /** Decided here: by what was done, and how many pre-labels were taken as they were. */
  counts = { decided: 0, accepted: 0, judged: 0, skipped: 0 };

  /**
   * @param {object} parts outbox, queue, store, scope, clock, multiple; kind: how the parts of an item (spans, boxes, …) are read
   * from a value and written as one, { of(value, sure), value(parts) }, or null where an item has labels only; drafts: where what
   * was begun outlives the page, or null
   */
  constructor({ outbox, queue, store, scope, clock, multiple, kind = null, drafts = null }) {
    super();
    this.#outbox = outbox;
    this.#queue = queue;
    this.#store = store;
    this.#scope = scope;
    this.#clock = clock;
    this.#multiple = multiple;
    this.#kind = kind;
    this.#drafts = drafts;
    outbox.addEventListener("answer", (event) => this.#answered(event.detail));
    queue.addEventListener("change", () => this.#stocked());
  }

  /** Whether the page has an item already, so that it is not shown twice. */
  has(itemId) {
    return this.held.some((i) => i.itemId === itemId) || this.#outbox.has(itemId);
  }

  /** Reads the ribbon of an earlier visit and asks for the first items. */
  async start() {
    const old = await this.#store.read(["ribbon"], ({ ribbon }) => ribbon.of(this.#scope));
    const known = new Set(this.ribbon.map((e) => e.id));
    const earlier = old.sort((a, b) => b.seq - a.seq).filter((e) => !known.has(e.id)).map((e) => ({ ...e, here: false, state: this.#outbox.has(e.itemId) ? "waiting" : e.state === "waiting" ? "saved" : e.state }));
    this.ribbon = [...this.ribbon, ...earlier].slice(0, kept);
    this.recent = [...new Set(this.ribbon.flatMap((e) => labelsOf(e.value)))];
    this.#changed("ribbon");
    await this.#queue.fetch();
    // What was handed over is there without an answer of the server.
    if (!this.current && !this.grid && this.#queue.ahead.length > 0) this.#advance();
  }

  #changed(what) {
    this.dispatchEvent(new CustomEvent("change", { detail: what }));
  }

  #stocked() {
    if (this.grid) this.#fillGrid();
    else if (!this.current) this.#advance();
    else this.#changed("queue");
  }

  #advance() {
    const item = this.#queue.take();
    this.#show(item, "new");
  }

  #show(item, mode, entry = null) {
    this.#leave();
    if (!item) {
      this.current = null;
    } else {
      const start = entry ? entry.value : item.prediction?.source === "hint" ? null : item.prediction?.value;
      const draft = mode === "revisit" ? null : item.draft;
      this.current = { item, mode, entry, selection: new Set(draft ?? (this.#multiple ? labelsOf(start) : [])), updated: false, changedAt: -reaction, begun: Boolean(draft) };
      if (this.#kind) this.#open(item, mode, start);
      this.#clock.resume(item.spent ?? 0);
    }

    this.#changed("item");
  }

  #open(item, mode, start) {
    const kept = mode === "new" && !item.partsDraft ? this.#drafts?.get(item.itemId) ?? null : null;
    if (kept) {
      item.partsDraft = kept.parts;
      item.spent ??= kept.seconds;
    }

    const draft = mode === "revisit" ? null : item.partsDraft;
    Object.assign(this.current, { parts: draft ?? this.#kind.of(start, mode === "revisit"), steps: [], undone: [], begun: Boolean(draft), restored: Boolean(kept) });
  }

  // What was begun on an item goes with it when something else comes to the front for a while.
  #leave() {
    const current = this.current;
    if (!current || current.mode === "revisit") return;
    current.item.spent = this.#clock.seconds;
    if (this.#multiple && current.begun) current.item.draft = [...current.selection];
    if (this.#kind && current.begun) current.item.partsDraft = current.parts;
  }

  /** The pre-label on screen, or null. */
  get prediction() {
    return this.current?.item.prediction ?? null;
  }

  /** A label was chosen: with single choice this is the answer, else it is switched on or off. */
  choose(label) {
    if (!this.current) return false;
    if (this.#multiple) {
      this.begin();
      const { selection } = this.current;
      if (!selection.delete(label)) selection.add(label);
      this.#changed("selection");
      return false;
    }

    return this.#give(valueOf([label], false));
  }

  /** The parts on screen become others; each change can be taken back. */
  setParts(parts) {
    const { current } = this;
    if (!current) return;
    this.begin();
    current.steps.push(current.parts);
    if (current.steps.length > mostSteps) current.steps.shift();
    current.undone = [];
    current.parts = parts;
    this.#keepDraft();
  }

  /** Takes back or repeats the last change of parts on this item; false where there is none. */
  stepParts(back) {
    const { current } = this;
    const from = back ? current?.steps : current?.undone;
    if (!from?.length) return false;
    (back ? current.undone : current.steps).push(current.parts);
    current.parts = from.pop();
    this.#keepDraft();
    this.#changed("prediction");
    return true;
  }

  // A reopened item has its decision; what is changed there without deciding anew is not meant to stay.
  #keepDraft() {
    const { current } = this;
    if (current.mode !== "revisit") this.#drafts?.put(current.item.itemId, { parts: current.parts, seconds: this.#clock.seconds });
  }

  /** Enter: takes what is proposed or chosen. Answers "empty" where nothing was chosen and somebody has to mean it. */
  accept({ sure = false, confirmedOnly = false } = {}) {
    if (!this.current) return false;
    if (this.#kind) {
      const proposals = this.current.parts.some((p) => !p.sure);
      if (proposals && !confirmedOnly && performance.now() - this.current.changedAt < reaction) return "changed";
      const parts = this.current.parts.filter((p) => p.sure || !confirmedOnly);
      return parts.length === 0 && !sure ? "empty" : this.#give(this.#kind.value(parts));
    }

    if (this.#multiple) {
      const labels = [...this.current.selection];
      if (labels.length === 0 && !sure) return "empty";
      return this.#give(valueOf(labels, true));
    }

    if (this.current.mode === "revisit") return this.#keep();
    const proposed = this.prediction?.value;
    if (proposed && performance.now() - this.current.changedAt < reaction) return "changed";
    return proposed ? this.#give(proposed) : "nothing";
  }

  /** The person has begun on the item: from now on the model's change of mind leaves it as it is. */
  begin() {
    if (this.current) this.current.begun = true;
  }

  reject() {
    if (!this.current || this.current.mode === "revisit" || !this.prediction) return false;
    return this.#decide("reject", null, "");
  }

  skip(comment = "") {
    if (!this.current || this.current.mode === "revisit") return false;
    return this.#decide("skip", null, comment);
  }

  flag(comment = "") {
    if (!this.current) return false;
    return this.#decide("flag", null, comment);
  }

  #give(value) {
    const { item, mode, entry } = this.current;
    if (mode === "revisit" && sameValue(entry.value, value) && (entry.action === "accept" || entry.action === "correct")) return this.#keep();
    return this.#decide(sameValue(item.prediction?.value, value) ? "accept" : "correct", value, "");
  }

  // Looked at once more and found right: nothing new was decided.
  #keep() {
    this.back();
    return false;
  }

  #entry(item, action, value, comment, seconds, batch = null) {
    return {
      id: newId(),
      batch,
      scope: this.#scope,
      itemId: item.itemId,
      action,
      value,
      comment,
      text: snippet(item.data?.text ?? item.key),
      shown: item.prediction?.value ?? null,
      state: "waiting",
      detail: "",
      here: true,
      at: Date.now(),
      seconds,
    };
  }

  #decide(action, value, comment) {
    const { item, mode, entry: earlier } = this.current;
    const entry = this.#entry(item, action, value, comment, this.#clock.seconds);
    this.#redo = [];
    this.#drafts?.drop(item.itemId);
    this.#record(entry, item);
    if (mode === "revisit") {
      // A person's later decision on an item stands in place of the earlier one.
      this.ribbon = this.ribbon.filter((e) => e.id !== earlier.id);
      this.#forget(earlier);
      this.#uncount(earlier);
    }

    this.current = null;
    if (mode === "revisit" && this.#aside.length > 0) this.#show(this.#aside.pop(), "new");
    else this.#advance();
    this.#changed("ribbon");
    return true;
  }

  #record(entry, item) {
    const body = { itemId: item.itemId, lease: item.lease ?? null, action: entry.action, seconds: entry.seconds };
    // The server knows what it lent; what came since it has to be told.
    if (item.relabelled && item.prediction) body.prediction = item.prediction;
    if (entry.value) body.value = entry.value;
    if (entry.comment) body.comment = entry.comment;
    Object.defineProperty(entry, "item", { value: { ...item, spent: 0 }, enumerable: false, configurable: true });
    this.ribbon = [entry, ...this.ribbon].slice(0, kept);
    this.#count(entry, 1);
    for (const label of labelsOf(entry.value)) this.recent = [label, ...this.recent.filter((l) => l !== label)].slice(0, 12);
    this.#outbox.add("decide", entry.id, body);
    // The ribbon outlives a reload; what it holds of an item is a line of text.
    this.#store.write(["ribbon"], async ({ ribbon }) => {
      await ribbon.add({ ...entry });
      const all = (await ribbon.of(this.#scope)).sort((a, b) => a.seq - b.seq);
      for (const old of all.slice(0, Math.max(0, all.length - ribbonLength))) await ribbon.delete(old.seq);
    }).catch(() => {});
  }

  #count(entry, sign) {
    this.counts.decided += sign;
    if (entry.shown && (entry.action === "accept" || entry.action === "correct" || entry.action === "reject")) this.counts.judged += sign;
    if (entry.action === "accept" && entry.shown) this.counts.accepted += sign;
    if (entry.action === "skip") this.counts.skipped += sign;
  }

  #uncount(entry) {
    if (entry.here) this.#count(entry, -1);
  }

  #forget(entry) {
    this.#store.write(["ribbon"], async ({ ribbon }) => {
      const row = await ribbon.byId(entry.id);
      if (row) await ribbon.delete(row.seq);
    }).catch(() => {});
  }

  /** Takes the last decision back and shows its item again. */
  async undo() {
    if (this.grid) return this.#undoGrid();
    if (this.current?.mode === "revisit") return this.takeBack(this.current.entry);
    return this.ribbon.length > 0 ? this.takeBack(this.ribbon[0]) : false;
  }

  /** Takes one decision back. What is on screen meanwhile is the next after it. */
  async takeBack(entry) {
    const stays = this.current?.mode === "revisit" ? null : this.current?.item;
    if (this.current?.mode === "revisit") {
      this.current = null;
      while (this.#aside.length > 0) this.#queue.putBack(this.#aside.pop());
    }

    this.ribbon = this.ribbon.filter((e) => e.id !== entry.id);
    this.#forget(entry);
    this.#uncount(entry);
    this.#redo.push(entry);
    if (entry.item) {
      if (stays) this.#backToQueue(stays);
      this.#show(this.#returned(entry), "undone");
    }

    this.#changed("ribbon");
    // A decision of an earlier visit: the answer to the undo brings the item.
    if (!entry.item) this.#waitFor = entry;
    await this.#outbox.takeBack(entry.id, entry.itemId);
    return true;
  }

  #waitFor = null;

  #returned(entry) {
    const item = { ...entry.item, spent: 0 };
    item.draft = this.#multiple && entry.value ? labelsOf(entry.value) : undefined;
    item.partsDraft = this.#kind && entry.value ? this.#kind.of(entry.value, true) : undefined;
    return item;
  }

  #backToQueue(item) {
    this.#leave();
    this.current = null;
    this.#queue.putBack(item);
  }

  /** Does again what was undone last. */
  async redo() {
    const entry = this.#redo.at(-1);
    if (!entry || !this.current || this.current.item.itemId !== entry.itemId) return false;
    const rest = this.#redo.slice(0, -1);
    this.current.selection = new Set(labelsOf(entry.value));
    const done = this.#decide(entry.action, entry.value, entry.comment);
    this.#redo = rest;
    this.#changed("prediction");
    this.#changed("ribbon");
    return done;
  }

  get canRedo() {
    return this.#redo.length > 0 && this.current?.item.itemId === this.#redo.at(-1).itemId;
  }

  /**
   * Shows a decided item again, to be looked at or changed.
   * @param {object} entry of the ribbon
   * @param {(itemId: string) => Promise<object|null>} load reads an item that the page no longer has
   */
  async reopen(entry, load) {
    if (this.grid) this.closeGrid();
    const before = this.current;
    let item = entry.item;
    if (!item) {
      item = await load(entry.itemId);
      if (!item) return false;
      Object.defineProperty(entry, "item", { value: item, enumerable: false, configurable: true });
      // The person went on meanwhile.
      if (this.current !== before) return false;
    }

    if (this.current && this.current.mode !== "revisit") {
      this.#leave();
      this.#aside.push(this.current.item);
    }

    this.current = null;
    this.#show(item, "revisit", entry);
    this.#changed("ribbon");
    return true;
  }

  /** Leaves a reopened item as it is and goes on. */
  back() {
    if (this.current?.mode !== "revisit") return false;
    this.current = null;
    if (this.#aside.length > 0) this.#show(this.#aside.pop(), "new");
    else this.#advance();
    this.#changed("ribbon");
    return true;
  }

  /** Walks along the ribbon: to older ones with +1, back to the present with -1. */
  walk(step, load) {
    const at = this.current?.mode === "revisit" ? this.ribbon.findIndex((e) => e.id === this.current.entry.id) : -1;
    const to = at + step;
    if (to < -1 || to >= Math.min(this.ribbon.length, ribbonLength)) return Promise.resolve(false);
    return to === -1 ? Promise.resolve(this.back()) : this.reopen(this.ribbon[to], load);
  }

  /** The model changed its mind about items that are here: what is not decided yet shows it. Blind items stay blind. */
  prelabelled(changes) {
    const byId = new Map(changes.map((c) => [c.itemId, c]));
    // What got its final label meanwhile is nobody's work any more.
    for (const change of changes) if (change.final) this.#queue.remove(change.itemId);
    for (const item of [...this.#queue.ahead, ...this.#aside]) this.#relabel(item, byId.get(item.itemId));
    if (this.grid) this.#relabelGrid(byId);
    const { current } = this;
    if (!current || current.mode === "revisit" || current.begun) return;
    const before = current.item.prediction;
    if (!this.#relabel(current.item, byId.get(current.item.itemId))) return;
    if (!sameValue(before?.value, current.item.prediction.value)) {
      current.updated = true;
      current.changedAt = performance.now();
      if (this.#multiple) current.selection = new Set(labelsOf(current.item.prediction.value));
      if (this.#kind) current.parts = this.#kind.of(current.item.prediction.value, false);
    }

    this.#changed("prediction");
  }

  #relabel(item, change) {
    const old = item.prediction;
    if (!change || !old || !change.value || item.draft || item.partsDraft) return false;
    if (old.version === change.version && old.source === change.source && old.confidence === change.confidence && sameValue(old.value, change.value)) return false;
    item.prediction = { value: change.value, confidence: change.confidence, source: change.source, version: change.version };
    item.probabilities = undefined;
    item.relabelled = true;
    return true;
  }

  // What becomes of a decision shows on the ribbon.
  #answered(result) {
    if (result.kind === "undo" || String(result.id).startsWith("undo:")) {
      this.#undone(result);
      return;
    }

    const entry = this.ribbon.find((e) => e.id === result.id);
    if (!entry) return;
    entry.state = { recorded: "saved", conflict: "conflict", unknown: "problem", refused: "refused" }[result.status] ?? "saved";
    entry.detail = result.detail ?? "";
    if (entry.state === "saved" && entry.detail) this.dispatchEvent(new CustomEvent("notice", { detail: { kind: "feedback", entry } }));
    if (entry.state === "conflict" || entry.state === "problem") this.dispatchEvent(new CustomEvent("notice", { detail: { kind: entry.state, entry } }));
    this.#store.write(["ribbon"], async ({ ribbon }) => {
      const row = await ribbon.byId(entry.id);
      if (row) await ribbon.put({ ...row, state: entry.state, detail: entry.detail });
    }).catch(() => {});
    this.#changed("ribbon");
  }

  #undone(result) {
    const lent = result.item?.itemId === result.itemId ? result.item : null;
    const places = [this.current?.item, ...(this.grid?.cells ?? []).map((c) => c.item), ...this.#queue.ahead, ...this.#aside];
    const here = places.find((i) => i?.itemId === result.itemId);
    if (here && lent?.lease) {
      here.lease = lent.lease;
      here.expiresAt = lent.expiresAt;
    }

    const asked = this.#waitFor?.itemId === result.itemId ? this.#waitFor : null;
    if (!asked) return;
    this.#waitFor = null;
    if (!lent) {
      this.dispatchEvent(new CustomEvent("notice", { detail: { kind: "notUndone", entry: asked, detail: result.detail } }));
      return;
    }

    if (here) return;
    Object.defineProperty(asked, "item", { value: lent, enumerable: false, configurable: true });
    if (this.current && this.current.mode !== "revisit") this.#backToQueue(this.current.item);
    this.#show(this.#returned(asked), "undone");
  }

  // ---- many at once ----

  /** Shows many items at once; the one on screen is the first. */
  openGrid(size) {
    if (this.grid) {
      this.#resizeGrid(size);
      return;
    }

    if (this.current?.mode === "revisit") this.back();
    if (this.current) this.#backToQueue(this.current.item);
    this.grid = { size, cells: [], changedAt: -reaction };
    this.#queue.atLeast = size;
    this.#changed("item");
    this.#fillGrid();
  }

  /** Back to one at a time; an item may be named that is to be the first. */
  closeGrid(itemId = null) {
    if (!this.grid) return;
    const open = this.grid.cells.filter((c) => !c.entry).map((c) => c.item);
    open.sort((a, b) => Number(b.itemId === itemId) - Number(a.itemId === itemId));
    this.grid = null;
    this.#queue.atLeast = 0;
    for (const item of open.reverse()) this.#queue.putBack(item);
    this.#advance();
  }

  #resizeGrid(size) {
    const { grid } = this;
    grid.size = size;
    this.#queue.atLeast = size;
    while (grid.cells.length > size) this.#queue.putBack(grid.cells.pop().item);
    this.#fillGrid();
  }

  #fillGrid() {
    const { grid } = this;
    if (grid.cells.length > 0 && grid.cells.every((c) => c.entry)) grid.cells = [];
    if (grid.cells.length === 0) this.#clock.resume(0);
    const known = new Set(grid.cells.map((c) => c.item.itemId));
    while (grid.cells.length < grid.size && this.#queue.ahead.length > 0) {
      const item = this.#queue.take();
      if (!known.has(item.itemId)) grid.cells.push({ item, entry: null, marked: !item.prediction });
    }

    if (grid.cells.length < grid.size) this.#queue.fetch({ again: grid.cells.length === 0 });
    this.#changed("grid");
    this.#changed("queue");
  }

  /** Marks an item as wrong, or no longer. What nothing was proposed for stays marked: somebody has to say what it is. */
  mark(cell) {
    if (cell.entry || !cell.item.prediction) return;
    cell.marked = !cell.marked;
    this.#changed("grid");
  }

  /**
   * Decides cells of the grid in one go; they are taken back in one go too.
   * @returns {number} how many were decided
   */
  decideCells(cells, action, value = null, comment = "") {
    const open = cells.filter((c) => !c.entry);
    if (open.length === 0) return 0;
    const batch = newId();
    const seconds = Math.round((100 * this.#clock.seconds) / open.length) / 100;
    this.#redo = [];
    for (const cell of open) {
      const { item } = cell;
      const given = value ?? (action === "accept" ? item.prediction.value : null);
      const done = given ? (sameValue(item.prediction?.value, given) ? "accept" : "correct") : action;
      cell.entry = this.#entry(item, done, given, comment, seconds, batch);
      this.#record(cell.entry, item);
    }

    this.#clock.resume(0);
    this.#fillGrid();
    this.#changed("ribbon");
    return open.length;
  }

  /** Takes what is proposed for all that nobody marked. Answers "changed" where a proposal has just become another. */
  acceptUnmarked() {
    const { grid } = this;
    if (performance.now() - grid.changedAt < reaction) return "changed";
    return this.decideCells(grid.cells.filter((c) => !c.entry && !c.marked), "accept");
  }

  async #undoGrid() {
    const [last] = this.ribbon;
    if (!last?.item) return false;
    const entries = this.ribbon.filter((e) => e === last || (last.batch && e.batch === last.batch && e.item));
    const ids = new Set(entries.map((e) => e.id));
    this.ribbon = this.ribbon.filter((e) => !ids.has(e.id));
    for (const entry of entries) {
      this.#forget(entry);
      this.#uncount(entry);
    }

    const { grid } = this;
    if (entries.every((e) => grid.cells.some((c) => c.entry?.id === e.id))) {
      for (const cell of grid.cells) if (ids.has(cell.entry?.id)) cell.entry = null;
    } else {
      // The page has moved on: the earlier one comes back, and what is on this one waits behind it.
      for (const cell of grid.cells.toReversed()) if (!cell.entry) this.#queue.putBack(cell.item);
      grid.cells = entries.toReversed().map((e) => ({ item: { ...e.item }, entry: null, marked: e.action !== "accept" }));
    }

    this.#fillGrid();
    this.#changed("ribbon");
    await Promise.all(entries.map((e) => this.#outbox.takeBack(e.id, e.itemId)));
    return true;
  }

  #relabelGrid(byId) {
    for (const cell of this.grid.cells) {
      const change = byId.get(cell.item.itemId);
      if (cell.entry || cell.marked || !change) continue;
      const before = cell.item.prediction;
      if (this.#relabel(cell.item, change) && !sameValue(before?.value, cell.item.prediction.value)) this.grid.changedAt = performance.now();
    }

    this.#changed("grid");
  }

  /** Everything that is lent to the page, in the order it would be shown and with what was begun on it, for a page that takes its place. */
  handOver() {
    this.#leave();
    return [...this.held, ...this.#queue.ahead];
  }

  /** Everything that is lent to the page and not decided, for giving back. */
  get held() {
    const current = this.current && this.current.mode !== "revisit" ? [this.current.item] : [];
    const cells = (this.grid?.cells ?? []).filter((c) => !c.entry).map((c) => c.item);
    return [...current, ...cells, ...this.#aside];
  }
}
