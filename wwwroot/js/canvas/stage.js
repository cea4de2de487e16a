// An image at work: seen whole, zoomed to the cursor, moved, made brighter. What lies over it (boxes, polygons, tracks) draws
// in the same frames and may take the pointer first.

import { fill, h, icon } from "../dom.js";
import { FrameMeter } from "./meter.js";
import { TiledPicture } from "./tiles.js";
import { Viewport } from "./viewport.js";

const settingsKey = "annotator-picture";

// A finger covers more than a mouse's arrow, and trembles more.
export const slop = (event) => (event.pointerType === "touch" ? 10 : 4);

export class Stage {
  #t;
  #pictures;
  #keyOf;
  #pointers = new Map();
  #gesture = null;
  #due = 0;
  #url = null;
  #layers = [];
  #light = { brightness: 100, contrast: 100 };

  /** What takes the pointer before the image is moved: { down, move, up, cancel, hover, leave, cursor }, or null. */
  tool = null;

  /** The image or film on screen, or null. */
  medium = null;

  /** What draws a large image by its parts, or null. */
  tiled = null;

  view = new Viewport();

  frames = new FrameMeter();

  /**
   * @param {object} parts t (texts), pictures (see Pictures), keyOf (the key cap of a command), act (does a command), signal (ends it)
   */
  constructor({ t, pictures, keyOf, act, signal }) {
    this.#t = t;
    this.#pictures = pictures;
    this.#keyOf = keyOf;
    this.act = act;
    this.holder = h("div.cv-medium");
    this.message = h("div.cv-message", { role: "status", hidden: true });
    this.room = h("div.cv-room", null, this.holder, this.message);
    this.bar = h("div.cv-bar", { role: "toolbar", aria: { label: t("Canvas.Bar") } });
    this.tools = h("div.cv-tools");
    this.element = h("div.cv", null, this.room, this.bar);
    this.#build();
    this.#listen(signal);
  }

