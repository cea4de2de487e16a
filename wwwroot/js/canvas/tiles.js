// An image too large for a browser to decode whole: seen by its parts, at the scale that the screen has pixels for. Behind them lies a
// coarse picture of all of it, so that nothing is ever empty.

import { h } from "../dom.js";

// Tiles around those in sight, so that a small move finds them there.
const margin = 0.5;

// Tiles that went out of sight and are kept.
const most = 160;

export class TiledPicture {
  #url;
  #set;
  #tiles = new Map();
  #used = 0;
  #base = null;

  /**
   * @param {string} url address of the image
   * @param {object} set how it is cut: { width, height, side, levels: [{ level, width, height }] }
   */
  constructor(url, set) {
    this.#url = url;
    this.#set = set;
    this.element = h("div.cv-tiles");
    // The coarsest scale is a tile or few; it stays for good.
    this.#base = set.levels.at(-1);
    for (const [column, row] of all(this.#base, set.side)) this.#add(this.#base, column, row);
  }

  get width() {
    return this.#set.width;
  }

  get height() {
    return this.#set.height;
  }

  /** How many tiles of the wanted scale are in sight, and how many of these are there. */
  get state() {
    const wanted = [...this.#tiles.values()].filter((t) => t.wanted);
    return { level: this.level, wanted: wanted.length, ready: wanted.filter((t) => t.ready).length };
  }

  /** Loads what is in sight at a scale; called in each frame in which the image moved. */
  draw(view) {
    const { levels, side } = this.#set;
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    // The coarsest scale that has a pixel for each of the screen's.
    const scale = levels.findLast((l) => l.width / this.width >= view.scale * ratio * 0.75) ?? levels[0];
    this.level = scale.level;
    const [kx, ky] = [scale.width / this.width, scale.height / this.height];
    const { x, y, width, height } = view.sight;
    const first = (at, size, k) => Math.max(0, Math.floor(((at - (size * margin / 2)) * k) / side));
    const last = (at, size, k, whole) => Math.min(Math.ceil(whole / side) - 1, Math.floor(((at + (size * (1 + (margin / 2)))) * k) / side));
    for (const tile of this.#tiles.values()) tile.wanted = false;
    for (let row = first(y, height, ky); row <= last(y, height, ky, scale.height); row++) {
      for (let column = first(x, width, kx); column <= last(x, width, kx, scale.width); column++) {
        const tile = this.#add(scale, column, row);
        tile.wanted = true;
        tile.used = ++this.#used;
      }
    }

    this.#forget();
  }

  #add(scale, column, row) {
    const key = `${scale.level}/${column}/${row}`;
    const known = this.#tiles.get(key);
    if (known) return known;
    const { side } = this.#set;
    const [kx, ky] = [this.width / scale.width, this.height / scale.height];
    const [w, hgt] = [Math.min(side, scale.width - (column * side)), Math.min(side, scale.height - (row * side))];
    const image = new Image();
    image.alt = "";
    image.draggable = false;
    image.decoding = "async";
    // A hair larger than it is: no seam between neighbours at any scale. Finer scales lie over coarser ones.
    Object.assign(image.style, { left: `${column * side * kx}px`, top: `${row * side * ky}px`, width: `${(w * kx) + (kx * 0.25)}px`, height: `${(hgt * ky) + (ky * 0.25)}px`, zIndex: String(100 - scale.level) });
    const tile = { image, level: scale.level, ready: false, wanted: false, used: ++this.#used };
    image.addEventListener("load", () => { tile.ready = true; }, { once: true });
    image.addEventListener("error", () => { this.#tiles.delete(key); image.remove(); }, { once: true });
    image.src = `${this.#url}/tiles/${key}`;
    this.element.append(image);
    this.#tiles.set(key, tile);
    return tile;
  }

  #forget() {
    if (this.#tiles.size <= most) return;
    const idle = [...this.#tiles].filter(([, t]) => !t.wanted && t.level !== this.#base.level).sort(([, a], [, b]) => a.used - b.used);
    for (const [key, tile] of idle.slice(0, this.#tiles.size - most)) {
      tile.image.src = "";
      tile.image.remove();
      this.#tiles.delete(key);
    }
  }
}

function* all(scale, side) {
  for (let row = 0; row * side < scale.height; row++) {
    for (let column = 0; column * side < scale.width; column++) yield [column, row];
  }
}

/** Reads how large images are cut, once an image and also ahead of time: making the parts takes the server some seconds. */
export class TileSets {
  #read = new Map();
  #from;

  /** @param {number} from pixels of an image from which on it is shown by parts; 0: never */
  constructor(from) {
    this.#from = from;
  }

  /** Whether an item's image is so large. */
  isLarge(item) {
    const { width, height } = item?.metadata ?? {};
    const url = item?.data?.url ?? item?.url;
    return this.#from > 0 && typeof url === "string" && url.startsWith("/api/") && width * height > this.#from;
  }

  /** How an image is cut, or null where it is not. */
  get(url) {
    let known = this.#read.get(url);
    if (!known) {
      known = fetch(`${url}/tiles`, { credentials: "same-origin" }).then((r) => (r.ok ? r.json() : null), () => null);
      this.#read.set(url, known);
      // What failed is asked again the next time.
      known.then((set) => { if (!set) this.#read.delete(url); });
      if (this.#read.size > 200) this.#read.delete(this.#read.keys().next().value);
    }

    return known;
  }
}
