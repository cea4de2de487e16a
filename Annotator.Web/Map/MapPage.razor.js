// The map of items: points on a canvas, moved, enlarged and chosen from in the browser. The server hears of a finished choice only.

const SIDE = 65535;
const NONE = 65535;
const NOBODY = 255;
const RAMP = ["#3b7ea1", "#4f93a0", "#6ea68f", "#95b36e", "#bfb54d", "#dba53a", "#dd7f35", "#cf5232"];
const CELLS = 128;
const NEAR = 8;
const REST = 140;
const LARGEST = 400;
const MOST_CORNERS = 200;
const ROUND_BELOW = 4_000;

/** Starts a map inside an element with a canvas, a tip and a frame; `page` hears of choices. */
export function start(root, page, options) {
  return new ItemMap(root, page, options);
}

/** The columns of the points' file as typed arrays. */
export function read(buffer) {
  const head = new DataView(buffer);
  if (buffer.byteLength < 8 || head.getUint32(0, false) !== 0x414e5054) throw new Error("These are no points.");
  const n = head.getUint32(4, true);
  let at = 8;
  const take = (type) => {
    const column = new type(buffer, at, n);
    at += n * type.BYTES_PER_ELEMENT;
    return column;
  };
  return { count: n, ids: take(Float64Array), x: take(Uint16Array), y: take(Uint16Array), label: take(Uint16Array), source: take(Uint8Array), uncertainty: take(Uint8Array), state: take(Uint8Array), region: take(Uint8Array) };
}

