// The film from end to end: a row a track or segment, keyframes as diamonds, the place that is on screen. Only rows and
// frames in sight are drawn.

import { h } from "../dom.js";
import { sized } from "./painter.js";

const ruler = 22;
const rowHeight = 18;
const grip = 5;
const margin = 10;

export class Timeline {
  #t;
  #film;
  #source;
  #due = 0;
  #from = 0;
  #span = 0;
  #top = 0;
  #drag = null;

  /**
   * @param {object} parts t (texts), film, source: { rows: [{ id, color, sure, bars: [[from, to]], keys: [frames] }], selectedId, pick(id),
   * stretch?(id, edge, frame, done) }; signal (ends it)
   */
  constructor({ t, film, source, signal }) {
    this.#t = t;
    this.#film = film;
    this.#source = source;
    this.canvas = h("canvas.tl-canvas");
    this.element = h("div.tl", {
      tabIndex: 0, role: "slider", aria: { label: t("Canvas.Frame"), valuemin: "0", valuemax: "0", valuenow: "0" },
    }, this.canvas);
    const on = (event, listener, more = {}) => this.element.addEventListener(event, listener, { signal, ...more });
    on("pointerdown", (e) => this.#down(e));
    on("pointermove", (e) => this.#move(e));
    on("pointerup", (e) => this.#up(e));
    on("pointercancel", () => { this.#drag = null; });
    on("wheel", (e) => this.#wheel(e), { passive: false });
    this.observer = new ResizeObserver(() => this.#paint());
    this.observer.observe(this.element);
    signal?.addEventListener("abort", () => this.observer.disconnect());
    film.addEventListener("open", () => {
      [this.#from, this.#span, this.#top] = [film.first, film.count - film.first, 0];
      this.draw();
    });
  }

  draw() {
    this.#due ||= requestAnimationFrame(() => {
      this.#due = 0;
      this.#paint();
    });
  }

  // ---- places ----

  get #width() {
    return Math.max(1, this.element.clientWidth - (2 * margin));
  }

  #xOf(frame) {
    return margin + (((frame - this.#from) / this.#span) * this.#width);
  }

  #frameOf(x) {
    return this.#from + (((x - margin) / this.#width) * this.#span);
  }

  #place(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  // ---- pointer ----

  #down(event) {
    if (this.#film.count === 0 || event.button !== 0) return;
    const [x, y] = this.#place(event);
    this.element.setPointerCapture(event.pointerId);
    const row = y > ruler ? this.#source.rows[Math.floor((y - ruler + this.#top) / rowHeight)] : null;
    if (row) {
      this.#source.pick(row.id);
      const edge = this.#source.stretch ? row.bars.flatMap(([from, to]) => [["start", from], ["end", to]]).find(([, f]) => Math.abs(this.#xOf(f) - x) <= grip) : null;
      if (edge) {
        this.#drag = { id: row.id, edge: edge[0] };
        return;
      }
    }

    this.#drag = { seek: true };
    this.#film.go(Math.floor(this.#frameOf(x)));
  }

  #move(event) {
    const [x, y] = this.#place(event);
    if (!this.#drag) {
      const row = y > ruler ? this.#source.rows[Math.floor((y - ruler + this.#top) / rowHeight)] : null;
      const edge = this.#source.stretch && row?.bars.some((bar) => bar.some((f) => Math.abs(this.#xOf(f) - x) <= grip));
      this.element.style.cursor = edge ? "ew-resize" : "";
      return;
    }

    const frame = Math.min(Math.max(Math.round(this.#frameOf(x)), this.#film.first), this.#film.count);
    if (this.#drag.seek) this.#film.go(Math.floor(this.#frameOf(x)));
    else this.#source.stretch(this.#drag.id, this.#drag.edge, frame, false);
    // At the side the view goes along.
    if (x < margin) this.#shift(-this.#span / 40);
    else if (x > this.element.clientWidth - margin) this.#shift(this.#span / 40);
  }

  #up(event) {
    const drag = this.#drag;
    this.#drag = null;
    if (drag && !drag.seek) this.#source.stretch(drag.id, drag.edge, Math.min(Math.max(Math.round(this.#frameOf(this.#place(event)[0])), this.#film.first), this.#film.count), true);
  }

  #wheel(event) {
    if (this.#film.count === 0) return;
    event.preventDefault();
    if (event.ctrlKey || event.altKey) {
      const at = this.#frameOf(this.#place(event)[0]);
      const span = Math.min(this.#film.count - this.#film.first, Math.max(20, this.#span * Math.exp(event.deltaY * 0.002)));
      this.#from = at - ((at - this.#from) * (span / this.#span));
      this.#span = span;
      this.#shift(0);
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.#shift((event.deltaX || event.deltaY) / this.#width * this.#span);
    } else {
      this.#scroll(this.#top + event.deltaY);
    }
  }

  #shift(by) {
    this.#from = Math.min(Math.max(this.#film.first, this.#from + by), this.#film.count - this.#span);
    this.draw();
  }

  #scroll(top) {
    const room = this.element.clientHeight - ruler;
    this.#top = Math.min(Math.max(0, top), Math.max(0, (this.#source.rows.length * rowHeight) - room));
    this.draw();
  }

  /** Brings row and place of what is selected into sight. */
  reveal() {
    const at = this.#source.rows.findIndex((r) => r.id === this.#source.selectedId);
    const room = this.element.clientHeight - ruler;
    if (at >= 0 && at * rowHeight < this.#top) this.#scroll(at * rowHeight);
    else if (at >= 0 && (at + 1) * rowHeight > this.#top + room) this.#scroll(((at + 1) * rowHeight) - room);
  }

  // ---- drawing ----

  #paint() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const film = this.#film;
    if (width === 0 || height === 0) return;
    const context = sized(this.canvas, width, height);
    context.clearRect(0, 0, width, height);
    if (film.count === 0) return;
    if (this.#span === 0 || this.#span > film.count - film.first) [this.#from, this.#span] = [film.first, film.count - film.first];
    const { frame } = film;
    if (film.playing && (frame < this.#from || frame > this.#from + this.#span)) this.#from = Math.min(frame, film.count - this.#span);
    const style = getComputedStyle(this.element);
    const ink = style.getPropertyValue("--an-muted").trim() || "#546064";
    const line = style.getPropertyValue("--an-border").trim() || "#d4dbdc";
    const accent = style.getPropertyValue("--an-accent").trim() || "#0b6572";
    const soft = style.getPropertyValue("--an-accent-soft").trim() || "#dcebed";
    this.#ruler(context, width, ink, line);
    this.#rows(context, width, height, { accent, soft, ink });
    const x = Math.round(this.#xOf(frame + 0.5)) + 0.5;
    context.strokeStyle = accent;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x, 4);
    context.lineTo(x, height);
    context.stroke();
    context.fillStyle = accent;
    context.beginPath();
    context.moveTo(x - 5, 2);
    context.lineTo(x + 5, 2);
    context.lineTo(x, 9);
    context.fill();
    this.element.setAttribute("aria-valuemin", String(film.first));
    this.element.setAttribute("aria-valuemax", String(film.count - 1));
    this.element.setAttribute("aria-valuenow", String(frame));
    this.element.setAttribute("aria-valuetext", this.#t("Canvas.FrameOf", frame, film.count - 1, clock(film.secondsAt(frame))));
  }

  #ruler(context, width, ink, line) {
    const rough = this.#span / Math.max(1, width / 90);
    const unit = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
    const step = Math.max(1, [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough) ?? unit * 10);
    context.font = "10px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillStyle = ink;
    context.strokeStyle = line;
    context.lineWidth = 1;
    for (let f = Math.ceil(this.#from / step) * step; f <= this.#from + this.#span; f += step) {
      const x = Math.round(this.#xOf(f)) + 0.5;
      context.beginPath();
      context.moveTo(x, ruler - 6);
      context.lineTo(x, ruler);
      context.stroke();
      context.fillText(String(f), x + 3, ruler / 2);
    }

    context.beginPath();
    context.moveTo(0, ruler + 0.5);
    context.lineTo(width, ruler + 0.5);
    context.stroke();
  }

  #rows(context, width, height, { accent, soft, ink }) {
    const { rows, selectedId } = this.#source;
    context.save();
    context.beginPath();
    context.rect(0, ruler + 1, width, height);
    context.clip();
    const first = Math.max(0, Math.floor(this.#top / rowHeight));
    const last = Math.min(rows.length, Math.ceil((this.#top + height - ruler) / rowHeight));
    for (let i = first; i < last; i++) {
      const row = rows[i];
      const y = ruler + (i * rowHeight) - this.#top;
      const selected = row.id === selectedId;
      if (selected) {
        context.fillStyle = soft;
        context.fillRect(0, y, width, rowHeight);
      }

      context.fillStyle = row.color;
      context.globalAlpha = row.sure ? 0.55 : 0.3;
      for (const [from, to] of row.bars) {
        if (to < this.#from || from > this.#from + this.#span) continue;
        const [a, b] = [Math.max(this.#xOf(from), 0), Math.min(this.#xOf(to), width)];
        context.fillRect(a, y + 5, Math.max(2, b - a), rowHeight - 10);
      }

      context.globalAlpha = 1;
      context.fillStyle = selected ? accent : row.color;
      this.#keys(context, row.keys, y + (rowHeight / 2));
      if (row.text) {
        context.fillStyle = ink;
        context.font = "600 10px system-ui, sans-serif";
        context.fillText(row.text, Math.max(this.#xOf(row.bars[0]?.[0] ?? 0), 0) + 4, y + (rowHeight / 2), 160);
      }
    }

    context.restore();
  }

  // Diamonds that would lie on one another are drawn once.
  #keys(context, keys, y) {
    let drawn = -Infinity;
    for (const frame of keys) {
      if (frame < this.#from - 1 || frame > this.#from + this.#span) continue;
      const x = this.#xOf(frame + 0.5);
      if (x - drawn < 4) continue;
      drawn = x;
      context.beginPath();
      context.moveTo(x, y - 5);
      context.lineTo(x + 4, y);
      context.lineTo(x, y + 5);
      context.lineTo(x - 4, y);
      context.fill();
    }
  }
}

/** Seconds as minutes, seconds and hundredths. */
export function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - (minutes * 60)).toFixed(2).padStart(5, "0")}`;
}
