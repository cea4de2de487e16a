// Draws the review loop. Everything that a key can change is drawn here in the same frame, without the server's help.

import { countdown } from "./countdown.js";
import { fill, h, icon } from "../dom.js";
import { keyCap } from "./keys.js";
import { rank } from "./filter.js";
import { GridView } from "./grid.js";
import { SpanSurface } from "./spans.js";
import { Film } from "../canvas/film.js";
import { FilmBar } from "../canvas/film-bar.js";
import { SegmentSurface } from "../canvas/segment-surface.js";
import { Stage } from "../canvas/stage.js";
import { ShapeSurface } from "../canvas/surface.js";
import { TrackSurface } from "../canvas/track-surface.js";
import { breakable, showText, snippet } from "./text.js";
import { labelsOf, sameValue } from "./value.js";
import { ribbonLength } from "./session.js";

const actionIcons = { accept: "check", correct: "pen", skip: "skip", flag: "flag", reject: "cross" };

/** Above this many labels the filter box is always there and keeps the focus from item to item. */
export const manyLabels = 28;

export class View {
  #t;
  #session;
  #keymap;
  #labels;
  #byName;
  #percent = new Intl.NumberFormat(document.documentElement.lang || undefined, { style: "percent" });
  #number = new Intl.NumberFormat(document.documentElement.lang || undefined);
  #clockTime = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  #stopText = () => {};
  #shown = null;

  /** Whether Tab was the last key: only then the frame around what has the focus says something new. */
  tabbing = false;

  #results = [];
  #active = -1;
  #chips = new Map();

  /**
   * @param {HTMLElement} host
   * @param {object} parts t (texts), session, keymap, labels, multiple, task and modality (as the API names them), kind (of the parts
   * that are drawn, or null), pictures and tileSets (see canvas/pictures.js and tiles.js; null for texts), act (what buttons do), signal (ends it)
   */
  constructor(host, { t, session, keymap, labels, multiple, task = "classification", modality = "text", kind = null, pictures = null, tileSets = null, act, signal }) {
    this.host = host;
    this.#t = t;
    this.#session = session;
    this.#keymap = keymap;
    this.#labels = labels;
    this.#byName = new Map(labels.map((l) => [l.name, l]));
    this.multiple = multiple;
    this.task = task;
    this.modality = modality;
    this.hasParts = kind !== null;
    this.kind = kind;
    this.pictures = pictures;
    this.tileSets = tileSets;
    this.signal = signal;
    this.act = act;
    this.#build();
  }

