// The review page in the browser. Blazor draws the frame, the guidelines and the list of fresh pre-labels around it; from
// the key press to the next item nothing here asks the server's circuit, so that it goes on without one.

import { h, texts } from "../js/dom.js";
import { ApiError, call, callAs } from "../js/review/api.js";
import { ActiveClock } from "../js/review/clock.js";
import { Drafts } from "../js/review/drafts.js";
import { Keymap, filmCommands, gridCommands, keyCap, keyName, pictureCommands, polygonCommands, segmentCommands, shapeCommands, takesText, trackCommands } from "../js/review/keys.js";
import { Outbox } from "../js/review/outbox.js";
import { Panels } from "../js/review/panels.js";
import { Queue } from "../js/review/queue.js";
import { Session } from "../js/review/session.js";
import { spans } from "../js/review/spans.js";
import { openStore } from "../js/review/store.js";
import { View } from "../js/review/view.js";
import { Pictures } from "../js/canvas/pictures.js";
import { TileSets } from "../js/canvas/tiles.js";
import { boxes, polygons } from "../js/canvas/shapes.js";
import { segments, tracks } from "../js/canvas/tracks.js";

const base = "/api/v1";
const paceMinutes = 10;

// Tasks whose items have parts, and what the parts are.
const kinds = { spans, boxes, polygons, tracks, segments };

/** Name of the measures in the browser's performance timeline: from the key to the frame that shows the next item. */
const measured = "annotator:next-item";

/**
 * @param {HTMLElement} host the element that the loop draws in
 * @param {object|null} page the Blazor component: HoldAsync, TodayAsync, SaveKeysAsync
 * @param {object} options see ReviewOptions in ReviewPage.razor.cs
 */
export async function start(host, page, options) {
  // A circuit that was resumed draws the page anew over the one that went on without it: two must not hear the same key.
  const items = running?.dispose({ handOver: running.place === placeOf(options) }) ?? [];
  const review = new Review(host, page, options);
  running = review;
  await review.start(items);
  return review;
}

let running = null;

function placeOf(options) {
  return `${options.user}/${options.project}`;
}

// A button that was reached with Tab is pressed by Enter and Space, as everywhere.
function takesPress(target, name) {
  return (name === "Enter" || name === "Space") && Boolean(target?.matches?.("button, a, summary, input, [role=button]")) && target.matches(":focus-visible");
}

class Review {
  #stop = new AbortController();
  #timers = [];
  #pressed = 0;
  #decidedAt = [];
  #askedEmpty = -Infinity;
  #lastTrouble = null;
  #meant = -Infinity;
  #stirred = 0;
  #acting = false;
  #due = new Set();

  /** Milliseconds from key to the next item painted, for tests and the overlay of keys. */
  timings = [];

  constructor(host, page, options) {
    this.host = host;
    this.page = page;
    this.options = options;
    this.t = texts(options.texts);
    this.figures = { ...options.figures };
    this.url = `${base}/projects/${options.project}`;
    this.place = placeOf(options);
    callAs(options.user);
  }

