// The few items that are lent to this page ahead, so that the next one is there at the key press.

import { ApiError, call } from "./api.js";

const fewest = 3;
const most = 10;
const urgentAtOnce = 2;

// While learning catches up with a fast hand, the server lends nothing for a moment: it is asked again soon, then less and less often.
const soonest = 250;
const latest = 4_000;

// Only after this long with nothing is the queue called empty: what was there a moment ago stays in its place till then.
const patience = 1_500;

export class Queue extends EventTarget {
  #url;
  #taken;
  #asking = null;
  #emptyUntil = 0;
  #closed = false;
  #renewed = 0;
  #pause = soonest;
  #timer = 0;
  #dry = 0;

  // So many are decided while the server answers, by a hand that is faster than the line.
  #meanwhile = 0;

  /** Items lent and not shown yet, the next one first. */
  ahead = [];

  /** "loading" until the first answer, then "ready", "waiting" (nothing at this moment), "empty" or "failed". */
  state = "loading";

  error = null;

  /** So many are wanted at the least: a page that shows many at once. */
  atLeast = 0;

  /**
   * @param {string} url "/api/v1/projects/7"
   * @param {(itemId: string) => boolean} taken whether the page has an item already: on screen, or decided and not sent yet
   */
  constructor(url, taken) {
    super();
    this.#url = url;
    this.#taken = taken;
    this.target = 5;
  }

  /** The next item, or null; more are fetched as the stock goes down. */
  take() {
    const item = this.ahead.shift() ?? null;
    if (!item && this.state === "ready") {
      this.state = "waiting";
      this.#dry = performance.now();
    }

    this.fetch({ again: !item });
    return item;
  }

  /** Takes over what was lent to this page before it was loaded anew. */
  adopt(items) {
    this.ahead = [...this.ahead, ...items.filter((i) => i.endsAt > Date.now())];
    if (this.ahead.length > 0) this.state = "ready";
  }

  /** Puts an item back to be the next. */
  putBack(item) {
    this.ahead = this.ahead.filter((i) => i.itemId !== item.itemId);
    this.ahead.unshift(item);
  }

  remove(itemId) {
    this.ahead = this.ahead.filter((i) => i.itemId !== itemId);
  }

  /** Looks ahead further for somebody who is fast, and no further than needed for others: what is lent early is chosen by an older model. */
  setPace(secondsPerItem, latencySeconds) {
    const needed = Math.ceil((latencySeconds + 0.3) / Math.max(secondsPerItem, 0.05)) + fewest;
    this.target = Math.min(most, Math.max(5, needed));
    this.#meanwhile = Math.min(most, Math.floor(latencySeconds / Math.max(secondsPerItem, 0.03)));
  }

