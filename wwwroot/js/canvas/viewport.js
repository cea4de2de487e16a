// Where an image lies on the screen: its scale and the place of its origin. Pure arithmetic, so that layers share one truth.

const most = 64;

export class Viewport {
  /** Screen pixels an image pixel. */
  scale = 1;

  /** Place of the image's origin on the screen. */
  x = 0;
  y = 0;

  /** Size of the image and of the room for it. */
  image = { width: 1, height: 1 };
  room = { width: 1, height: 1 };

  /** Whether the whole image is shown and follows the room. */
  fitted = true;

  /** The scale at which the whole image is to be seen; small images are enlarged, so that a digit of 28 pixels is no stamp. */
  get fitScale() {
    const margin = 16;
    const scale = Math.min((this.room.width - margin) / this.image.width, (this.room.height - margin) / this.image.height);
    return Math.max(scale, 1e-4);
  }

  get #least() {
    return Math.min(this.fitScale / 4, 0.5);
  }

  fit() {
    this.scale = this.fitScale;
    this.x = (this.room.width - (this.image.width * this.scale)) / 2;
    this.y = (this.room.height - (this.image.height * this.scale)) / 2;
    this.fitted = true;
  }

  setImage(width, height) {
    this.image = { width, height };
    this.fit();
  }

  setRoom(width, height) {
    const [dx, dy] = [(width - this.room.width) / 2, (height - this.room.height) / 2];
    this.room = { width, height };
    if (this.fitted) this.fit();
    else this.pan(dx, dy);
  }

  /** Zooms so that what lies under a place of the screen stays there. */
  zoom(factor, x = this.room.width / 2, y = this.room.height / 2) {
    const scale = Math.min(most, Math.max(this.#least, this.scale * factor));
    this.x = x - ((x - this.x) * (scale / this.scale));
    this.y = y - ((y - this.y) * (scale / this.scale));
    this.scale = scale;
    this.fitted = false;
    this.#hold();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.#hold();
  }

  // A corner of the image always stays in sight: nobody searches for an image that went away.
  #hold() {
    const keep = 48;
    const [w, h] = [this.image.width * this.scale, this.image.height * this.scale];
    this.x = Math.min(Math.max(this.x, keep - w), this.room.width - keep);
    this.y = Math.min(Math.max(this.y, keep - h), this.room.height - keep);
  }

  toImage(x, y) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  toScreen(x, y) {
    return [(x * this.scale) + this.x, (y * this.scale) + this.y];
  }

  /** What of the image's plane is in sight. */
  get sight() {
    const [x, y] = this.toImage(0, 0);
    return { x, y, width: this.room.width / this.scale, height: this.room.height / this.scale };
  }

  /** Moves as little as needed so that a box is in sight. */
  reveal(box) {
    const [left, top] = this.toScreen(box.x, box.y);
    const [right, bottom] = this.toScreen(box.x + box.width, box.y + box.height);
    const margin = 24;
    const shift = (low, high, size) => {
      if (low >= 0 && high <= size) return 0;
      if (high - low > size - (2 * margin)) return low > size - margin || high < margin ? (size / 2) - ((low + high) / 2) : 0;
      return low < 0 ? margin - low : size - margin - high;
    };
    const [dx, dy] = [shift(left, right, this.room.width), shift(top, bottom, this.room.height)];
    if (dx === 0 && dy === 0) return false;
    this.pan(dx, dy);
    return true;
  }
}
