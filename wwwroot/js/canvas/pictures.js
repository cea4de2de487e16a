// Images of the items ahead, loaded and decoded before they are shown, so that the next one is there in the same frame.

const most = 32;

export class Pictures {
  #kept = new Map();

  /** Loads what will be needed soon; what nobody needs any more makes room. */
  want(urls) {
    const wanted = new Set(urls.filter(Boolean));
    for (const url of wanted) this.get(url);
    for (const url of [...this.#kept.keys()]) {
      if (this.#kept.size <= most) break;
      if (!wanted.has(url) && !this.#kept.get(url).image.isConnected) this.#kept.delete(url);
    }
  }

  /** An image: { image, state: "loading" | "ready" | "failed", ready: a promise that ends when the state is known }. */
  get(url) {
    const known = this.#kept.get(url);
    if (known) return known;
    const image = new Image();
    image.alt = "";
    image.draggable = false;
    image.decoding = "sync";
    const picture = { image, state: "loading", ready: null };
    image.src = url;
    picture.ready = image.decode().then(() => { picture.state = image.naturalWidth > 0 ? "ready" : "failed"; }, () => { picture.state = "failed"; });
    this.#kept.set(url, picture);
    return picture;
  }

  /** Forgets an image, so that the next request loads it anew. */
  forget(url) {
    this.#kept.delete(url);
  }

  clear() {
    this.#kept.clear();
  }
}
