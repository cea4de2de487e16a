// Tracks: objects followed through a film by keyframes, straight lines between them. Pure functions; the server's
// TrackFrames says the same of the same keyframes, and a test compares the two.

import { numbered } from "./shapes.js";

/** Tracks as the session keeps them: { id, key: the identifier in the value, label, keyframes, sure }. */
export const tracks = {
  kind: "tracks",
  of: (value, sure) => (value?.tracks ?? []).map((t) => numbered({ key: t.id, label: t.label, keyframes: [...t.keyframes].sort((a, b) => a.frame - b.frame).map(clean), sure })),
  value: (parts) => ({ tracks: parts.map((t) => ({ id: t.key, label: t.label, keyframes: t.keyframes })) }),
  renumbered: (parts) => parts.map(numbered),
};

// As the server writes it: what is not set is not there.
function clean({ frame, x, y, width, height, outside, occluded }) {
  return { frame, x, y, width, height, outside: outside === true, ...(occluded === true ? { occluded: true } : {}) };
}

/** An identifier that no track has yet. */
export function freeKey(parts) {
  const taken = new Set(parts.map((t) => t.key));
  let n = parts.length + 1;
  while (taken.has(`t${n}`)) n++;
  return `t${n}`;
}

// Index of the last keyframe at or before a frame, or -1.
function lastBefore(keyframes, frame) {
  let [low, high, found] = [0, keyframes.length - 1, -1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (keyframes[middle].frame <= frame) [found, low] = [middle, middle + 1];
    else high = middle - 1;
  }

  return found;
}

/** Where a track is at a frame, in sight or not: { x, y, width, height, outside, occluded, isKey }, or null before its first keyframe. */
export function stateAt(track, frame) {
  const { keyframes } = track;
  const i = lastBefore(keyframes, frame);
  if (i < 0) return null;
  const [from, to] = [keyframes[i], keyframes[i + 1]];
  const flags = { outside: from.outside, occluded: from.occluded === true, isKey: from.frame === frame };
  if (!to || flags.isKey || from.outside) return { x: from.x, y: from.y, width: from.width, height: from.height, ...flags };
  const share = (frame - from.frame) / (to.frame - from.frame);
  const mix = (a, b) => a + ((b - a) * share);
  return { x: mix(from.x, to.x), y: mix(from.y, to.y), width: mix(from.width, to.width), height: mix(from.height, to.height), ...flags };
}

/** The box at a frame, or null where the object is not in sight. */
export function boxAt(track, frame) {
  const state = stateAt(track, frame);
  return state && !state.outside ? state : null;
}

/** The track with a keyframe at a frame; what is not given stays as it was there. */
export function withKeyframe(track, frame, change = {}) {
  const state = stateAt(track, frame) ?? { ...track.keyframes[0], outside: false, occluded: false };
  const made = clean({ ...state, ...change, frame });
  return { ...track, keyframes: [...track.keyframes.filter((k) => k.frame !== frame), made].sort((a, b) => a.frame - b.frame) };
}

/** The track without the keyframe at a frame; the last one stays. */
export function withoutKeyframe(track, frame) {
  const rest = track.keyframes.filter((k) => k.frame !== frame);
  return rest.length === 0 ? track : { ...track, keyframes: rest };
}

/** The next keyframe after a frame (step 1) or before it (step -1), or null. */
export function nextKey(track, frame, step) {
  const frames = track.keyframes.map((k) => k.frame).filter((f) => (step > 0 ? f > frame : f < frame));
  return frames.length === 0 ? null : step > 0 ? frames[0] : frames.at(-1);
}

/** Two tracks out of one: the first ends at a frame, the second begins there. Null where there is nothing to cut. */
export function split(track, frame, key) {
  const state = stateAt(track, frame);
  if (!state || track.keyframes[0].frame >= frame) return null;
  const first = { ...track, keyframes: [...track.keyframes.filter((k) => k.frame < frame), clean({ ...state, frame, outside: true })] };
  const second = numbered({ ...track, key, keyframes: [clean({ ...state, frame }), ...track.keyframes.filter((k) => k.frame > frame)] });
  return [first, second];
}

/** One track out of two: the keyframes of both. Where both have one the first counts, unless it is out of sight there and the second is not. */
export function merged(a, b) {
  const at = new Map(a.keyframes.map((k) => [k.frame, k]));
  for (const k of b.keyframes) {
    const own = at.get(k.frame);
    if (!own || (own.outside && !k.outside)) at.set(k.frame, k);
  }

  return { ...a, keyframes: [...at.values()].sort((x, y) => x.frame - y.frame), sure: true };
}

/** Stretches of frames in which a track is in sight: [from, to) up to the length of the film. */
export function stretches(track, frames) {
  const found = [];
  const { keyframes } = track;
  for (let i = 0; i < keyframes.length; i++) {
    if (keyframes[i].outside) continue;
    const from = keyframes[i].frame;
    const to = keyframes[i + 1]?.frame ?? frames;
    if (found.at(-1)?.[1] === from) found.at(-1)[1] = to;
    else found.push([from, to]);
  }

  return found;
}

/** Stretches of time with a label: { id, label, start, end, sure }. */
export const segments = {
  kind: "segments",
  of: (value, sure) => (value?.segments ?? []).map((s) => numbered({ label: s.label, start: s.start, end: s.end, sure })),
  value: (parts) => ({ segments: [...parts].sort((a, b) => a.start - b.start || a.end - b.end || (a.label < b.label ? -1 : 1)).map((s) => ({ label: s.label, start: s.start, end: s.end })) }),
  renumbered: (parts) => parts.map(numbered),
};
