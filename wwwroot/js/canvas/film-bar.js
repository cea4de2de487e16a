// What a film is driven with: steps, play, speed, the frame's number, and the timeline.

import { fill, h, icon } from "../dom.js";
import { speeds } from "./film.js";
import { Timeline, clock } from "./timeline.js";

/** Frames that a large step goes. */
export const farFrames = 10;

export class FilmBar {
  #t;
  #film;
  #stage;

  /** @param {object} parts t (texts), film, stage, source (of the timeline's rows), signal (ends it) */
  constructor({ t, film, stage, source, signal }) {
    this.#t = t;
    this.#film = film;
    this.#stage = stage;
    this.timeline = new Timeline({ t, film, source, signal });
    this.play = stage.button("play", "play");
    this.number = h("input.an-input.fb-number", {
      type: "number", min: "0", step: "1", value: "0", aria: { label: t("Canvas.Frame") },
      on: { change: () => film.go(Number(this.number.value) || 0), keydown: (e) => { if (e.key === "Enter" || e.key === "Escape") { e.preventDefault(); e.stopPropagation(); if (e.key === "Enter") film.go(Number(this.number.value) || 0); this.number.blur(); } } },
    });
    this.total = h("span.fb-total");
    this.speed = h("select.an-input.fb-speed", { aria: { label: t("Canvas.Speed") }, on: { change: () => { film.setSpeed(Number(this.speed.value)); this.speed.blur(); } } }, speeds.map((s) => h("option", { value: String(s) }, `${s}×`)));
    this.element = h("div.fb", null, h("div.fb-buttons", null, stage.button("previousFrame", "back"), this.play, stage.button("nextFrame", "forward"), this.number, this.total, this.speed), this.timeline.element);
    stage.room.after(this.element);
    this.speed.value = "1";
    film.addEventListener("frame", () => this.draw());
    film.addEventListener("open", () => this.draw());
    film.addEventListener("state", () => this.draw());
  }

  draw() {
    const film = this.#film;
    if (document.activeElement !== this.number) this.number.value = String(film.frame);
    this.number.min = String(film.first);
    this.number.max = String(Math.max(0, film.count - 1));
    const total = film.count > 0 ? this.#t("Canvas.FrameTotal", film.count - 1, clock(film.secondsAt(film.frame))) : "";
    if (this.total.textContent !== total) this.total.textContent = total;
    const sign = film.playing ? "pause" : "play";
    if (this.play.dataset.sign !== sign) {
      this.play.dataset.sign = sign;
      fill(this.play, icon(sign));
    }

    if (this.speed.value !== String(film.speed)) this.speed.value = String(film.speed);
    this.timeline.draw();
  }

  /** A command of the film; true where it was one. */
  command(id) {
    const film = this.#film;
    const faster = (by) => film.setSpeed(speeds[Math.min(Math.max(speeds.indexOf(film.speed) + by, 0), speeds.length - 1)]);
    switch (id) {
      case "play": film.toggle(); break;
      case "nextFrame": film.step(1); break;
      case "previousFrame": film.step(-1); break;
      case "forwardFar": film.step(farFrames); break;
      case "backFar": film.step(-farFrames); break;
      case "faster": faster(1); break;
      case "slower": faster(-1); break;
      default: return false;
    }

    return true;
  }

  /** A key that is no command; true where it was one. */
  key(name) {
    const film = this.#film;
    switch (name) {
      case "ArrowRight": film.step(1); return true;
      case "ArrowLeft": film.step(-1); return true;
      case "Home": film.go(film.first); return true;
      case "End": film.go(film.count - 1); return true;
      default: return this.#stage.key(name);
    }
  }
}