  #build() {
    const t = this.#t;
    this.percent = h("button.an-button.an-button-quiet.an-button-small.cv-percent", { type: "button", title: t("Canvas.ActualSize"), on: { click: () => this.actual() } }, "100%");
    const slider = (name) => {
      const input = h("input.cv-slider", { type: "range", min: "20", max: "300", step: "5", value: "100", aria: { label: t(`Canvas.${name}`) }, on: { input: () => this.#lit(name, Number(input.value)), dblclick: () => { input.value = "100"; this.#lit(name, 100); } } });
      return h("label.cv-light", { title: t(`Canvas.${name}`) }, icon(name === "Brightness" ? "sun" : "contrast"), input);
    };
    this.lights = h("div.cv-lights", null, slider("Brightness"), slider("Contrast"));
    fill(this.bar, this.tools, h("div.cv-zoom", null,
      this.button("zoomOut", "minus"), this.percent, this.button("zoomIn", "plus"), this.button("fit", "fit")), this.lights);
    try {
      Object.assign(this.#light, JSON.parse(localStorage.getItem(settingsKey) ?? "{}"));
    } catch {
      // Nothing kept, or not allowed to keep.
    }

    const [brightness, contrast] = this.lights.querySelectorAll("input");
    brightness.value = String(this.#light.brightness);
    contrast.value = String(this.#light.contrast);
    this.#drawLight();
  }

  /** A small button of the bar that does a command. */
  button(command, sign, { text = false } = {}) {
    const label = this.#t(`Canvas.Command.${command}`);
    const key = this.#keyOf(command);
    return h("button.an-button.an-button-quiet.an-button-small.cv-tool", {
      type: "button", title: key ? `${label} (${key})` : label, aria: { label }, data: { tool: command }, on: { click: () => this.act(command) },
    }, icon(sign), text ? h("span", null, label) : null, text && key ? h("kbd.rv-key", null, key) : null);
  }

  #lit(name, value) {
    this.#light[name.toLowerCase()] = value;
    this.#drawLight();
    try {
      localStorage.setItem(settingsKey, JSON.stringify(this.#light));
    } catch {
      // Then it is set anew next time.
    }
  }

  #drawLight() {
    const { brightness, contrast } = this.#light;
    this.holder.style.filter = brightness === 100 && contrast === 100 ? "" : `brightness(${brightness}%) contrast(${contrast}%)`;
  }

  // ---- what is shown ----

  /** Adds a layer: its `draw` is called in each frame in which something moved or asked for it. */
  addLayer(layer, ...elements) {
    this.#layers.push(layer);
    for (const element of elements) this.message.before(element);
  }

  /** Shows the image of an address: in this very frame where it is loaded already. */
  show(url) {
    this.#url = url;
    this.cancel();
    if (!url) {
      this.#fail(null);
      return;
    }

    const picture = this.#pictures.get(url);
    if (picture.state === "ready") {
      this.#place(picture);
      return;
    }

    this.clear();
    this.element.dataset.state = picture.state;
    if (picture.state === "loading") this.#say(this.#t("Canvas.Loading"));
    else this.#fail(url);
    picture.ready.then(() => {
      if (this.#url !== url || picture.state === "loading") return;
      if (picture.state === "ready") this.#place(picture);
      else this.#fail(url);
    });
  }

  #place(picture) {
    this.place(picture.image, picture.image.naturalWidth, picture.image.naturalHeight);
  }

  /**
   * Shows a large image by its parts.
   * @param {string} url its address
   * @param {Promise<object|null>} cut how it is cut; null where it is not, and it is shown whole
   */
  showTiled(url, cut) {
    this.#url = url;
    this.cancel();
    this.clear();
    this.element.dataset.state = "loading";
    this.#say(this.#t("Canvas.Loading"));
    cut.then((set) => {
      if (this.#url !== url) return;
      if (!set) {
        this.show(url);
        return;
      }

      const tiled = new TiledPicture(url, set);
      this.place(tiled.element, set.width, set.height, tiled);
    });
  }

  /** Puts an element of a known size on the stage. */
  place(element, width, height, tiled = null) {
    this.tiled = tiled;
    this.medium = element;
    element.style.width = `${width}px`;
    element.style.height = `${height}px`;
    if (this.holder.firstChild !== element) this.holder.replaceChildren(element);
    this.message.hidden = true;
    this.element.dataset.state = "ready";
    const { clientWidth, clientHeight } = this.room;
    if (clientWidth > 0) this.view.room = { width: clientWidth, height: clientHeight };
    this.view.setImage(width, height);
    this.#drawNow();
    this.shown?.();
  }

  clear() {
    this.medium = null;
    this.tiled = null;
    this.holder.replaceChildren();
    this.invalidate();
  }

  #say(...content) {
    this.message.hidden = false;
    fill(this.message, content);
  }

  #fail(url) {
    const t = this.#t;
    this.clear();
    this.element.dataset.state = "failed";
    const foreign = url && !url.startsWith("/");
    this.#say(h("strong", null, t(url ? "Canvas.Failed" : "Canvas.NoAddress")), url ? h("p", null, t(foreign ? "Canvas.FailedForeign" : "Canvas.FailedOwn", url)) : null,
      url && !foreign ? h("button.an-button.an-button-small", { type: "button", on: { click: () => { this.#pictures.forget(url); this.show(url); } } }, t("Canvas.TryAgain")) : null);
    this.shown?.();
  }

  /** Shows that something is on its way. */
  wait(text) {
    this.clear();
    this.element.dataset.state = "loading";
    this.#say(text);
  }

  /** Shows why there is nothing to see. */
  fail(title, text) {
    this.clear();
    this.element.dataset.state = "failed";
    this.#say(h("strong", null, title), text ? h("p", null, text) : null);
  }

  /** Whether there is something to work on. */
  get ready() {
    return this.medium !== null;
  }

  // ---- moving ----

  fit() {
    this.view.fit();
    this.invalidate();
  }

  /** One pixel of the image is one of the screen. */
  actual() {
    this.view.zoom(1 / this.view.scale);
    this.invalidate();
  }

  zoom(factor, x, y) {
    this.view.zoom(factor, x, y);
    this.invalidate();
  }

  pan(dx, dy) {
    this.view.pan(dx, dy);
    this.invalidate();
  }

  /** Asks for a frame. */
  invalidate() {
    if (this.#due) return;
    this.#due = requestAnimationFrame((now) => {
      this.#due = 0;
      this.frames.tick(now);
      this.#draw();
    });
  }

  // The first sight of an item must not wait for the frame after.
  #drawNow() {
    cancelAnimationFrame(this.#due);
    this.#due = 0;
    this.#draw();
  }

  #draw() {
    const { view } = this;
    this.holder.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    // Enlarged pixels are shown as what they are.
    this.holder.dataset.pixels = String(view.scale >= 3);
    this.tiled?.draw(view);
    const percent = `${Math.round(view.scale * 100)}%`;
    if (this.percent.textContent !== percent) this.percent.textContent = percent;
    for (const layer of this.#layers) layer.draw();
  }

  // ---- pointer ----

  #listen(signal) {
    const on = (event, listener, more = {}) => this.room.addEventListener(event, listener, { signal, ...more });
    on("pointerdown", (e) => this.#down(e));
    on("pointermove", (e) => this.#move(e));
    on("pointerup", (e) => this.#up(e));
    on("pointercancel", (e) => this.#lost(e));
    on("pointerleave", () => { if (!this.#gesture) this.tool?.leave?.(); });
    on("contextmenu", (e) => e.preventDefault());
    on("dblclick", (e) => e.preventDefault());
    on("wheel", (e) => {
      if (!this.ready) return;
      e.preventDefault();
      const { x, y } = this.#at(e);
      // A touch pad's pinch arrives as a wheel with Ctrl and small steps.
      const lines = e.deltaMode === 1 ? 33 : e.deltaMode === 2 ? 400 : 1;
      if (e.shiftKey) this.pan(-(e.deltaX || e.deltaY) * lines, 0);
      else this.zoom(Math.exp(-e.deltaY * lines * (e.ctrlKey ? 0.01 : 0.0016)), x, y);
      this.tool?.hover?.(this.#at(e));
    }, { passive: false });
    this.observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      if (width === 0 || height === 0) return;
      this.view.setRoom(width, height);
      // Drawn at once: a canvas that was resized is empty until it is.
      this.#drawNow();
    });
    this.observer.observe(this.room);
    signal?.addEventListener("abort", () => this.observer.disconnect());
  }

  #at(event) {
    const box = this.room.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return { x, y, image: this.view.toImage(x, y), event };
  }

  #down(event) {
    if (event.target.closest?.("button, input, a")) return;
    const place = this.#at(event);
    // The first of its kind: whatever else is still noted has left without saying so.
    if (event.isPrimary) this.#pointers.clear();
    this.#pointers.set(event.pointerId, place);
    try {
      this.room.setPointerCapture(event.pointerId);
    } catch {
      // The pointer went away already.
    }

    if (!this.ready) return;
    if (this.#pointers.size === 2) {
      this.cancel();
      this.#gesture = { kind: "pinch" };
      return;
    }

    if (this.#pointers.size > 2) return;
    const isPan = event.button === 1 || event.button === 2;
    if (!isPan && this.tool?.down(place)) this.#gesture = { kind: "tool" };
    else this.#gesture = { kind: "pan", from: place, moved: false, button: event.button };
    if (event.button === 1) event.preventDefault();
  }

  #move(event) {
    const place = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) {
      if (this.ready) this.tool?.hover?.(place);
      return;
    }

    const gesture = this.#gesture;
    if (gesture?.kind === "pinch") {
      const [a, b] = [...this.#pointers.values()];
      const other = a === before ? b : a;
      const [d0, d1] = [Math.hypot(before.x - other.x, before.y - other.y), Math.hypot(place.x - other.x, place.y - other.y)];
      this.pan((place.x - before.x) / 2, (place.y - before.y) / 2);
      if (d0 > 0) this.zoom(d1 / d0, (place.x + other.x) / 2, (place.y + other.y) / 2);
    } else if (gesture?.kind === "tool") {
      this.tool?.move(place);
    } else if (gesture?.kind === "pan") {
      if (!gesture.moved && Math.hypot(place.x - gesture.from.x, place.y - gesture.from.y) < slop(event)) return;
      gesture.moved = true;
      this.element.dataset.panning = "true";
      this.pan(place.x - before.x, place.y - before.y);
    }

    this.#pointers.set(event.pointerId, place);
  }

  #up(event) {
    const known = this.#pointers.delete(event.pointerId);
    if (!known) return;
    const gesture = this.#gesture;
    if (gesture?.kind === "tool") this.tool?.up(this.#at(event));
    if (gesture?.kind === "pan" && !gesture.moved) this.tool?.tap?.(this.#at(event), gesture.button);
    if (this.#pointers.size === 0) {
      this.#gesture = null;
      delete this.element.dataset.panning;
    }
  }

  #lost(event) {
    this.#pointers.delete(event.pointerId);
    this.cancel();
  }

  /** Leaves a gesture that is under way without effect. */
  cancel() {
    if (this.#gesture?.kind === "tool") this.tool?.cancel();
    this.#gesture = null;
    delete this.element.dataset.panning;
  }

  // ---- keys ----

  /** A command of the stage; true where it was one. */
  command(id) {
    if (id === "fit") this.fit();
    else if (id === "zoomIn") this.zoom(1.4);
    else if (id === "zoomOut") this.zoom(1 / 1.4);
    else return false;
    return true;
  }

  /** A key that is no command: the image is moved while it is larger than its room. */
  key(name) {
    const step = { "Ctrl+ArrowLeft": [1, 0], "Ctrl+ArrowRight": [-1, 0], "Ctrl+ArrowUp": [0, 1], "Ctrl+ArrowDown": [0, -1] }[name];
    if (!step || !this.ready) return false;
    this.pan(step[0] * this.view.room.width / 8, step[1] * this.view.room.height / 8);
    return true;
  }
}