  #build() {
    const t = this.#t;
    const figure = (name) => {
      const value = h("dd", { data: { figure: name } }, "–");
      return h("div.rv-figure", null, h("dt", null, t(`Review.${name}`)), value);
    };
    this.saved = h("button.rv-saved", { type: "button", data: { kind: "idle" }, on: { click: () => this.act("saved") } }, t("Review.SavedIdle"));
    this.banner = h("div.rv-banner", { hidden: true, role: "alert" });
    this.why = h("div.rv-why");
    this.text = h("div.rv-text");
    this.scroll = h("div.rv-scroll", { tabIndex: 0, role: "region", aria: { label: t("Review.Item") }, on: { focus: () => this.scroll.toggleAttribute("data-quiet", !this.tabbing) } }, this.text);
    this.meta = h("details.rv-meta", { hidden: true });
    this.suggestion = h("div.rv-suggestion");
    this.filter = h("input.rv-filter-box", {
      type: "text", role: "combobox", autocomplete: "off", spellcheck: false, placeholder: t("Review.FilterPlaceholder"),
      aria: { label: t("Review.Filter"), controls: "rv-results", expanded: "false", autocomplete: "list" },
      on: { input: () => this.#typed(), focus: () => this.#search(), blur: () => this.#closeResults(), keydown: (e) => this.#filterKey(e) },
    });
    this.filterKey = h("kbd.rv-key");
    this.filterRow = h("div.rv-filter", null, this.filter, this.filterKey);
    this.results = h("ul.rv-results", { id: "rv-results", role: "listbox", hidden: true, aria: { label: t("Review.Labels") } });
    this.labels = h("div.rv-labels", { role: "group", aria: { label: t("Review.Labels") } });
    this.actions = h("div.rv-actions");
    this.ribbon = h("ol.rv-ribbon", { aria: { label: t("Review.Ribbon") } });
    this.nothing = h("div.rv-nothing", { hidden: true });
    this.skeleton = h("div.rv-skeleton", { aria: { hidden: "true" } }, [62, 88, 74].map((w) => h("span.an-skeleton", { style: { width: `${w}%` } })));
    this.say = h("div.an-visually-hidden", { role: "status", aria: { live: "polite" } });
    this.notice = h("div.rv-notice", { role: "status", hidden: true });
    this.#groupLabels();
    this.#buildSurface();
    this.work = h("div.rv-work", null, this.scroll, this.shapes?.list.element);
    this.stage = h("section.rv-stage", {}, this.why, this.skeleton, this.work, this.grid?.element, this.meta);
    this.answer = h("section.rv-answer", { aria: { label: t("Review.Answer") } }, this.suggestion, this.spans?.list, this.filterRow, this.results, this.labels);
    fill(
      this.host,
      h("header.rv-head", null,
        h("dl.rv-figures", null, figure("Today"), figure("Pace"), figure("Accepted"), figure("Remaining")),
        this.saved,
        h("div.rv-tools", null, this.#tool("guidelines", "book"), this.#tool("help", "keys"))),
      this.banner, this.notice, this.nothing, this.stage, this.answer,
      h("footer.rv-foot", null, this.ribbon), this.say);
    this.#buildLabels();
    this.drawKeys();
    this.host.dataset.many = String(this.#labels.length > manyLabels);
  }

  // What the item is seen and worked on with; made after the elements that it draws in.
  #buildSurface() {
    const t = this.#t;
    const changed = () => this.drawPrediction();
    this.spans = null;
    this.shapes = null;
    this.picture = null;
    this.film = null;
    this.filmBar = null;
    if (this.modality !== "text") {
      this.picture = new Stage({ t, pictures: this.pictures, keyOf: (id) => keyCap(this.#keymap.keysOf(id)[0]), act: this.act, signal: this.signal });
      this.text.replaceWith(this.picture.element);
      this.scroll.classList.add("rv-scroll-picture");
      this.host.dataset.picture = "true";
      if (this.modality === "video") this.film = new Film(this.picture);
    }

    if (this.task === "spans") this.spans = new SpanSurface(this.text, { t, session: this.#session, labels: this.#labels, scroll: this.scroll, signal: this.signal, changed });
    else if (this.picture && this.kind) this.shapes = this.#drawingSurface(changed);
    this.grid = null;
    if (this.modality === "image" && this.task === "classification" && !this.multiple) {
      this.grid = new GridView({ t, session: this.#session, labels: this.#labels, resize: (size) => this.act("gridSize", size), focus: changed, signal: this.signal });
      this.picture.tools.append(this.picture.button("grid", "grid", { text: true }));
      this.grid.bar.append(this.picture.button("inspect", "box", { text: true }));
    }

    if (this.film) {
      this.filmBar = new FilmBar({ t, film: this.film, stage: this.picture, source: this.shapes ?? { rows: [], selectedId: null, pick: () => {} }, signal: this.signal });
      this.signal?.addEventListener("abort", () => this.film.close());
      this.host.dataset.film = this.shapes ? "rows" : "plain";
    }

    this.surface = this.spans ?? this.shapes;
    this.host.dataset.drawing = String(Boolean(this.shapes));
  }

  #drawingSurface(changed) {
    const options = { t: this.#t, session: this.#session, stage: this.picture, kind: this.kind, labels: this.#labels, choices: this.choices, changed, remark: (text) => this.remark(text) };
    if (!this.film) return new ShapeSurface(options);
    const Surface = this.task === "segments" ? SegmentSurface : TrackSurface;
    return new Surface({ ...options, film: this.film, bar: () => this.filmBar });
  }

  #openFilm(url, { firstFrame = 0, endFrame = null } = {}) {
    const t = this.#t;
    const stage = this.picture;
    stage.cancel();
    this.film.open(url, {
      first: firstFrame,
      end: endFrame,
      loading: (share) => stage.wait(share === undefined ? t("Canvas.LoadingFilm") : t("Canvas.MakingFilm", Math.floor(share * 100))),
      failed: (why, detail) => {
        if (why === "frames") stage.fail(t("Canvas.NoFrames"), detail);
        else stage.fail(t(why === "none" ? "Canvas.NoAddress" : "Canvas.FilmFailed"), why === "none" ? "" : url.startsWith("/") ? detail || t("Canvas.FilmFailedOwn") : t("Canvas.FailedForeign", url));
      },
    });
  }

  #tool(command, sign) {
    return h("button.an-button.an-button-quiet.an-button-small", { type: "button", data: { command }, on: { click: () => this.act(command) } },
      icon(sign), h("span", null, this.#t(`Review.Command.${command}`)), h("kbd.rv-key"));
  }

  // One chip a label that can be chosen, in the schema's order: where a label stands is learnt once. Those above others are headings.
  #groupLabels() {
    const parents = new Set(this.#labels.map((l) => l.parent).filter(Boolean));
    const groups = new Map();
    for (const label of this.#labels) {
      if (parents.has(label.name)) continue;
      const path = this.#path(label);
      if (!groups.has(path)) groups.set(path, []);
      groups.get(path).push(label);
    }

    this.choices = [...groups.values()].flat();
    this.groups = groups;
  }

  #buildLabels() {
    fill(this.labels, [...this.groups].map(([path, labels]) => h("div.rv-group", { role: "group", aria: { label: path || null } },
      path ? h("h3", null, path) : null,
      h("div.rv-chips", null, labels.map((label) => this.#chip(label))))));
    this.filterRow.hidden = this.choices.length <= 9;
  }

  #path(label) {
    const names = [];
    for (let at = label.parent, steps = 0; at && steps < 20; at = this.#byName.get(at)?.parent, steps++) names.unshift(at);
    return names.join(" › ");
  }

  #chip(label) {
    const chip = h("button.rv-label", {
      type: "button",
      title: label.description || null,
      style: { "--c": label.color ?? "var(--an-muted)" },
      aria: { pressed: this.multiple || this.hasParts ? "false" : null, keyshortcuts: label.key || null, description: label.description || null },
      data: { label: label.name },
      on: { click: () => this.act("label", label.name) },
    }, h("span.an-dot"), h("span.rv-label-name", { dir: "auto" }, breakable(label.name)), label.key ? h("kbd.rv-key", null, keyCap(label.key)) : null);
    this.#chips.set(label.name, chip);
    return chip;
  }

  /** Prints the keys on buttons anew, after a change. */
  drawKeys() {
    for (const button of this.host.querySelectorAll("[data-command]")) this.#printKey(button);
    this.filterKey.textContent = keyCap(this.#keymap.keysOf("filter")[0]);
  }

  #printKey(button) {
    const key = this.#keymap.keysOf(button.dataset.command)[0];
    const cap = button.querySelector("kbd");
    if (cap) {
      cap.textContent = keyCap(key);
      cap.hidden = !key;
    }

    if (key) button.setAttribute("aria-keyshortcuts", key.replace("Ctrl", "Control"));
  }

  /** Draws what is on screen from the session. */
  drawItem(queueState) {
    const { current, grid } = this.#session;
    const item = current?.item ?? null;
    const page = grid !== null && grid.cells.length > 0;
    this.host.dataset.state = item ? "item" : page ? "grid" : queueState;
    this.host.dataset.mode = current?.mode ?? "";
    // Stage and answer keep their place until it is known why there is nothing: a moment without an item must not make the page jump.
    const nothing = !item && !page && (queueState === "failed" || queueState === "empty") && this.nothing.childElementCount > 0;
    this.stage.hidden = nothing;
    this.answer.hidden = nothing;
    this.skeleton.hidden = Boolean(item) || page || queueState !== "loading";
    this.grid?.draw();
    this.scroll.hidden = !item;
    this.work.hidden = !item;
    if (item !== this.#shown || (!item && !page)) {
      this.#stopText();
      if (!item) this.film?.close();
      const text = item?.data?.text ?? item?.text ?? "";
      // Korean is broken between words; Chinese and Japanese, which have no spaces, between characters.
      if (item) this.text.dataset.wrap = /\p{Script=Hangul}/u.test(text.slice(0, 4_000)) ? "words" : "characters";
      this.scroll.scrollTop = 0;
      if (item && this.picture) {
        this.shapes?.show();
        const url = item.data?.url ?? item.url ?? null;
        if (this.film) this.#openFilm(url, item.metadata ?? {});
        else if (this.tileSets?.isLarge(item)) this.picture.showTiled(url, this.tileSets.get(url));
        else this.picture.show(url);
      } else if (item && this.spans) {
        this.text.dataset.size = text.length <= 400 ? "large" : "middle";
        this.spans.show(text);
        this.#stopText = () => this.spans.stop();
      } else if (item) {
        this.text.dataset.size = text.length <= 280 ? "large" : text.length <= 1200 ? "middle" : "small";
        this.#stopText = showText(this.text, text);
      }

      this.#shown = item;
      this.#drawMeta(item);
      this.filter.value = "";
      if (document.activeElement === this.filter) this.#search();
    }

    this.drawPrediction();
    this.drawWhy();
    if (item) {
      const proposed = labelsOf(item.prediction?.value).join(", ");
      const said = snippet(item.data?.text ?? item.key ?? "", 240);
      this.say.textContent = proposed ? this.#t("Review.SayItem", said, proposed, this.#percent.format(item.prediction.confidence ?? 0)) : this.#t("Review.SayItemPlain", said);
    }
  }

  #drawMeta(item) {
    const rows = Object.entries(item?.metadata ?? {}).filter(([, v]) => v !== null && v !== "");
    this.meta.hidden = rows.length === 0;
    if (rows.length === 0) return;
    fill(this.meta,
      h("summary", null, this.#t("Review.Details", rows.length), h("kbd.rv-key", null, keyCap(this.#keymap.keysOf("details")[0]))),
      h("dl", null, rows.map(([key, value]) => [
        h("dt", { dir: "auto" }, key), h("dd", { dir: "auto" }, typeof value === "object" ? JSON.stringify(value) : String(value)),
      ])));
  }

  /** The line above the item: why it is here, or what is special about it being here. */
  drawWhy() {
    const { current } = this.#session;
    const cell = this.#cell;
    if (cell) {
      fill(this.why, h("span.rv-reason", null, this.#reason(cell.item)), this.#device(cell.item), cell.item.key ? h("span.rv-item-key", { title: this.#t("Review.Key") }, cell.item.key) : null);
      return;
    }

    if (!current) {
      fill(this.why);
      return;
    }

    const t = this.#t;
    const { item, mode, entry } = current;
    if (mode === "revisit") {
      fill(this.why, h("strong", null, t("Review.Revisit", this.#describe(entry))),
        h("button.an-button.an-button-small", { type: "button", on: { click: () => this.act("back") } }, t("Review.Back"), h("kbd.rv-key", null, "Esc")),
        entry.detail ? h("span.rv-why-detail", null, entry.detail) : null);
      return;
    }

    const reason = mode === "undone" ? t("Review.Undone") : this.#reason(item);
    fill(this.why, item.dueEndsAt ? countdown(item.dueEndsAt, t) : null, h("span.rv-reason", null, reason), this.#device(item), item.key ? h("span.rv-item-key", { title: t("Review.Key") }, item.key) : null);
  }

  /** The device that sent it, where one did. */
  #device(item) {
    return item.device ? h("span.rv-device", { title: this.#t("Review.Device") }, item.device) : null;
  }

  #reason(item) {
    const t = this.#t;
    const likely = this.#likely(item);
    if (item.reason === "uncertain" && likely.length > 1) {
      const [a, b] = likely;
      return t("Review.Reason.uncertainBetween", a[0], this.#percent.format(a[1]), b[0], this.#percent.format(b[1]));
    }

    const key = `Review.Reason.${item.reason ?? "random"}`;
    const text = t(key);
    return text === key ? t("Review.Reason.random") : text;
  }

  #likely(item) {
    return (item?.probabilities ?? []).map((p) => [p.label, p.p]).filter(([label]) => this.#byName.has(label)).sort((a, b) => b[1] - a[1]);
  }

  #describe(entry) {
    const t = this.#t;
    const names = labelsOf(entry.value).join(", ");
    return names ? names : t(`Review.Done.${entry.action}`);
  }

  /** The proposal, the chips' marks and what the buttons do. */
  drawPrediction() {
    const { current } = this.#session;
    const t = this.#t;
    const cell = this.#cell;
    const prediction = (current ?? cell)?.item.prediction ?? null;
    const proposed = new Set(labelsOf(prediction?.value));
    const given = new Set(current?.mode === "revisit" ? labelsOf(current.entry.value) : []);
    const likely = new Map(this.#likely((current ?? cell)?.item));
    for (const [name, chip] of this.#chips) {
      chip.toggleAttribute("data-proposed", proposed.has(name));
      chip.toggleAttribute("data-given", given.has(name));
      const p = likely.get(name) ?? 0;
      chip.style.setProperty("--p", p > 0.005 ? String(p) : "0");
      if (this.multiple) chip.setAttribute("aria-pressed", String(current?.selection.has(name) ?? false));
      if (this.surface) {
        chip.toggleAttribute("data-proposed", false);
        const focused = this.surface.focusedLabel;
        chip.setAttribute("aria-pressed", String((this.spans ? this.surface.armed === name : focused === null && this.surface.armed === name) || focused === name));
      }
    }

    if (cell || (this.#session.grid?.cells.length ?? 0) > 0) {
      this.#drawGridActions();
      return;
    }

    if (!current) {
      fill(this.suggestion, h("div.rv-suggestion-text"), this.actions);
      fill(this.actions);
      return;
    }

    this.spans?.draw();
    this.picture?.invalidate();
    const body = [];
    if (this.surface) {
      const open = current.parts.filter((p) => !p.sure).length;
      body.push(
        h("span.rv-spans-state", null, this.surface.status()),
        current.restored ? h("span.rv-updated", { title: t("Canvas.RestoredTitle") }, t("Canvas.Restored")) : null,
        open > 0 ? h("span.rv-updated", null, t("Review.SpanProposals", open)) : null,
        prediction?.source ? h(`span.an-source.an-source-${prediction.source}`, { title: t(`Review.SourceTitle.${prediction.source}`) }, t(`Review.Source.${prediction.source}`)) : null);
    } else if (prediction && proposed.size > 0) {
      const confidence = Math.min(1, Math.max(0, prediction.confidence ?? 0));
      const source = prediction.source ?? "student";
      body.push(
        h("span.rv-proposed", null, [...proposed].map((name) => h("strong.rv-proposed-label", { style: { "--c": this.#byName.get(name)?.color ?? "var(--an-muted)" } }, h("span.an-dot"), h("span", { dir: "auto" }, breakable(name))))),
        h("span.rv-confidence", { role: "img", aria: { label: t("Review.Confidence", this.#percent.format(confidence)) } },
          h("span.rv-confidence-bar", { data: { level: confidence >= 0.9 ? "high" : confidence >= 0.6 ? "middle" : "low" } }, h("span", { style: { width: `${confidence * 100}%` } })),
          h("span.an-number", null, this.#percent.format(confidence))),
        h(`span.an-source.an-source-${source}`, { title: t(source === "hint" ? "Review.HintNote" : `Review.SourceTitle.${source}`) }, t(`Review.Source.${source}`), prediction.version && source !== "hint" ? h("span.an-number", null, `v${prediction.version}`) : null),
        current.updated ? h("span.rv-updated", { title: t("Review.UpdatedTitle") }, t("Review.Updated")) : null);
    } else {
      body.push(h("span.an-muted", null, t(this.multiple ? "Review.NoSuggestionMultiple" : "Review.NoSuggestion")));
    }

    const revisit = current.mode === "revisit";
    const canAccept = revisit || this.multiple || this.hasParts || Boolean(prediction);
    const commands = [];
    if (canAccept) commands.push(this.#button("accept", revisit && !this.multiple && !this.hasParts ? "Review.Keep" : this.multiple || this.hasParts ? "Review.Submit" : "Review.Command.accept", "check", "an-button-primary"));
    const quiet = "an-button-quiet";
    if (!revisit && prediction) commands.push(this.#button("reject", "Review.Command.reject", "cross", quiet));
    if (!revisit) commands.push(this.#button("skip", "Review.Command.skip", "skip", quiet));
    commands.push(this.#button("flag", "Review.Command.flag", "flag", quiet), this.#button("undo", revisit ? "Review.TakeBack" : "Review.Command.undo", "undo", quiet));
    if (this.#session.canRedo) commands.push(this.#button("redo", "Review.Command.redo", "redo", quiet));
    fill(this.actions, commands);
    fill(this.suggestion, h("div.rv-suggestion-text", null, body), this.actions);
  }

  // The cell of the grid that keys mean, or null.
  get #cell() {
    return this.#session.grid ? this.grid.focused : null;
  }

  #drawGridActions() {
    const t = this.#t;
    const open = this.#session.grid.cells.filter((c) => !c.entry);
    const unmarked = open.filter((c) => !c.marked).length;
    const quiet = "an-button-quiet";
    const accept = this.#button("accept", "Review.Command.accept", "check", "an-button-primary");
    accept.querySelector("span").textContent = t("Canvas.GridAccept", unmarked);
    accept.disabled = unmarked === 0;
    fill(this.actions, accept, this.#button("skip", "Review.Command.skip", "skip", quiet), this.#button("flag", "Review.Command.flag", "flag", quiet), this.#button("undo", "Review.Command.undo", "undo", quiet));
    fill(this.suggestion, h("div.rv-suggestion-text", null, h("span.rv-spans-state", null, t(unmarked < open.length ? "Canvas.GridHelpMarked" : "Canvas.GridHelp"))), this.actions);
  }

  #button(command, text, sign, style = "") {
    const button = h(`button.an-button${style ? `.${style}` : ""}`, {
      type: "button", data: { command }, disabled: command === "undo" && this.#session.ribbon.length === 0, on: { click: () => this.act(command) },
    }, icon(sign), h("span", null, this.#t(text)), h("kbd.rv-key"));
    this.#printKey(button);
    return button;
  }

  /** Choices switched on and off. */
  drawSelection() {
    for (const [name, chip] of this.#chips) chip.setAttribute("aria-pressed", String(this.#session.current?.selection.has(name) ?? false));
    if (document.activeElement === this.filter) this.#search();
  }

  drawRibbon() {
    const t = this.#t;
    const open = this.#session.current?.mode === "revisit" ? this.#session.current.entry.id : null;
    const undo = this.actions.querySelector("[data-command=undo]");
    if (undo) undo.disabled = this.#session.ribbon.length === 0;
    const entries = this.#session.ribbon.slice(0, ribbonLength);
    if (entries.length === 0) {
      fill(this.ribbon, h("li.rv-ribbon-empty", null, t("Review.RibbonEmpty")));
      return;
    }

    // What is there already stays, so that a press every 200 ms does not build twenty buttons anew.
    const old = new Map([...this.ribbon.children].map((li) => [li.dataset.id, li]));
    fill(this.ribbon, entries.map((entry) => {
      const stamp = `${entry.action}|${entry.state}|${labelsOf(entry.value).join()}|${entry.id === open}`;
      const known = old.get(entry.id);
      return known?.dataset.stamp === stamp ? known : this.#past(entry, stamp, entry.id === open);
    }));
  }

  #past(entry, stamp, open) {
    const t = this.#t;
    const names = labelsOf(entry.value);
    const color = this.#byName.get(names[0])?.color;
    const state = entry.state === "saved" ? "" : t(`Review.State.${entry.state}`);
    return h("li", { data: { id: entry.id, stamp } },
      h("button.rv-past", {
        type: "button",
        title: [entry.text, state, entry.detail].filter(Boolean).join("\n"),
        style: { "--c": color ?? "var(--an-muted)" },
        aria: { current: open ? "true" : null, label: t("Review.PastLabel", this.#describe(entry), t(`Review.Done.${entry.action}`), entry.text, state) },
        data: { action: entry.action, state: entry.state },
        on: { click: () => this.act("reopen", entry) },
      }, icon(actionIcons[entry.action]), h("span.rv-past-name", { dir: "auto" }, names.length > 1 ? `${names[0]} +${names.length - 1}` : this.#describe(entry)), h("span.rv-past-state", { aria: { hidden: "true" } })));
  }

  /** Counters in the head. */
  drawFigures({ today, pace, accepted, remaining }) {
    const set = (name, text) => {
      const element = this.host.querySelector(`[data-figure=${name}]`);
      if (element.textContent !== text) element.textContent = text;
    };
    set("Today", this.#number.format(today));
    set("Pace", pace ? this.#t("Review.PerHour", this.#number.format(pace)) : "–");
    set("Accepted", accepted === null ? "–" : this.#percent.format(accepted));
    set("Remaining", remaining === null ? "–" : this.#number.format(remaining));
  }

  /** Where the decisions are: saved, on their way, or waiting. */
  drawSaved(state) {
    const t = this.#t;
    const { trouble, waiting, savedAt } = state;
    const kind = trouble && waiting > 0 ? trouble : trouble === "offline" ? "offline" : waiting > 0 ? "sending" : savedAt ? "saved" : "idle";
    const text = {
      offline: () => (waiting > 0 ? t("Review.SavedOffline", waiting) : t("Review.SavedOfflineIdle")),
      signedOut: () => t("Review.SavedWaiting", waiting), otherUser: () => t("Review.SavedWaiting", waiting), noAccess: () => t("Review.SavedWaiting", waiting),
      server: () => t("Review.SavedWaiting", waiting), sending: () => t("Review.SavedWaiting", waiting),
      saved: () => t("Review.SavedAt", this.#clockTime.format(savedAt)), idle: () => t("Review.SavedIdle"),
    }[kind]();
    if (this.saved.dataset.kind !== kind) {
      this.saved.dataset.kind = kind;
      // Only what kind of state it is gets announced: "saved" twenty times a minute would be noise.
      if (kind !== "sending" && kind !== "saved") this.say.textContent = text;
    }

    if (this.saved.textContent !== text) this.saved.textContent = text;
  }

  /** What stands in the way, above the item and not over it. */
  drawBanner(content) {
    this.banner.hidden = !content;
    fill(this.banner, content ?? []);
  }

  /** There is something again. */
  clearNothing() {
    this.nothing.hidden = true;
    if (this.nothing.childElementCount === 0) return;
    this.nothing.replaceChildren();
    delete this.nothing.dataset.why;
  }

  /** A short remark that goes away. */
  remark(text, kind = "plain") {
    clearTimeout(this.remarkTimer);
    this.notice.dataset.kind = kind;
    fill(this.notice, text);
    this.notice.hidden = false;
    this.remarkTimer = setTimeout(() => { this.notice.hidden = true; }, kind === "plain" ? 3_500 : 9_000);
  }

  // ---- the filter box ----

  focusFilter() {
    this.filterRow.hidden = false;
    this.filter.focus();
    this.filter.select();
  }

  #typed() {
    if (this.filter.value.trim()) this.#session.begin();
    this.#search();
  }

  #search() {
    const { current, recent } = this.#session;
    const query = this.filter.value.trim();
    const probabilities = new Map(this.#likely(current?.item));
    for (const name of labelsOf(current?.item.prediction?.value)) if (!probabilities.has(name)) probabilities.set(name, current.item.prediction.confidence ?? 0.5);
    this.#results = rank(this.choices, query, { probabilities, recent });
    this.#active = query ? 0 : -1;
    this.results.hidden = false;
    this.labels.hidden = true;
    this.filter.setAttribute("aria-expanded", "true");
    fill(this.results, this.#results.length === 0
      ? h("li.rv-result-none", null, this.#t("Review.FilterNone"))
      : this.#results.map((label, i) => h("li.rv-result", {
        id: `rv-result-${i}`, role: "option", aria: { selected: "false" }, style: { "--c": label.color ?? "var(--an-muted)" },
        // Before the box loses the focus and the list closes.
        on: { pointerdown: (e) => { e.preventDefault(); this.#pick(i); } },
      }, this.multiple ? h("span.rv-tick", null, current?.selection.has(label.name) ? icon("check") : null) : null,
      h("span.an-dot"), h("span.rv-result-name", { dir: "auto" }, breakable(label.name)),
      label.description ? h("span.rv-result-about", { dir: "auto" }, label.description) : null,
      probabilities.get(label.name) > 0.005 ? h("span.an-number.an-muted", null, this.#percent.format(probabilities.get(label.name))) : null,
      label.key ? h("kbd.rv-key", null, keyCap(label.key)) : null)));
    this.#mark();
    this.results.scrollTop = 0;
  }

  #mark() {
    [...this.results.children].forEach((row, i) => row.setAttribute("aria-selected", String(i === this.#active)));
    if (this.#active >= 0) {
      this.filter.setAttribute("aria-activedescendant", `rv-result-${this.#active}`);
      this.results.children[this.#active]?.scrollIntoView({ block: "nearest" });
    } else {
      this.filter.removeAttribute("aria-activedescendant");
    }
  }

  #closeResults() {
    this.results.hidden = true;
    this.labels.hidden = false;
    this.filter.setAttribute("aria-expanded", "false");
    this.filter.value = "";
  }

  #pick(i) {
    const label = this.#results[i];
    if (!label) return;
    // With a few labels single keys are faster, so they wake up again; with many one goes on in the box.
    if (!this.multiple && this.choices.length <= manyLabels) this.filter.blur();
    this.filter.value = "";
    this.act("label", label.name);
    if (document.activeElement === this.filter) this.#search();
  }

  #filterKey(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const { length } = this.#results;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (length === 0) return;
      this.#active = event.key === "ArrowDown" ? (this.#active + 1) % length : (this.#active <= 0 ? length : this.#active) - 1;
      this.#mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      event.stopPropagation();
      if (event.repeat) return;
      // Enter in an empty box means what it means everywhere.
      if (this.#active >= 0 && !event.ctrlKey && !event.metaKey) this.#pick(this.#active);
      else if (this.filter.value.trim() === "" || event.ctrlKey || event.metaKey) this.act("accept", null, event);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (this.filter.value) {
        this.filter.value = "";
        this.#search();
      } else {
        this.focusItem();
      }
    }
  }

  /** Puts the focus where single keys work. */
  focusItem() {
    if (!this.scroll.hidden) {
      // Here the focus is at home: a frame around every item would say nothing. Reached with Tab it shows.
      this.tabbing = false;
      this.scroll.focus({ preventScroll: true });
    } else if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  }
}
