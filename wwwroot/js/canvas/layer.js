// A canvas whose content is dear: while the image is moved, what was painted is moved with it, and painted anew at rest.

import { h } from "../dom.js";
import { sized } from "./painter.js";

// From so many parts in sight on a frame of painting is felt.
const heavy = 400;

const restMilliseconds = 90;

export class StillLayer {
  #painted = null;
  #weight = 0;
  #timer = 0;
  #again;

  /** @param {() => void} again asks for a frame */
  constructor(again) {
    this.#again = again;
    this.element = h("canvas.cv-layer");
  }

  /**
   * @param {object} view where the image lies
   * @param {unknown} content changes identity when there is something else to paint
   * @param {(context: CanvasRenderingContext2D) => number} paint paints all, answers how many parts are in sight
   */
  draw(view, content, paint) {
    const painted = this.#painted;
    const { scale, x, y, room } = view;
    const moved = painted && (painted.scale !== scale || painted.x !== x || painted.y !== y);
    const kept = painted && painted.content === content && painted.width === room.width && painted.height === room.height;
    if (kept && moved && this.#weight >= heavy && !this.#rested) {
      // What was at the painted origin is at the present one now.
      const factor = scale / painted.scale;
      this.element.style.transform = `translate(${x - (painted.x * factor)}px, ${y - (painted.y * factor)}px) scale(${factor})`;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#rested = true;
        this.#again();
      }, restMilliseconds);
      return;
    }

    clearTimeout(this.#timer);
    this.#rested = false;
    this.element.style.transform = "";
    this.#weight = paint(sized(this.element, room.width, room.height));
    this.#painted = { scale, x, y, width: room.width, height: room.height, content };
  }

  #rested = false;

  /** Parts in sight when it was painted last. */
  get weight() {
    return this.#weight;
  }
}