  async start(items = []) {
    const { options } = this;
    this.clock = new ActiveClock();
    this.store = await openStore();
    if (this.#stop.signal.aborted) return;
    this.outbox = new Outbox(this.store, { base, user: options.user, project: options.project });
    this.queue = new Queue(this.url, (id) => this.session.has(id));
    const kind = kinds[options.task] ?? null;
    this.drafts = kind ? new Drafts(this.store, this.place, kind) : null;
    this.pictures = options.modality === "image" ? new Pictures() : null;
    this.tileSets = options.modality === "image" ? new TileSets(options.tiledPixels ?? 0) : null;
    this.session = new Session({
      outbox: this.outbox, queue: this.queue, store: this.store, scope: this.place, clock: this.clock, multiple: options.multiple, kind, drafts: this.drafts,
    });
    this.keymap = new Keymap(options.labels, options.keys ?? {}, this.#commands());
    this.panels = new Panels(this.host, { t: this.t, keymap: this.keymap });
    this.view = new View(this.host, {
      t: this.t, session: this.session, keymap: this.keymap, labels: options.labels, multiple: options.multiple,
      task: options.task, modality: options.modality, kind, pictures: this.pictures, tileSets: this.tileSets, act: (...a) => this.act(...a), signal: this.#stop.signal,
    });
    this.guidelines = document.getElementById(options.guidelines ?? "");
    this.guidelines?.querySelector("[data-close]")?.addEventListener("click", () => this.toggleGuidelines(false), { signal: this.#stop.signal });

    this.#openGuidelines();
    this.session.addEventListener("change", (e) => this.#draw(e.detail));
    this.session.addEventListener("notice", (e) => this.#note(e.detail));
    this.outbox.addEventListener("answer", () => { this.#askedEmpty = -Infinity; });
    this.outbox.addEventListener("change", () => this.#soon("trouble", () => this.#drawTrouble()));
    this.queue.addEventListener("change", () => this.#drawTrouble());
    this.#listen();
    this.#draw("item");
    this.#draw("ribbon");
    window.annotatorReview = this;
    this.#readToday();
    await this.drafts?.start();
    await this.outbox.start();
    this.queue.adopt([...items, ...this.#handedOver()]);
    await this.session.start();
    this.host.dataset.ready = "true";
    if (document.activeElement === document.body || document.activeElement?.tagName === "H1") this.view.focusItem();
  }

  // What can be done here beside deciding.
  #commands() {
    const { task, modality } = this.options;
    if (modality === "text") return [];
    const drawing = { boxes: shapeCommands, polygons: [...shapeCommands, ...polygonCommands], tracks: trackCommands, segments: segmentCommands }[task] ?? [];
    if (modality === "video") return [...filmCommands, ...drawing, ...pictureCommands];
    const grid = task === "classification" && !this.options.multiple ? gridCommands : [];
    return [...drawing, ...grid, ...pictureCommands];
  }

  #listen() {
    const on = (target, event, listener, more = {}) => target.addEventListener(event, listener, { signal: this.#stop.signal, ...more });
    on(document, "keydown", (e) => { this.view.tabbing = e.key === "Tab"; }, { capture: true });
    on(document, "keydown", (e) => this.#key(e));
    // The page fills the window below whatever bar stands above it.
    const fit = () => this.host.parentElement?.style.setProperty("--rv-top", `${Math.round(this.host.parentElement.getBoundingClientRect().top + scrollY)}px`);
    fit();
    on(window, "resize", fit);
    for (const event of ["keydown", "pointerdown", "pointermove", "wheel", "touchmove"]) on(document, event, () => this.clock.touch(), { passive: true, capture: true });
    on(document, "visibilitychange", () => {
      this.clock.setHidden(document.visibilityState !== "visible");
      if (document.visibilityState === "visible") this.queue.expire();
    });
    on(window, "pagehide", () => this.#leavePage());
    on(window, "pageshow", (e) => { if (e.persisted) this.queue.fetch({ again: true }); });
    on(window, "online", () => this.queue.fetch({ again: true }));
    on(window, "beforeunload", (e) => {
      // Only where the browser keeps nothing does closing lose anything.
      if (!this.store.lasting && this.outbox.state.waiting > 0) e.preventDefault();
    });
    this.#timers.push(
      setInterval(() => this.queue.keep(this.session.held, document.visibilityState === "visible" && this.clock.idle < 300), 15_000),
      setInterval(() => this.#drawFigures(), 5_000),
      setInterval(() => this.#tryAgain(), 4_000));
  }

  // A page that is loaded anew because the server was started anew goes on where it was; any other gives back what was lent to it.
  #leavePage() {
    if (document.documentElement.dataset.connection === "reloading") {
      try {
        sessionStorage.setItem(`annotator-held:${this.place}`, JSON.stringify(this.session.handOver()));
        return;
      } catch {
        // No room or not allowed: then the items go back.
      }
    }

    this.drafts?.flush();
    this.queue.release(this.session.held);
  }

  #handedOver() {
    try {
      const key = `annotator-held:${this.place}`;
      const items = JSON.parse(sessionStorage.getItem(key) ?? "[]");
      sessionStorage.removeItem(key);
      return items.filter((i) => !this.outbox.has(i.itemId));
    } catch {
      return [];
    }
  }

  // ---- keys ----

  #key(event) {
    if (event.defaultPrevented || this.panels.isOpen) return;
    const { target } = event;
    if (takesText(target) || target?.closest?.("[role=dialog], [role=menu], .mud-popover, .mud-dialog")) return;
    const name = keyName(event);
    if (this.session.grid && name && !takesPress(target, name) && !this.keymap.find(name)?.label && this.view.grid.key(name)) {
      event.preventDefault();
      return;
    }

    if (this.view.surface && this.session.current && name && !takesPress(target, name)) {
      if (name === "Shift+Enter") {
        event.preventDefault();
        if (!event.repeat) this.act("accept", "confirmed", event);
        return;
      }

      if (!this.keymap.find(name)?.label && this.view.surface.key(name)) {
        event.preventDefault();
        return;
      }
    }

    if (!this.view.surface && !this.session.grid && (this.view.filmBar ?? this.view.picture)?.key(name)) {
      event.preventDefault();
      return;
    }

    if (name === "Escape") {
      if (this.session.back()) event.preventDefault();
      else if (this.guidelines && !this.guidelines.hidden) this.toggleGuidelines(false);
      return;
    }

    const hit = this.keymap.find(name);
    if (!hit) return;
    if (takesPress(target, name)) return;
    event.preventDefault();
    // A key held down must not label a heap.
    if (event.repeat && !hit.repeats) return;
    if (hit.label) this.act("label", hit.label, event);
    else this.act(hit.command, null, event);
  }

  /** Does a command, from a key or a button. */
  act(command, argument = null, event = null) {
    this.#acting = true;
    try {
      return this.#act(command, argument, event);
    } finally {
      // What the command waits for is no part of the press.
      this.#acting = false;
    }
  }

  async #act(command, argument, event) {
    const { session, view, options } = this;
    const meant = this.#meant;
    this.#meant = -Infinity;
    let decided = false;
    if (session.grid && this.#actOnGrid(command, argument, meant, event)) return;
    switch (command) {
      case "label":
        if (!this.#can()) break;
        if (view.surface) view.surface.label(argument);
        else decided = session.choose(argument);
        break;
      case "accept": {
        if (!this.#can()) break;
        decided = session.accept({ sure: meant > performance.now() - 5_000, confirmedOnly: argument === "confirmed" });
        if (decided === "empty") {
          this.#meant = performance.now();
          view.remark(this.t("Review.NothingChosen", keyCap(this.keymap.keysOf("accept")[0])));
          decided = false;
        } else if (decided === "changed") {
          view.remark(this.t("Review.JustChanged"));
          decided = false;
        } else if (decided === "nothing") {
          view.remark(this.t("Review.NothingToAccept"));
          decided = false;
        }
        break;
      }
      case "reject":
        decided = session.reject();
        break;
      case "skip":
        if (!session.current || session.current.mode === "revisit") break;
        if (options.skipNeedsReason) this.#askSkip();
        else decided = session.skip();
        break;
      case "skipReason":
        if (session.current && session.current.mode !== "revisit") this.#askSkip();
        break;
      case "flag":
        if (session.current) this.panels.flag({ done: (comment) => this.#decided(session.flag(comment)) });
        break;
      case "undo":
        // What was begun on this item comes before what was decided on the last.
        if (view.shapes?.undoDraw()) break;
        if (view.surface && session.stepParts(true)) break;
        if (!(await session.undo())) view.remark(this.t("Review.NothingToUndo"));
        break;
      case "redo":
        if (view.surface && session.stepParts(false)) break;
        decided = session.canRedo && (await session.redo());
        if (!decided) view.remark(this.t("Review.NothingToRedo"));
        break;
      case "previous":
        await session.walk(1, (id) => this.#load(id));
        break;
      case "next":
        await session.walk(-1, (id) => this.#load(id));
        break;
      case "reopen":
        if (!(await session.reopen(argument, (id) => this.#load(id)))) view.remark(this.t("Review.CannotReopen"), "warn");
        break;
      case "back":
        session.back();
        break;
      case "filter":
        view.focusFilter();
        break;
      case "guidelines":
        this.toggleGuidelines();
        break;
      case "details":
        view.meta.open = !view.meta.open;
        break;
      case "help":
        this.#help();
        break;
      case "save":
      case "saved":
        this.outbox.retry();
        view.remark(this.outbox.state.waiting > 0 ? this.t("Review.SavedWaiting", this.outbox.state.waiting) : this.t("Review.AlreadySaved"));
        break;
      case "grid":
        session.openGrid(this.#gridSize);
        view.grid.focus();
        break;
      default:
        if (session.current && !view.shapes?.command(command) && !view.filmBar?.command(command)) view.picture?.command(command);
        break;
    }

    if (decided === true) this.#decided(true, event);
  }

  // Many at once: the same keys, meant for the page or for the cell that has the focus.
  #actOnGrid(command, argument, meant, event) {
    const { session, view, options } = this;
    const { focused } = view.grid;
    const count = (n) => {
      for (let i = 0; i < n; i++) this.#decided(true, i === 0 ? event : null);
      view.grid.focus();
    };
    switch (command) {
      case "label":
        if (focused) count(session.decideCells([focused], "correct", { choice: argument }));
        return true;
      case "accept": {
        // What is left is worked through from the first.
        view.grid.focusedId = null;
        const done = session.acceptUnmarked();
        if (done === "changed") view.remark(this.t("Review.JustChanged"));
        else if (done === 0) view.remark(this.t("Canvas.GridNothingOpen"));
        else count(done);
        return true;
      }
      case "reject":
        if (focused?.item.prediction) count(session.decideCells([focused], "reject"));
        return true;
      case "skip":
      case "skipReason":
        if (!focused) return true;
        if (options.skipNeedsReason || command === "skipReason") this.panels.skip({ needed: options.skipNeedsReason, done: (reason) => count(session.decideCells([focused], "skip", null, reason)) });
        else count(session.decideCells([focused], "skip"));
        return true;
      case "flag":
        if (focused) this.panels.flag({ done: (comment) => count(session.decideCells([focused], "flag", null, comment)) });
        return true;
      case "inspect":
        session.closeGrid(focused?.item.itemId ?? null);
        view.focusItem();
        return true;
      case "grid":
        session.closeGrid();
        view.focusItem();
        return true;
      case "gridSize":
        this.#gridSize = argument;
        session.openGrid(argument);
        return true;
      case "previous": case "next": case "details": case "fit": case "zoomIn": case "zoomOut": return true;
      default: return false;
    }
  }

  // As the person had it last.
  get #gridSize() {
    try {
      return Number(localStorage.getItem("annotator-grid")) || 12;
    } catch {
      return 12;
    }
  }

  set #gridSize(size) {
    try {
      localStorage.setItem("annotator-grid", String(size));
    } catch {
      // Then it is asked of the person every time.
    }
  }

  #can() {
    return this.session.current !== null;
  }

  #askSkip() {
    this.panels.skip({ needed: this.options.skipNeedsReason, done: (reason) => this.#decided(this.session.skip(reason)) });
  }

  #decided(done, event = null) {
    if (!done) return;
    const now = performance.now();
    this.#pressed = event?.isTrusted ? event.timeStamp : now;
    this.#decidedAt = [...this.#decidedAt.filter((t) => t > now - paceMinutes * 60_000), now];
    const [before, last] = this.#decidedAt.slice(-2);
    if (last) this.queue.setPace((last - before) / 1000, this.queue.latency ?? 0.2);
    if (this.session.current) this.#measure();
    this.#soon("figures", () => this.#drawFigures());
    // A pointer that pressed a chip must not leave the focus there: the next Enter would press it again.
    if (document.activeElement instanceof HTMLButtonElement && this.host.contains(document.activeElement)) this.view.focusItem();
  }

  // From the key to the frame after the one in which the next item was painted.
  #measure() {
    const pressed = this.#pressed;
    this.#pressed = 0;
    requestAnimationFrame(() => requestAnimationFrame((now) => {
      this.timings.push(Math.max(0, now - pressed));
      if (this.timings.length % 500 === 0) performance.clearMeasures(measured);
      performance.measure(measured, { start: pressed, end: Math.max(pressed, now) });
      if (this.timings.length > 5_000) this.timings.shift();
    }));
  }

  /** A share of the timings lies below this; null before there are any. */
  percentile(share) {
    const sorted = [...this.timings].sort((a, b) => a - b);
    return sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }

  #help() {
    const { current, ribbon } = this.session;
    const revisit = current?.mode === "revisit";
    const live = (id) => {
      switch (id) {
        case "label": return this.#busy;
        case "accept": return this.session.grid !== null || Boolean(current) && (revisit || this.options.multiple || Boolean(this.view.surface) || Boolean(current.item.prediction));
        case "reject": return Boolean(current?.item.prediction) && !revisit;
        case "skip": case "skipReason": return this.#busy && !revisit;
        case "flag": case "details": return this.#busy && (id === "flag" || !this.view.meta.hidden);
        case "undo": return ribbon.length > 0;
        case "previous": return ribbon.length > 0 && !this.view.surface;
        case "next": return revisit && !this.view.surface;
        case "redo": return this.session.canRedo;
        case "guidelines": return Boolean(this.guidelines);
        case "inspect": return this.session.grid !== null;
        case "fit": case "zoomIn": case "zoomOut": return this.session.grid === null;
        default: return this.view.shapes?.live(id) ?? true;
      }
    };
    const [p50, p95] = [this.percentile(0.5), this.percentile(0.95)];
    this.panels.help({
      live,
      labels: this.view.choices,
      spans: Boolean(this.view.spans) && Boolean(current),
      grid: this.session.grid !== null,
      shapes: current ? this.view.shapes?.keys() ?? [] : [],
      timings: p50 === null ? null : this.t("Review.Timings", this.timings.length, Math.round(p50), Math.round(p95), this.queue.ahead.length),
      change: () => this.panels.keys({ changed: () => this.#keysChanged() }),
    });
  }

  async #keysChanged() {
    this.view.drawKeys();
    this.view.drawPrediction();
    let kept = false;
    try {
      kept = await this.page.invokeMethodAsync("SaveKeysAsync", this.keymap.custom);
    } catch {
      // No circuit just now.
    }

    if (!kept) this.view.remark(this.t("Review.KeysNotSaved"), "warn");
  }

  toggleGuidelines(open = this.guidelines?.hidden) {
    if (!this.guidelines) return;
    this.#showGuidelines(open);
    try {
      localStorage.setItem(`annotator-guidelines:${this.place}`, open ? "open" : "closed");
    } catch {
      // Then it is asked of the person every time.
    }
  }

  #showGuidelines(open) {
    this.guidelines.hidden = !open;
    this.host.parentElement?.toggleAttribute("data-guidelines", open);
  }

  // As the person left them; at first open where there are any and there is room beside the item.
  #openGuidelines() {
    if (!this.guidelines) return;
    let kept = null;
    try {
      kept = localStorage.getItem(`annotator-guidelines:${this.place}`);
    } catch {
      // Not allowed to remember.
    }

    this.#showGuidelines(kept ? kept === "open" : this.options.hasGuidelines && innerWidth > 1100);
  }

  async #load(itemId) {
    try {
      const { value } = await call("GET", `${this.url}/items/${encodeURIComponent(itemId)}`);
      const item = value?.item ?? value;
      return item ? { ...item, itemId, data: item.data ?? { text: item.text ?? "" }, prediction: null, lease: null } : null;
    } catch (error) {
      if (error instanceof ApiError) return null;
      throw error;
    }
  }

  // ---- drawing ----

  // Whether there is something to do on screen.
  get #busy() {
    return this.session.current !== null || (this.session.grid?.cells.length ?? 0) > 0;
  }

  #draw(what) {
    const { session, view, queue } = this;
    if (what === "item" || what === "grid") {
      const page = (session.grid?.cells.length ?? 0) > 0;
      view.drawItem(queue.state);
      if ((session.current || page) && this.#pressed) this.#measure();
      if (!session.current && !page) this.#drawNothing();
      else view.clearNothing();
      this.#tellShown();
    } else if (what === "prediction") {
      view.drawPrediction();
      view.drawWhy();
    } else if (what === "selection") {
      view.drawSelection();
    } else if (what === "ribbon") {
      this.#soon("ribbon", () => view.drawRibbon());
    } else if (what === "queue") {
      this.#tellShown();
      this.#drawFigures();
    }
  }

  // A press draws the next item and nothing else; all else that it changes is drawn once that one is painted, in a task of its own.
  #soon(what, draw) {
    if (!this.#acting) {
      draw();
      return;
    }

    if (this.#due.has(what)) return;
    this.#due.add(what);
    requestAnimationFrame(() => setTimeout(() => {
      this.#due.delete(what);
      if (!this.#stop.signal.aborted) draw();
    }));
  }

  // Tells the component what is here: it sends news of these items only, and its list keeps quiet about those that are shown
  // without the model's answer. Gathered: a fast hand must not make a message a press.
  #tellShown() {
    const ahead = [...this.session.held, ...this.queue.ahead];
    this.pictures?.want(ahead.filter((i) => !this.tileSets.isLarge(i)).map((i) => i.data?.url));
    for (const large of ahead.filter((i) => this.tileSets?.isLarge(i)).slice(0, 3)) this.tileSets.get(large.data.url);
    if (this.telling || !this.page) return;
    this.telling = setTimeout(() => {
      this.telling = null;
      const items = [...this.session.held, ...this.queue.ahead];
      const held = items.map((i) => i.itemId);
      const stamp = held.join();
      if (stamp === this.told) return;
      this.told = stamp;
      this.page.invokeMethodAsync("HoldAsync", held, items.filter((i) => !i.prediction).map((i) => i.itemId)).catch(() => { this.told = null; });
    }, 250);
  }

  // What was done today, by the clock on this wall.
  async #readToday() {
    if (!this.page) return;
    try {
      const midnight = new Date();
      midnight.setHours(0, 0, 0, 0);
      Object.assign(this.figures, await this.page.invokeMethodAsync("TodayAsync", midnight.toISOString()));
      this.#drawFigures();
    } catch {
      // No circuit just now: the page counts what is done from here on.
    }
  }

  #drawFigures() {
    const { counts } = this.session;
    const { today = 0, accepted = 0, judged = 0, remaining = null } = this.figures;
    const now = performance.now();
    const recent = this.#decidedAt.filter((t) => t > now - paceMinutes * 60_000);
    const span = recent.length > 0 ? Math.max(now - recent[0], 20_000) : 0;
    const all = judged + counts.judged;
    this.view.drawFigures({
      today: Math.max(0, today + counts.decided),
      pace: recent.length >= 5 ? Math.round((recent.length / span) * 3_600_000 / 10) * 10 : null,
      accepted: all > 0 ? (accepted + counts.accepted) / all : null,
      remaining: remaining === null ? null : Math.max(0, remaining - this.outbox.state.waiting),
    });
  }

  #drawTrouble() {
    const { state } = this.outbox;
    this.view.drawSaved(state);
    this.#drawFigures();
    const failed = this.queue.error;
    const trouble = state.trouble ?? ({ 401: "signedOut", 403: "noAccess", 404: "noAccess", 412: "otherUser" }[failed?.status] ?? null);
    const detail = state.trouble ? state.detail : failed?.message ?? "";
    const stamp = `${trouble}|${detail}|${state.waiting}|${state.refused.map((e) => e.id)}`;
    if (!this.#busy) this.#drawNothing();
    if (stamp === this.#lastTrouble) return;
    this.#lastTrouble = stamp;
    this.view.drawBanner(this.#banner(trouble, { ...state, detail }));
    if (trouble === null && this.login && !this.login.closed) this.login.close();
  }

  #banner(trouble, state) {
    const { t } = this;
    const retry = h("button.an-button.an-button-small", { type: "button", on: { click: () => this.#tryAgain(true) } }, t("Review.TryNow"));
    if (trouble === "signedOut") {
      return [h("strong", null, t("Review.SignedOut")), h("span", null, t(state.waiting > 0 ? "Review.SignedOutWaiting" : "Review.SignedOutIdle", state.waiting)),
        h("button.an-button.an-button-primary.an-button-small", { type: "button", data: { signin: "" }, on: { click: () => this.#signIn() } }, t("Review.SignIn"))];
    }

    if (trouble === "otherUser") return [h("strong", null, t("Review.OtherUser", state.detail)), h("span", null, t("Review.OtherUserWaiting", state.waiting)), retry];
    if (trouble === "noAccess") return [h("strong", null, t("Review.NoAccess")), h("span", null, t("Review.NoAccessWaiting", state.waiting)), retry];
    if (trouble === "server" && state.waiting > 0) return [h("strong", null, t("Review.ServerTrouble")), h("span", null, state.detail), retry];
    if (trouble === "offline" && state.waiting > 0) return [h("strong", null, t("Review.Offline")), h("span", null, t("Review.OfflineWaiting", state.waiting)), retry];
    if (state.refused.length > 0) {
      const [entry] = state.refused;
      return [h("strong", null, t("Review.Refused", state.refused.length)), h("span", null, entry.refused.detail),
        h("button.an-button.an-button-small", { type: "button", on: { click: () => this.outbox.resend(entry.id) } }, t("Review.TryAgain")),
        h("button.an-button.an-button-small", { type: "button", on: { click: () => this.outbox.drop(entry.id) } }, t("Review.Discard"))];
    }

    return this.store.lasting ? null : [h("strong", null, t("Review.NotLasting"))];
  }

  #signIn() {
    // A window of its own: this page and what waits in it stay as they are.
    this.login = window.open("/account/login?ReturnUrl=%2Fprofile", "annotator-login", "popup,width=520,height=700");
    if (!this.login) this.view.remark(this.t("Review.SignInBlocked"), "warn");
  }

  #tryAgain(now = false) {
    const { outbox, queue, session } = this;
    const signedOut = outbox.state.trouble === "signedOut" || queue.error?.status === 401;
    if (now || (signedOut && outbox.state.waiting > 0)) outbox.retry();
    if (now || queue.error || (!this.#busy && queue.state !== "loading")) queue.fetch({ again: true });
  }

  async #drawNothing() {
    const { t, view, queue, options } = this;
    view.nothing.hidden = queue.state !== "failed" && queue.state !== "empty";
    if (queue.state === "failed") {
      if (view.nothing.dataset.why === "failed") return;
      view.nothing.dataset.why = "failed";
      const offline = queue.error?.status === 0;
      view.nothing.replaceChildren(
        h("h2", null, t(offline ? "Review.FailedOffline" : "Review.Failed")),
        h("p", null, offline ? t("Review.FailedOfflineHint") : queue.error?.message ?? ""),
        h("button.an-button.an-button-primary", { type: "button", on: { click: () => this.#tryAgain(true) } }, t("Review.TryNow")));
      view.drawItem(queue.state);
      return;
    }

    if (queue.state !== "empty" || performance.now() - this.#askedEmpty < (view.nothing.childElementCount > 0 ? 5_000 : 400)) return;
    this.#askedEmpty = performance.now();
    const standing = await this.#standing();
    if (this.#busy || queue.state !== "empty") return;
    const { why, numbers } = standing;
    const stamp = `${why} ${numbers}`;
    if (view.nothing.dataset.why === stamp && view.nothing.childElementCount > 0) return;
    view.nothing.dataset.why = stamp;
    const links = {
      none: options.canManage ? h("a.an-button.an-button-primary", { href: `/projects/${options.project}/upload` }, t("Review.Upload")) : null,
      done: h("a.an-button.an-button-primary", { href: `/projects/${options.project}` }, t("Review.ToProject")),
      seen: h("button.an-button", { type: "button", on: { click: () => this.#recall() } }, t("Review.ShowSkipped")),
      skipped: h("button.an-button.an-button-primary", { type: "button", on: { click: () => this.#recall() } }, t("Review.ShowSkipped")),
    };
    view.nothing.replaceChildren(
      h("h2", null, t(`Review.Empty.${why}`)),
      h("p", null, t(`Review.EmptyHint.${why}`, ...numbers)),
      ...[links[why]].filter(Boolean));
    view.say.textContent = t(`Review.Empty.${why}`);
    view.drawItem(queue.state);
  }

  // Why there is nothing to do, and with which numbers.
  async #standing() {
    let queue, metrics;
    try {
      [queue, metrics] = (await Promise.all([call("GET", `${this.url}/queue`), call("GET", `${this.url}/metrics`)])).map((a) => a.value);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { why: "wait", numbers: [] };
    }

    const format = new Intl.NumberFormat(document.documentElement.lang || undefined);
    const n = (value) => format.format(value ?? 0);
    const { total = 0, final = 0, byState = {} } = metrics?.items ?? {};
    const coming = (byState.new ?? 0) + (byState.prelabelled ?? 0);
    if (total === 0) return { why: "none", numbers: [] };
    if (final >= total) return { why: "done", numbers: [n(total)] };
    // Whoever is paused is lent nothing, and nothing is being learnt from them.
    if (document.querySelector("[data-paused]")) return { why: "paused", numbers: [] };
    // Some could be lent, and the server keeps them back for a moment.
    if (queue?.open > 0) return { why: "learning", numbers: [n(queue.open)] };
    if (coming > 0) return { why: "coming", numbers: [n(coming)] };
    if (queue?.leased > 0) return { why: "others", numbers: [n(queue.leased)] };
    if (this.session.counts.skipped > 0 && queue?.seenByMe > 0) return { why: "skipped", numbers: [n(queue.seenByMe)] };
    if (queue?.seenByMe > 0) return { why: "seen", numbers: [n(queue.seenByMe)] };
    if (queue?.flagged > 0) return { why: "flagged", numbers: [n(queue.flagged)] };
    return { why: "wait", numbers: [] };
  }

  async #recall() {
    try {
      await call("POST", `${this.url}/queue/recall`, { body: {} });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.view.remark(error.status === 0 ? this.t("Review.Offline") : error.message, "warn");
      return;
    }

    this.queue.fetch({ again: true });
  }

  #note({ kind, entry, detail }) {
    const { t, view } = this;
    if (kind === "conflict") view.remark(t("Review.ConflictNote", entry.text), "warn");
    else if (kind === "feedback") view.remark(`${entry.text}: ${entry.detail}`, "warn");
    else if (kind === "problem") view.remark(t("Review.ProblemNote", entry.text, entry.detail), "warn");
    else if (kind === "notUndone") view.remark(t("Review.NotUndone", entry.text, detail ?? ""), "warn");
  }

  // ---- what the component tells ----

  /** Fresh pre-labels and counters, already gathered by the component. */
  live({ prelabelled = [], remaining = null, stirred = false }) {
    if (remaining !== null) this.figures.remaining = remaining;
    if (prelabelled.length > 0) this.session.prelabelled(prelabelled);
    if (stirred && !this.#busy && performance.now() - this.#stirred > 300) {
      this.#stirred = performance.now();
      this.#askedEmpty = Math.min(this.#askedEmpty, this.#stirred - 4_000);
      this.queue.fetch({ again: true });
    }

    this.#drawFigures();
  }

  /** Items came that cannot wait: they come next. */
  async urgent() {
    await this.queue.hurry();
    if (!this.session.current) this.queue.fetch({ again: true });
  }

  /**
   * Ends the loop and gives back what is lent.
   * @param {{handOver?: boolean}} [how] handOver: what is lent is answered instead, for the page that follows
   */
  dispose({ handOver = false } = {}) {
    if (running === this) running = null;
    this.#stop.abort();
    if (!this.session) return [];
    const items = handOver ? this.session.handOver() : [];
    if (handOver) this.queue.ahead = [];
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.telling);
    this.panels.close();
    this.queue.close(handOver ? [] : this.session.held);
    this.outbox.close();
    if (window.annotatorReview === this) delete window.annotatorReview;
    return items;
  }
}
