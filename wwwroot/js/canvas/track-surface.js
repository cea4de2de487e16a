// Boxes followed through a film. At each frame the tracks in sight are boxes like those of an image; what is changed there
// becomes a keyframe.

import { farFrames } from "./film-bar.js";
import { boxes } from "./shapes.js";
import { ShapeSurface } from "./surface.js";
import { freeKey, merged, nextKey, split, stateAt, stretches, withKeyframe, withoutKeyframe } from "./tracks.js";

export class TrackSurface extends ShapeSurface {
  /** @param {object} options as of ShapeSurface, and film; bar: () => the bar of the film */
  constructor(options) {
    super({ ...options, kind: boxes });
    this.film = options.film;
    this.bar = options.bar;
    this.merging = null;
    for (const event of ["frame", "open"]) this.film.addEventListener(event, () => this.stage.invalidate());
    for (const event of ["settled", "state", "open"]) this.film.addEventListener(event, () => this.changed());
  }

  buttons() {
    return [this.stage.button("draw", "box", { text: true }), this.stage.button("keyframe", "key"), this.stage.button("outside", "eyeOff"), this.stage.button("split", "split"), this.stage.button("merge", "merge")];
  }

  // ---- what there is ----

  get tracks() {
    return this.session.current?.parts ?? [];
  }

  /** The boxes in sight at this frame, each with the number of its track. */
  get parts() {
    const { tracks } = this;
    const frame = this.film?.frame ?? 0;
    if (this.cached?.tracks !== tracks || this.cached.frame !== frame) {
      const parts = [];
      for (const track of tracks) {
        const state = stateAt(track, frame);
        if (state && !state.outside) parts.push({ id: track.id, key: track.key, label: track.label, sure: track.sure, ...state });
      }

      this.cached = { tracks, frame, parts };
    }

    return this.cached.parts;
  }

  get selectedTrack() {
    return this.tracks.find((t) => t.id === this.selectedId) ?? null;
  }

  get focusedLabel() {
    return this.selectedTrack?.label ?? null;
  }

  exists(id) {
    return this.tracks.some((t) => t.id === id);
  }

  /** Rows of the timeline. */
  get rows() {
    const { tracks } = this;
    const { count } = this.film;
    if (this.laid?.tracks !== tracks || this.laid.count !== count) {
      const rows = tracks.map((t) => ({ id: t.id, color: this.look(t).color, sure: t.sure, bars: stretches(t, count), keys: t.keyframes.map((k) => k.frame) }));
      this.laid = { tracks, count, rows };
    }

    return this.laid.rows;
  }

  pick(id) {
    this.select(id);
  }

  look(part) {
    const text = part.key ? `${part.label} ${part.key}${part.occluded ? " ◐" : ""}${part.isKey ? " ◆" : ""}` : part.label;
    return { ...super.look(part), text };
  }

  describe(part) {
    return `${part.key} · ${Math.round(part.width)} × ${Math.round(part.height)}`;
  }

  status() {
    const { t, merging, selectedTrack } = this;
    if (merging) return t("Canvas.Merging", merging.label, merging.key);
    if (!this.drawing && selectedTrack) {
      const state = stateAt(selectedTrack, this.film.frame);
      const where = !state ? "before" : state.outside ? "outside" : state.isKey ? "key" : "between";
      return t(`Canvas.Track.${where}`, `${selectedTrack.label} ${selectedTrack.key}`, selectedTrack.keyframes.length);
    }

    return this.drawing ? super.status() : t("Canvas.IdleTrack", this.armed ?? "");
  }

  drawList() {
    // Twenty rows a picture would be a burden on a film that plays.
    if (!this.film?.playing) this.list.draw();
    this.bar?.()?.timeline.draw();
  }

  show() {
    super.show();
    this.merging = null;
  }

  select(id, options) {
    super.select(id, options);
    this.bar?.()?.timeline.reveal();
  }

  // ---- changing ----

