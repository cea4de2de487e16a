// A film that is stood on by frames, not by seconds. When each frame is shown is known from the server, which read it from the
// file; the browser is sent to the middle of a frame's time, where no rounding leads to the one beside it.

import { ApiError, call } from "../review/api.js";

/** Speeds of playing. */
export const speeds = [0.25, 0.5, 1, 1.5, 2, 4];

// A film as the browser plays it, once its first picture is there. One of which it plays the sound only is none.
function playing(url) {
  const element = document.createElement("video");
  Object.assign(element, { muted: true, playsInline: true, preload: "auto", disablePictureInPicture: true });
  const ready = new Promise((resolve, reject) => {
    element.addEventListener("loadeddata", () => (element.videoWidth > 0 ? resolve(element) : reject(new Error(""))), { once: true });
    element.addEventListener("error", () => reject(new Error(element.error?.message ?? "")), { once: true });
  });
  // Handled by who waits for it; a film that fails while its frames are still asked for must not count as nobody's.
  ready.catch(() => {});
  element.src = url;
  return ready;
}

export class Film extends EventTarget {
  #stage;
  #url = null;
  #rate = null;
  #start = 0;
  #times = null;
  #seeking = false;

  // Told to stop, and not yet where it stopped.
  #stopping = false;
  #stop = new AbortController();

  /** The element that plays. */
  element = null;

  /** Frames up to the end of the part that is worked on, or 0 before they are known. */
  count = 0;

  /** The first frame of the part that is worked on: a job of a long film is a part of it. */
  first = 0;

  /** The frame on screen, from 0. */
  frame = 0;

  speed = 1;

  constructor(stage) {
    super();
    this.#stage = stage;
  }

  get playing() {
    return Boolean(this.element) && !this.element.paused && !this.element.ended;
  }

  /** Whether the picture of the frame asked for is on screen. */
  get settled() {
    return !this.#seeking && !this.#stopping && !this.playing;
  }

  /**
   * Opens a film on the stage.
   * @param {string|null} url
   * @param {object} parts failed(why, text) shows what is wrong; loading(share) that it is on its way, with the part from 0 to 1 that is made of one that no browser plays; first, end: the frames that are worked on, all where they are not given
   */
  async open(url, { failed, loading, first = 0, end = null }) {
    this.close();
    this.#url = url;
    if (!url) {
      failed("none");
      return;
    }

    loading();
    const stop = this.#stop = new AbortController();
    const own = url.startsWith("/");
    const shown = playing(url);
    let frames = null;
    let problem = null;
    try {
      if (own) frames = (await call("GET", `${url}/frames`, { timeout: 90_000 })).value;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      problem = error.message;
    }

    let element = null;
    try {
      element = await shown;
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!own || !frames) {
        failed("unplayable", problem ?? error.message);
        return;
      }
    }

    // What no browser plays the server makes into what they play, frame for frame.
    if (!element) {
      try {
        frames = await this.#playable(url, loading, stop.signal);
        element = frames ? await playing(`${url}/playable.mp4`) : null;
      } catch (error) {
        if (!stop.signal.aborted) failed("unplayable", error instanceof ApiError ? error.message : "");
        return;
      }
    }

    if (stop.signal.aborted || !element) return;
    if (!frames) {
      failed("frames", problem ?? "");
      return;
    }

    this.element = element;
    this.count = Math.min(frames.count, end ?? frames.count);
    this.first = Math.max(0, Math.min(first, this.count - 1));
    this.#rate = frames.rate ?? null;
    this.#start = frames.start ?? 0;
    this.#times = frames.times ?? null;
    this.frame = this.first;
    element.addEventListener("seeked", () => this.#arrived(), { signal: stop.signal });
    for (const event of ["play", "pause", "ended"]) element.addEventListener(event, () => this.dispatchEvent(new Event("state")), { signal: stop.signal });
    element.addEventListener("pause", () => this.#rest(), { signal: stop.signal });
    this.#watch(stop.signal);
    this.#stage.place(element, element.videoWidth, element.videoHeight);
    this.dispatchEvent(new Event("open"));
    this.go(this.first);
  }

  // Asks until the film that can be played is there; null where nobody waits any more.
  async #playable(url, loading, signal) {
    while (!signal.aborted) {
      const { done, frames } = (await call("GET", `${url}/playable`, { timeout: 90_000 })).value;
      if (signal.aborted) break;
      if (frames) return frames;
      loading(done);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }

    return null;
  }

