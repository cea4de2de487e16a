// How fast the page really draws: the time between frames that were drawn one after the other. Standing still does not count.

const kept = 240;

// A longer pause than this was nobody's movement.
const pause = 250;

export class FrameMeter {
  #times = [];
  #last = 0;

  /** A frame was drawn. */
  tick(now) {
    const gap = now - this.#last;
    this.#last = now;
    if (gap <= 0 || gap > pause) return;
    this.#times.push(gap);
    if (this.#times.length > kept) this.#times.shift();
  }

  reset() {
    this.#times = [];
    this.#last = 0;
  }

  /** Frames measured. */
  get count() {
    return this.#times.length;
  }

  /** Frames a second, over what was measured; null before there is anything. */
  get rate() {
    const total = this.#times.reduce((sum, t) => sum + t, 0);
    return total > 0 ? (1_000 * this.#times.length) / total : null;
  }

  /** Milliseconds that 95 of 100 frames did not exceed. */
  get slowest() {
    const sorted = [...this.#times].sort((a, b) => a - b);
    return sorted.length === 0 ? null : sorted[Math.floor(0.95 * (sorted.length - 1))];
  }
}