  put(part) {
    const { frame } = this.film;
    this.film.pause();
    this.#change(part.id, (track) => {
      const state = stateAt(track, frame);
      const named = { ...track, label: part.label, sure: part.sure };
      const same = state && !state.outside && ["x", "y", "width", "height"].every((k) => Math.abs(state[k] - part[k]) < 1e-9);
      return same ? named : withKeyframe(named, frame, { ...rounded(part), outside: false });
    });
  }

  insert(parts) {
    this.film.pause();
    let { tracks } = this;
    for (const part of parts) {
      const { x, y, width, height } = rounded(part);
      tracks = [...tracks, { id: part.id, key: freeKey(tracks), label: part.label, keyframes: [{ frame: this.film.frame, x, y, width, height, outside: false }], sure: true }];
    }

    this.commit(tracks, parts.at(-1)?.id ?? null);
  }

  remove(part = this.selectedTrack) {
    if (!part || this.isLocked(part)) return false;
    this.commit(this.tracks.filter((t) => t.id !== part.id), part.id === this.selectedId ? null : this.selectedId);
    return true;
  }

  label(name) {
    const { selectedTrack } = this;
    if (!selectedTrack || this.drawing || this.selected) {
      super.label(name);
      return;
    }

    // Selected and not in sight at this frame.
    this.armed = name;
    this.#change(selectedTrack.id, (t) => ({ ...t, label: name, sure: true }));
  }

  confirm(part = this.selectedTrack, options) {
    if (part && !this.parts.some((p) => p.id === part.id)) {
      this.#change(part.id, (t) => ({ ...t, sure: true }));
      return true;
    }

    return super.confirm(this.parts.find((p) => p.id === part?.id), options);
  }

  #change(id, make) {
    this.commit(this.tracks.map((t) => (t.id === id ? make(t) : t)), id);
  }

  // Changes the selected track, unless there is none or it is locked.
  #changeSelected(make) {
    const { selectedTrack } = this;
    if (!selectedTrack) {
      this.remark(this.t("Canvas.SelectTrack"));
      return;
    }

    if (this.isLocked(selectedTrack)) return;
    this.film.pause();
    const made = make(selectedTrack, this.film.frame);
    if (made && made !== selectedTrack) this.#change(selectedTrack.id, () => ({ ...made, sure: true }));
  }

  // ---- keys and commands ----

  keys() {
    return [...super.keys().filter(([, name]) => name !== "confirm" && name !== "pan"), [["Home", "End"], "ends"]];
  }

  live(id) {
    switch (id) {
      case "keyframe": case "outside": case "occluded": case "split": case "propagate": case "nextKey": case "previousKey": case "merge": case "confirm": return this.selectedTrack !== null;
      case "confirmAll": return this.tracks.some((t) => !t.sure);
      default: return super.live(id);
    }
  }

  key(name) {
    if (name === "Space" && !this.drawing) return false;
    if (name === "Escape" && this.merging) {
      this.merging = null;
      this.changed();
      return true;
    }

    if (name === "Delete" && this.selectedTrack) return this.remove() || true;
    return super.key(name) || this.bar().key(name);
  }

  command(id) {
    switch (id) {
      case "confirm": this.confirm(); break;
      case "confirmAll":
        if (this.tracks.some((t) => !t.sure)) this.commit(this.tracks.map((t) => (t.sure ? t : { ...t, sure: true })));
        break;
      case "keyframe":
        this.#changeSelected((track, frame) => (track.keyframes.some((k) => k.frame === frame) ? withoutKeyframe(track, frame) : withKeyframe(track, frame)));
        break;
      case "outside":
        this.#changeSelected((track, frame) => {
          const state = stateAt(track, frame);
          return withKeyframe(track, frame, { outside: state ? !state.outside : false });
        });
        break;
      case "occluded":
        this.#changeSelected((track, frame) => {
          const state = stateAt(track, frame);
          return state && !state.outside ? withKeyframe(track, frame, { occluded: !state.occluded }) : null;
        });
        break;
      case "nextKey": case "previousKey": {
        const frame = this.selectedTrack ? nextKey(this.selectedTrack, this.film.frame, id === "nextKey" ? 1 : -1) : null;
        if (frame !== null) this.film.go(frame);
        break;
      }
      case "split": this.#split(); break;
      case "merge": this.#merge(); break;
      case "propagate": this.#propagate(); break;
      default: return this.bar().command(id) || super.command(id);
    }

    return true;
  }

  #split() {
    const { selectedTrack } = this;
    const made = selectedTrack && !this.isLocked(selectedTrack) ? split(selectedTrack, this.film.frame, freeKey(this.tracks)) : null;
    if (!made) this.remark(this.t(selectedTrack ? "Canvas.NothingToSplit" : "Canvas.SelectTrack"));
    else this.commit(this.tracks.flatMap((t) => (t.id === selectedTrack.id ? made.map((m) => ({ ...m, sure: true })) : [t])), made[1].id);
  }

  // The first press says which, the second with which.
  #merge() {
    const { selectedTrack, merging } = this;
    const first = merging ? this.tracks.find((t) => t.id === merging.id) : null;
    if (!selectedTrack) {
      this.remark(this.t("Canvas.SelectTrack"));
    } else if (!first || first.id === selectedTrack.id) {
      this.merging = first ? null : selectedTrack;
      this.changed();
    } else {
      this.merging = null;
      const [a, b] = first.keyframes[0].frame <= selectedTrack.keyframes[0].frame ? [first, selectedTrack] : [selectedTrack, first];
      this.commit(this.tracks.filter((t) => t.id !== b.id).map((t) => (t.id === a.id ? merged(a, b) : t)), a.id);
    }
  }

  // The object stands still for the next frames.
  #propagate() {
    this.#changeSelected((track, frame) => {
      const state = stateAt(track, frame);
      if (!state || state.outside) return null;
      const to = Math.min(frame + farFrames, this.film.count - 1);
      let made = withKeyframe(track, frame);
      for (const k of made.keyframes) if (k.frame > frame && k.frame < to) made = withoutKeyframe(made, k.frame);
      const { x, y, width, height } = state;
      return withKeyframe(made, to, { x, y, width, height, outside: false, occluded: state.occluded });
    });
    this.film.step(farFrames);
  }
}

// Between keyframes places have many decimals; a hundredth of a pixel is kept.
function rounded({ x, y, width, height }) {
  const short = (v) => Math.round(v * 100) / 100;
  return { x: short(x), y: short(y), width: short(width), height: short(height) };
}