  close() {
    this.#stop.abort();
    this.#url = null;
    this.#seeking = false;
    this.#stopping = false;
    if (this.element) {
      this.element.pause();
      this.element.removeAttribute("src");
      this.element.load();
    }

    this.element = null;
    this.count = 0;
    this.first = 0;
    this.frame = 0;
  }

  /** When a frame is shown, in seconds of the film. */
  timeOf(frame) {
    return this.#times ? this.#times[Math.min(Math.max(frame, 0), this.#times.length - 1)] : this.#start + (frame / this.#rate);
  }

  /** The frame that is shown at a time. */
  frameAt(seconds) {
    if (!this.#times) return Math.min(Math.max(0, Math.floor(((seconds - this.#start) * this.#rate) + 0.02)), this.count - 1);
    let [low, high] = [0, this.#times.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#times[middle] <= seconds + 1e-4) low = middle;
      else high = middle - 1;
    }

    return low;
  }

  /** Length in seconds. */
  get duration() {
    return this.count === 0 ? 0 : this.timeOf(this.count - 1) + this.#length(this.count - 1) - this.#start;
  }

  /** Seconds from the first frame on, as segments are written. */
  secondsAt(frame) {
    return Math.round((this.timeOf(frame) - this.#start) * 1e4) / 1e4;
  }

  /** The frame at so many seconds from the first. */
  frameOfSeconds(seconds) {
    return this.frameAt(seconds + this.#start + 5e-4);
  }

  #length(frame) {
    return frame + 1 < this.count ? this.timeOf(frame + 1) - this.timeOf(frame) : frame > 0 ? this.timeOf(frame) - this.timeOf(frame - 1) : 0.04;
  }

  /** Goes to a frame. Where the browser is still on its way to another, this one is next. */
  go(frame) {
    if (!this.element || this.count === 0) return;
    this.pause();
    this.frame = Math.min(Math.max(Math.round(frame), this.first), this.count - 1);
    this.dispatchEvent(new Event("frame"));
    if (!this.#seeking) this.#seek();
  }

  step(by) {
    this.go(this.frame + by);
  }

  #seek() {
    this.#seeking = true;
    this.#target = this.frame;
    this.element.currentTime = this.timeOf(this.frame) + (this.#length(this.frame) / 2);
  }

  #target = -1;

  #arrived() {
    this.#seeking = false;
    if (this.#target !== this.frame && !this.playing) this.#seek();
    else this.dispatchEvent(new Event("settled"));
  }

  play() {
    if (!this.element || this.count === 0) return;
    if (this.frame >= this.count - 1) this.go(this.first);
    this.element.playbackRate = this.speed;
    this.element.play().catch(() => {});
  }

  pause() {
    if (!this.playing) return;
    this.#stopping = true;
    this.element.pause();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  setSpeed(speed) {
    this.speed = speed;
    if (this.element) this.element.playbackRate = speed;
    this.dispatchEvent(new Event("state"));
  }

  // What is really on screen while it plays: the browser says so with each picture that it shows.
  #watch(signal) {
    const { element } = this;
    const shown = (_, { mediaTime }) => {
      if (signal.aborted) return;
      if (this.playing) {
        this.frame = this.frameAt(mediaTime);
        this.dispatchEvent(new Event("frame"));
        if (this.frame >= this.count - 1) this.pause();
      }

      element.requestVideoFrameCallback(shown);
    };
    element.requestVideoFrameCallback(shown);
  }

  // Stopped somewhere within a frame: onto the middle of it, so that what is drawn is what is seen.
  #rest() {
    this.#stopping = false;
    if (this.#seeking || !this.element) return;
    this.frame = this.frameAt(this.element.currentTime);
    this.dispatchEvent(new Event("frame"));
    this.#seek();
  }
}