  /** Fetches items where there are few. Where the queue was empty just now, only `again` asks anew. */
  fetch({ again = false } = {}) {
    if (this.#closed || this.#asking) return this.#asking ?? Promise.resolve();
    const few = this.atLeast > 0 ? this.#wanted - 1 : Math.max(2, this.target - 3);
    if (this.ahead.length > few && this.state === "ready" && !this.error) return Promise.resolve();
    if (!again && performance.now() < this.#emptyUntil) return Promise.resolve();
    this.#asking = this.#lease().finally(() => { this.#asking = null; });
    return this.#asking;
  }

  // With many at once the next page is fetched while this one is looked at; the server lends a hundred at a time at the most.
  get #wanted() {
    return Math.max(this.target, this.atLeast);
  }

  /** Something arrived that cannot wait: it is fetched although there is stock, and comes next. */
  async hurry() {
    await this.#asking;
    if (this.#closed) return;
    this.#asking = this.#lease(urgentAtOnce).finally(() => { this.#asking = null; });
    await this.#asking;
  }

  async #lease(wanted = Math.min(100, Math.max(1, this.#wanted + this.#meanwhile - this.ahead.length))) {
    const started = performance.now();
    try {
      const { value, serverNow } = await call("POST", `${this.#url}/queue/lease`, { body: { count: wanted } });
      this.latency = (performance.now() - started) / 1000;
      const offset = Date.now() - serverNow;
      const items = (value?.items ?? []).map((item) => withEnd(item, offset));
      if (this.#closed) {
        this.#release(items.map((i) => i.lease));
        return;
      }

      for (const item of items) {
        const known = this.ahead.findIndex((i) => i.itemId === item.itemId);
        if (known >= 0) this.ahead[known] = item;
        else if (!this.#taken(item.itemId)) this.ahead.push(item);
      }

      // What is due stands before what is not; the sort keeps the order of the rest.
      this.ahead.sort((a, b) => (a.dueEndsAt ?? Infinity) === (b.dueEndsAt ?? Infinity) ? 0 : (a.dueEndsAt ?? Infinity) - (b.dueEndsAt ?? Infinity));

      this.#settle();
      this.error = null;
      this.#pause = items.length > 0 ? soonest : Math.min(latest, this.#pause * 1.6);
      // Fewer than asked: there is nothing else at this moment.
      this.#emptyUntil = items.length < wanted ? performance.now() + this.#pause : 0;
      if (items.length < wanted) this.#later();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 423) {
        // The project rests, as a notice above says: this is asked again now and then until it goes on.
        this.state = this.ahead.length > 0 ? "ready" : "empty";
        this.error = null;
        this.#pause = latest;
        this.#emptyUntil = performance.now() + this.#pause;
        this.#later();
        this.dispatchEvent(new Event("change"));
        return;
      }
      this.error = error;
      if (this.ahead.length === 0) this.state = "failed";
      this.#dry = 0;
      this.#emptyUntil = performance.now() + Math.max(2_000, error.retryAfterSeconds * 1000);
    }

    this.dispatchEvent(new Event("change"));
  }

  #settle() {
    const now = performance.now();
    if (this.ahead.length > 0) {
      this.state = "ready";
      this.#dry = 0;
      return;
    }

    this.#dry ||= now;
    // The first answer of all says at once that there is nothing.
    if (this.state === "loading" || this.state === "empty" || now - this.#dry > patience) this.state = "empty";
    else this.state = "waiting";
  }

  // Asks again by itself. A page that nobody sees takes its time.
  #later() {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      if (this.ahead.length < this.#wanted) this.fetch({ again: true });
    }, document.visibilityState === "visible" ? this.#pause : Math.max(this.#pause, 20_000));
  }

  /**
   * Keeps what is lent while somebody is at work; lets go of what ran out. Called now and then.
   * @param {object[]} shown what is lent and has left the stock: on screen or set aside
   * @param {boolean} active whether somebody is at work
   */
  async keep(shown, active) {
    const held = [...this.ahead, ...shown.filter((i) => i.lease)];
    const now = Date.now();
    if (!active || held.length === 0) return;
    const soon = held.filter((i) => i.endsAt - now < i.term / 2);
    if (soon.length > 0 && now - this.#renewed > 10_000) {
      this.#renewed = now;
      try {
        const { value, serverNow } = await call("POST", `${this.#url}/queue/renew`, { body: { leases: held.map((i) => i.lease) } });
        const offset = Date.now() - serverNow;
        const kept = new Map((value?.leases ?? value?.items ?? []).map((l) => [l.lease ?? l.id, l.expiresAt]));
        for (const item of held) if (kept.has(item.lease)) Object.assign(item, withEnd({ ...item, expiresAt: kept.get(item.lease) }, offset));
        // What is no longer ours is not shown; the item on screen stays: its decision is recorded if nobody else has made one.
        this.ahead = this.ahead.filter((i) => kept.has(i.lease));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
      }
    }

    this.ahead = this.ahead.filter((i) => i.endsAt > Date.now());
    this.fetch();
  }

  /** Forgets what ran out while nobody was here. */
  expire() {
    const before = this.ahead.length;
    this.ahead = this.ahead.filter((i) => i.endsAt > Date.now());
    if (this.ahead.length < before) this.fetch({ again: true });
  }

  /** Gives back what is lent and not decided, also while the page goes away. */
  release(shown) {
    const leases = [...this.ahead, ...shown].map((i) => i.lease).filter(Boolean);
    this.ahead = [];
    this.#release(leases);
  }

  #release(leases) {
    if (leases.length === 0) return;
    call("POST", `${this.#url}/queue/release`, { body: { leases }, keepalive: true }).catch(() => {});
  }

  close(shown) {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.release(shown);
  }
}

function withEnd(item, offset) {
  const endsAt = Date.parse(item.expiresAt ?? "") + offset;
  const end = Number.isNaN(endsAt) ? Date.now() + 600_000 : endsAt;
  const due = Date.parse(item.dueAt ?? "") + offset;
  return { ...item, endsAt: end, term: Math.max(30_000, end - Date.now()), ...(Number.isNaN(due) ? {} : { dueEndsAt: due }) };
}