/** Whether a place lies inside a closed line, by the rule of even and odd crossings: as on the server. */
export function inside(x, y, corners) {
  let odd = false;
  for (let a = 0, b = corners.length - 2; a < corners.length; b = a, a += 2) {
    const [ax, ay, bx, by] = [corners[a], corners[a + 1], corners[b], corners[b + 1]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

class ItemMap {
  #root; #page; #canvas; #tip; #options; #points = null; #chosen = null; #order = null; #groups = []; #cells = null;
  #scale = 1; #home = 1; #left = 0; #top = 0; #width = 1; #height = 1; #ratio = 1;
  #tool = "move"; #color; #only; #line = null; #drag = null; #pinch = new Map(); #frame = 0; #rest = 0; #asked = null; #focus = false; #stop = new AbortController(); #watch; #themes;

  constructor(root, page, options) {
    this.#root = root;
    this.#page = page;
    this.#options = options;
    this.#color = options.color;
    this.#only = options.only ?? -1;
    this.#canvas = root.querySelector("canvas");
    this.#tip = root.querySelector(".mp-tip");
    const on = (type, handler, more) => this.#canvas.addEventListener(type, handler, { signal: this.#stop.signal, ...more });
    on("pointerdown", (e) => this.#down(e));
    on("pointermove", (e) => this.#moved(e));
    on("pointerup", (e) => this.#up(e));
    on("pointercancel", (e) => this.#up(e, true));
    on("pointerleave", () => this.#hide());
    on("wheel", (e) => this.#wheel(e), { passive: false });
    on("keydown", (e) => this.#key(e));
    on("focus", () => this.#focused(true));
    on("blur", () => this.#focused(false));
    this.#watch = new ResizeObserver(() => this.#resize());
    this.#watch.observe(this.#canvas);
    this.#themes = new MutationObserver(() => this.#paintSoon());
    this.#themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.#resize();
    this.#fit();
  }

  /** Loads the points, or loads them again; what was chosen stays. */
  async load() {
    const answer = await fetch(this.#options.points, { headers: { "X-Annotator": "1" }, signal: this.#stop.signal });
    if (!answer.ok) throw new Error(`Status ${answer.status}`);
    const before = this.#points, kept = new Set();
    if (before) for (let i = 0; i < before.count; i++) if (this.#chosen[i]) kept.add(before.ids[i]);
    this.#points = read(await answer.arrayBuffer());
    this.#chosen = new Uint8Array(this.#points.count);
    if (!before) this.#fit();
    if (kept.size) for (let i = 0; i < this.#points.count; i++) if (kept.has(this.#points.ids[i])) this.#chosen[i] = 1;
    this.#index();
    this.#sort();
    this.#root.dataset.points = this.#points.count;
    return this.#points.count;
  }

  /** Colours by another thing; only one class of it stands out where `only` is 0 or more. */
  color(by, only) {
    [this.#color, this.#only] = [by, only ?? -1];
    this.#sort();
  }

  /** "move" or "lasso". */
  tool(name) {
    this.#tool = name;
    this.#canvas.dataset.tool = name;
  }

  zoom(factor) {
    this.#zoomAt(factor, this.#width / 2, this.#height / 2);
  }

  fit() {
    this.#fit();
    this.#paintSoon();
  }

  clear() {
    this.#chosen?.fill(0);
    this.#line = null;
    this.#paintSoon();
  }

  /** Keeps what is chosen while the window is open, for who looks at an item and comes back. */
  keep(ids) {
    try {
      if (ids.length > 0) sessionStorage.setItem(this.#kept(), JSON.stringify(ids));
      else sessionStorage.removeItem(this.#kept());
    } catch {
      // A browser that keeps nothing forgets the choice.
    }
  }

  /** Chooses what was kept, as far as it is on the map, and answers it. */
  again() {
    let kept = [];
    try {
      kept = JSON.parse(sessionStorage.getItem(this.#kept()) ?? "[]");
    } catch {
      return [];
    }

    const wanted = new Set(kept), found = [];
    for (let i = 0; i < this.#points.count; i++) {
      if (!wanted.has(Number(this.#points.ids[i]))) continue;
      this.#chosen[i] = 1;
      found.push(Number(this.#points.ids[i]));
    }

    this.#paintSoon();
    return found;
  }

  #kept() {
    return `annotator-map ${this.#options.points}`;
  }

  /** Marks a region, and shows it. */
  region(number, x, y) {
    if (!this.#points) return;
    for (let i = 0; i < this.#points.count; i++) this.#chosen[i] = this.#points.region[i] === number ? 1 : 0;
    if (this.#scale > this.#home) {
      const [px, py] = this.#place(x, y);
      this.#left += this.#width / 2 - px;
      this.#top += this.#height / 2 - py;
    }
    this.#paintSoon();
  }

  picture(name) {
    const link = document.createElement("a");
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [this.#canvas.width, this.#canvas.height];
    const context = copy.getContext("2d");
    context.fillStyle = this.#style("--an-surface");
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(this.#canvas, 0, 0);
    copy.toBlob((blob) => {
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    }, "image/png");
  }

  dispose() {
    this.#stop.abort();
    this.#watch.disconnect();
    this.#themes.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#rest);
  }

  // ---- looking

  #style(variable) {
    return getComputedStyle(this.#root).getPropertyValue(variable).trim();
  }

  #resolve(color) {
    const variable = /^var\((--[\w-]+)\)$/.exec(color ?? "");
    return variable ? this.#style(variable[1]) : color || "#888888";
  }

  #resize() {
    const box = this.#canvas.getBoundingClientRect();
    if (box.width === 0) return;
    const fresh = this.#width === 1;
    [this.#width, this.#height, this.#ratio] = [box.width, box.height, Math.min(2, devicePixelRatio || 1)];
    [this.#canvas.width, this.#canvas.height] = [Math.round(box.width * this.#ratio), Math.round(box.height * this.#ratio)];
    if (fresh || this.#scale === this.#home) this.#fit();
    this.#paintSoon();
  }

  #unit() {
    return (Math.min(this.#width, this.#height) * 0.94) / SIDE;
  }

  // What there is fills the frame, whatever the shape of the map; before there are points, the whole square does.
  #fit() {
    let [x0, y0, x1, y1] = [0, 0, SIDE, SIDE];
    if (this.#points?.count > 1) {
      [x0, y0, x1, y1] = [SIDE, SIDE, 0, 0];
      for (let i = 0; i < this.#points.count; i++) {
        const [x, y] = [this.#points.x[i], this.#points.y[i]];
        [x0, x1, y0, y1] = [Math.min(x0, x), Math.max(x1, x), Math.min(y0, y), Math.max(y1, y)];
      }
    }

    const unit = this.#unit(), margin = 24;
    const fits = Math.min((this.#width - 2 * margin) / Math.max(1, x1 - x0), (this.#height - 2 * margin) / Math.max(1, y1 - y0)) / unit;
    this.#scale = this.#home = Math.min(8, Math.max(0.5, fits));
    const k = unit * this.#scale;
    [this.#left, this.#top] = [(this.#width - (x0 + x1) * k) / 2, (this.#height - (y0 + y1) * k) / 2];
  }

  #place(x, y) {
    const k = this.#unit() * this.#scale;
    return [this.#left + x * k, this.#top + y * k];
  }

  #back(px, py) {
    const k = this.#unit() * this.#scale;
    return [(px - this.#left) / k, (py - this.#top) / k];
  }

  #zoomAt(factor, px, py) {
    const [x, y] = this.#back(px, py);
    this.#scale = Math.min(LARGEST, Math.max(0.5, this.#scale * factor));
    const [nx, ny] = this.#place(x, y);
    this.#left += px - nx;
    this.#top += py - ny;
    this.#hide();
    this.#paintSoon();
  }

  #class(i) {
    const p = this.#points;
    switch (this.#color) {
      case "source": return p.source[i];
      case "state": return p.state[i];
      case "uncertainty": return p.uncertainty[i] >> 5;
      default: return p.label[i];
    }
  }

  #colorOf(of) {
    if (this.#color === "uncertainty") return RAMP[of];
    if (this.#color === "label") return of === NONE ? this.#style("--an-border-strong") : this.#resolve(this.#options.colors.label[of]);
    if (this.#color === "source") return of === NOBODY ? this.#style("--an-border-strong") : this.#resolve(this.#options.colors.source[of]);
    return this.#resolve(this.#options.colors.state[of]);
  }

  /** Whether a point belongs to what stands out. */
  #stands(i) {
    return this.#only < 0 || this.#class(i) === this.#only;
  }

  // One colour after the other: the canvas changes its colour a few times, not a hundred thousand.
  #sort() {
    if (!this.#points) return;
    const sizes = new Map();
    for (let i = 0; i < this.#points.count; i++) {
      const of = this.#class(i);
      sizes.set(of, (sizes.get(of) ?? 0) + 1);
    }

    // Rare ones last, on top.
    const classes = [...sizes.keys()].sort((a, b) => (a === this.#only) - (b === this.#only) || sizes.get(b) - sizes.get(a));
    const starts = new Map();
    let at = 0;
    this.#groups = classes.map((of) => {
      starts.set(of, at);
      at += sizes.get(of);
      return { of, from: at - sizes.get(of), to: at };
    });
    this.#order = new Uint32Array(this.#points.count);
    for (let i = 0; i < this.#points.count; i++) {
      const of = this.#class(i), place = starts.get(of);
      this.#order[place] = i;
      starts.set(of, place + 1);
    }
    this.#paintSoon();
  }

  #index() {
    const n = this.#points.count, counts = new Uint32Array(CELLS * CELLS + 1);
    const cell = (i) => Math.min(CELLS - 1, (this.#points.y[i] * CELLS / (SIDE + 1)) | 0) * CELLS + Math.min(CELLS - 1, (this.#points.x[i] * CELLS / (SIDE + 1)) | 0);
    for (let i = 0; i < n; i++) counts[cell(i) + 1]++;
    for (let c = 0; c < CELLS * CELLS; c++) counts[c + 1] += counts[c];
    const next = counts.slice(), members = new Uint32Array(n);
    for (let i = 0; i < n; i++) members[next[cell(i)]++] = i;
    this.#cells = { counts, members };
  }

  #paintSoon() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint() {
    const context = this.#canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    if (this.#points) this.#paintPoints(context);
    if (this.#line) {
      context.beginPath();
      for (let c = 0; c < this.#line.length; c += 2) context[c ? "lineTo" : "moveTo"](...this.#place(this.#line[c], this.#line[c + 1]));
      context.closePath();
      context.fillStyle = this.#style("--an-accent");
      context.globalAlpha = 0.12;
      context.fill();
      context.globalAlpha = 1;
      context.strokeStyle = this.#style("--an-accent");
      context.lineWidth = 1.5;
      context.setLineDash([5, 4]);
      context.stroke();
      context.setLineDash([]);
    }
    if (this.#focus) {
      const [x, y, w, h] = this.#keyFrame();
      context.strokeStyle = this.#style("--an-focus");
      context.lineWidth = 1.5;
      context.strokeRect(x, y, w, h);
    }
  }

  #paintPoints(context) {
    const p = this.#points, k = this.#unit() * this.#scale, left = this.#left, top = this.#top;
    const size = Math.max(1.6, Math.min(9, (p.count > 20_000 ? 1.6 : p.count > 3_000 ? 2.6 : 4.4) * Math.sqrt(this.#scale / this.#home)));
    const half = size / 2, quiet = this.#style("--an-border");
    let visible = 0;
    for (let i = 0; i < p.count && visible <= ROUND_BELOW; i++) {
      const x = left + p.x[i] * k, y = top + p.y[i] * k;
      if (x > -size && y > -size && x < this.#width + size && y < this.#height + size) visible++;
    }
    const round = visible <= ROUND_BELOW;
    context.globalAlpha = p.count > 20_000 ? 0.75 : 0.9;
    for (const group of this.#groups) {
      context.fillStyle = this.#only >= 0 && group.of !== this.#only ? quiet : this.#colorOf(group.of);
      context.beginPath();
      for (let o = group.from; o < group.to; o++) {
        const i = this.#order[o], x = left + p.x[i] * k, y = top + p.y[i] * k;
        if (x < -size || y < -size || x > this.#width + size || y > this.#height + size) continue;
        if (round) {
          context.moveTo(x + half, y);
          context.arc(x, y, half, 0, 6.3);
        } else {
          context.fillRect(x - half, y - half, size, size);
        }
      }
      if (round) context.fill();
    }
    context.globalAlpha = 1;

    // What is chosen has a ring, whatever its colour.
    context.strokeStyle = this.#style("--an-text");
    context.lineWidth = 1.25;
    context.beginPath();
    for (let i = 0; i < p.count; i++) {
      if (!this.#chosen[i]) continue;
      const x = left + p.x[i] * k, y = top + p.y[i] * k;
      if (x < -size || y < -size || x > this.#width + size || y > this.#height + size) continue;
      context.moveTo(x + half + 1.5, y);
      context.arc(x, y, half + 1.5, 0, 6.3);
    }
    context.stroke();
  }

  // ---- pointing

  #at(e) {
    const box = this.#canvas.getBoundingClientRect();
    return [e.clientX - box.left, e.clientY - box.top];
  }

  #down(e) {
    if (e.button !== 0) return;
    this.#canvas.setPointerCapture(e.pointerId);
    const [px, py] = this.#at(e);
    this.#pinch.set(e.pointerId, [px, py]);
    this.#hide();
    if (this.#pinch.size === 2) {
      this.#drag = null;
      this.#line = null;
      return;
    }
    const lasso = this.#tool === "lasso" || e.shiftKey;
    this.#drag = { px, py, lasso, add: e.shiftKey && this.#tool === "lasso", far: false };
    if (lasso) this.#line = this.#back(px, py);
  }

  #moved(e) {
    const [px, py] = this.#at(e);
    if (this.#pinch.size === 2 && this.#pinch.has(e.pointerId)) {
      const before = [...this.#pinch.values()], distance = (a) => Math.hypot(a[0][0] - a[1][0], a[0][1] - a[1][1]);
      this.#pinch.set(e.pointerId, [px, py]);
      const after = [...this.#pinch.values()];
      this.#zoomAt(distance(after) / Math.max(1, distance(before)), (after[0][0] + after[1][0]) / 2, (after[0][1] + after[1][1]) / 2);
      return;
    }
    if (!this.#drag) return this.#hover(px, py);
    this.#pinch.set(e.pointerId, [px, py]);
    if (Math.hypot(px - this.#drag.px, py - this.#drag.py) > 3) this.#drag.far = true;
    if (this.#drag.lasso) {
      const [lx, ly] = this.#place(this.#line.at(-2), this.#line.at(-1));
      if (Math.hypot(px - lx, py - ly) > 3) this.#line = [...this.#line, ...this.#back(px, py)];
    } else if (this.#drag.far) {
      this.#left += px - (this.#drag.lastX ?? this.#drag.px);
      this.#top += py - (this.#drag.lastY ?? this.#drag.py);
      [this.#drag.lastX, this.#drag.lastY] = [px, py];
    }
    this.#paintSoon();
  }

  #up(e, cancelled = false) {
    this.#pinch.delete(e.pointerId);
    const drag = this.#drag;
    this.#drag = null;
    if (!drag || cancelled) {
      this.#line = null;
      return this.#paintSoon();
    }
    const line = this.#line;
    this.#line = null;
    if (drag.lasso && drag.far && line.length >= 6) return this.#choose(line, drag.add);
    if (!drag.far) {
      const near = this.#nearest(...this.#at(e));
      if (near >= 0) {
        if (!e.shiftKey) this.#chosen.fill(0);
        this.#chosen[near] = 1;
        this.#page.invokeMethodAsync("ChosenPointAsync", this.#points.ids[near], e.shiftKey);
      }
    }
    this.#paintSoon();
  }

  #wheel(e) {
    e.preventDefault();
    this.#zoomAt(Math.exp(-e.deltaY * (e.deltaMode === 1 ? 0.05 : 0.0016)), ...this.#at(e));
  }

  #choose(line, add) {
    const step = Math.max(1, Math.ceil(line.length / 2 / MOST_CORNERS)), corners = [];
    for (let c = 0; c < line.length; c += 2 * step) corners.push(Math.round(line[c]), Math.round(line[c + 1]));
    if (!add) this.#chosen.fill(0);
    for (let i = 0; i < this.#points.count; i++) if (this.#stands(i) && inside(this.#points.x[i], this.#points.y[i], corners)) this.#chosen[i] = 1;
    this.#paintSoon();
    this.#page.invokeMethodAsync("ChosenAsync", corners, add);
  }

  #nearest(px, py) {
    if (!this.#cells) return -1;
    const [x, y] = this.#back(px, py), reach = NEAR / (this.#unit() * this.#scale), unit = (SIDE + 1) / CELLS;
    const [fromX, toX, fromY, toY] = [x - reach, x + reach, y - reach, y + reach].map((v) => Math.max(0, Math.min(CELLS - 1, Math.floor(v / unit))));
    let [best, distance] = [-1, reach * reach];
    for (let cy = fromY; cy <= toY; cy++) {
      for (let m = this.#cells.counts[cy * CELLS + fromX]; m < this.#cells.counts[cy * CELLS + toX + 1]; m++) {
        const i = this.#cells.members[m], d = (this.#points.x[i] - x) ** 2 + (this.#points.y[i] - y) ** 2;
        if (d < distance && this.#stands(i)) [best, distance] = [i, d];
      }
    }
    return best;
  }

  // ---- the text under the pointer

  #hover(px, py) {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#tell(px, py), REST);
  }

  async #tell(px, py) {
    const near = this.#nearest(px, py);
    if (near < 0) return this.#hide();
    const id = this.#points.ids[near];
    if (this.#asked === id) return;
    this.#asked = id;
    try {
      const answer = await fetch(`${this.#options.items}/${id}`, { headers: { "X-Annotator": "1", Accept: "application/json" }, signal: this.#stop.signal });
      if (!answer.ok || this.#asked !== id) return;
      const item = await answer.json(), text = item.text ?? item.url ?? item.key;
      this.#tip.textContent = text.length > 240 ? `${text.slice(0, 240)}…` : text;
      const [x, y] = this.#place(this.#points.x[near], this.#points.y[near]);
      this.#tip.style.left = `${Math.min(this.#width - 280, Math.max(8, x + 12))}px`;
      this.#tip.style.top = `${Math.min(this.#height - 60, y + 12)}px`;
      this.#tip.hidden = false;
    } catch {
      // The page is gone, or the text cannot be had at the moment: the map works without.
    }
  }

  #hide() {
    clearTimeout(this.#rest);
    this.#asked = null;
    this.#tip.hidden = true;
  }

  // ---- keys

  #focused(is) {
    this.#focus = is && this.#canvas.matches(":focus-visible");
    this.#paintSoon();
  }

  #keyFrame() {
    const [w, h] = [this.#width / 3, this.#height / 3];
    return [(this.#width - w) / 2, (this.#height - h) / 2, w, h];
  }

  #key(e) {
    const step = 48;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (moves[e.key]) {
      this.#left += moves[e.key][0];
      this.#top += moves[e.key][1];
    } else if (e.key === "+" || e.key === "=") {
      this.zoom(1.3);
    } else if (e.key === "-") {
      this.zoom(1 / 1.3);
    } else if (e.key === "0") {
      this.#fit();
    } else if (e.key === "Enter" && this.#points) {
      const [x, y, w, h] = this.#keyFrame();
      this.#choose([...this.#back(x, y), ...this.#back(x + w, y), ...this.#back(x + w, y + h), ...this.#back(x, y + h)], e.shiftKey);
    } else if (e.key === "Escape") {
      this.clear();
      this.#page.invokeMethodAsync("ClearedAsync");
    } else {
      return;
    }
    e.preventDefault();
    this.#focus = true;
    this.#paintSoon();
  }
}
