// Time that a person really spent on an item: it stands still while the page is hidden or nobody touches it.

/** Seconds without any input after which the clock stands still. */
export const idleSeconds = 60;

export class ActiveClock {
  #now;
  #active = 0;
  #last;
  #hidden = false;

  /** @param {() => number} now milliseconds, monotonic */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#last = now();
  }

  #add() {
    const now = this.#now();
    if (!this.#hidden) this.#active += Math.min(now - this.#last, idleSeconds * 1000);
    this.#last = now;
  }

  /** A key, a pointer, a wheel: somebody is there. */
  touch() {
    this.#add();
  }

  /** The page went out of sight or came back. */
  setHidden(hidden) {
    if (hidden === this.#hidden) return;
    this.#add();
    this.#hidden = hidden;
    this.#last = this.#now();
  }

  /** Starts over, for the next item. */
  reset() {
    this.#active = 0;
    this.#last = this.#now();
  }

  /** Goes on from an earlier stay at the same item. */
  resume(seconds) {
    this.reset();
    this.#active = seconds * 1000;
  }

  /** Active seconds since the start. */
  get seconds() {
    this.#add();
    return Math.round(this.#active / 10) / 100;
  }

  /** Seconds since the last input. */
  get idle() {
    return (this.#now() - this.#last) / 1000;
  }
}
