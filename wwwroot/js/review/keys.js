// Which key does what. One key has one meaning at a time; what is shown on a chip or button is what the key does.

/** The commands of the page with their default keys. The first key can be remapped, the others are always there. */
export const commands = [
  { id: "accept", keys: ["Enter"], group: "decide" },
  { id: "reject", keys: ["x"], group: "decide" },
  { id: "skip", keys: ["s"], group: "decide" },
  { id: "skipReason", keys: ["Shift+S"], group: "decide" },
  { id: "flag", keys: ["f"], group: "decide" },
  { id: "undo", keys: ["u", "Ctrl+Z"], group: "history" },
  { id: "redo", keys: ["Shift+U", "Ctrl+Shift+Z", "Ctrl+Y"], group: "history" },
  { id: "previous", keys: ["ArrowLeft"], group: "history", repeats: true },
  { id: "next", keys: ["ArrowRight"], group: "history", repeats: true },
  { id: "filter", keys: ["/"], group: "find" },
  { id: "guidelines", keys: ["g"], group: "find" },
  { id: "details", keys: ["h"], group: "find" },
  { id: "help", keys: ["?"], group: "find" },
  { id: "save", keys: ["Ctrl+S"], group: "find", fixed: true },
];

/** Commands of the page where an image is shown. */
export const pictureCommands = [
  { id: "fit", keys: ["`"], group: "picture" },
  { id: "zoomIn", keys: ["z"], group: "picture", repeats: true },
  { id: "zoomOut", keys: ["Shift+Z"], group: "picture", repeats: true },
];

/** Commands of drawing, with the keys of CVAT where it has the function. */
export const shapeCommands = [
  { id: "draw", keys: ["n"], group: "shapes" },
  { id: "redraw", keys: ["Shift+N"], group: "shapes" },
  { id: "confirmAll", keys: ["Shift+Space"], group: "shapes" },
  { id: "duplicate", keys: ["Ctrl+D"], group: "shapes" },
  { id: "copyPrevious", keys: ["p"], group: "shapes" },
  { id: "raise", keys: ["+", "="], group: "shapes", repeats: true },
  { id: "lower", keys: ["-"], group: "shapes", repeats: true },
  { id: "hide", keys: ["h"], group: "shapes" },
  { id: "hideAll", keys: ["Shift+H"], group: "shapes" },
  { id: "lock", keys: ["l"], group: "shapes" },
  { id: "lockAll", keys: ["Shift+L"], group: "shapes" },
];

/** What polygons have beside. */
export const polygonCommands = [{ id: "simplify", keys: ["j"], group: "shapes" }];

/** Commands of a film, with the keys of CVAT. */
export const filmCommands = [
  { id: "play", keys: ["Space"], group: "film" },
  { id: "nextFrame", keys: ["f"], group: "film", repeats: true },
  { id: "previousFrame", keys: ["d"], group: "film", repeats: true },
  { id: "forwardFar", keys: ["v"], group: "film", repeats: true },
  { id: "backFar", keys: ["c"], group: "film", repeats: true },
  { id: "slower", keys: ["<"], group: "film" },
  { id: "faster", keys: [">"], group: "film" },
];

const shared = shapeCommands.filter((c) => c.id === "draw" || c.id === "confirmAll");
const confirm = { id: "confirm", keys: ["y"], group: "shapes" };

/** Commands of tracks, with the keys of CVAT. */
export const trackCommands = [
  ...shapeCommands.filter((c) => !["copyPrevious", "raise", "lower"].includes(c.id)),
  confirm,
  { id: "keyframe", keys: ["k"], group: "tracks" },
  { id: "nextKey", keys: ["r"], group: "tracks", repeats: true },
  { id: "previousKey", keys: ["e"], group: "tracks", repeats: true },
  { id: "outside", keys: ["o"], group: "tracks" },
  { id: "occluded", keys: ["q"], group: "tracks" },
  { id: "split", keys: ["Alt+M"], group: "tracks" },
  { id: "merge", keys: ["m"], group: "tracks" },
  { id: "propagate", keys: ["Ctrl+B"], group: "tracks" },
];

/** Commands of stretches of time. */
export const segmentCommands = [...shared, confirm];

/** Commands of whole images that get one label each. */
export const gridCommands = [
  { id: "grid", keys: ["Shift+G"], group: "grid" },
  { id: "inspect", keys: ["i"], group: "grid" },
];

const canvasIds = new Set([...pictureCommands, ...gridCommands, ...filmCommands, ...trackCommands, ...shapeCommands, ...polygonCommands].map((c) => c.id));

/** The key of a command's name in the table of texts. */
export function commandText(id) {
  return `${canvasIds.has(id) ? "Canvas" : "Review"}.Command.${id}`;
}

// Never to be taken: they belong to the browser, to scrolling or to leaving; and Backspace must not do anything to a decision.
const reserved = new Set([
  "Backspace", "Delete", "Escape", "Tab", "Shift+Tab", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End",
  "F1", "F3", "F5", "F6", "F7", "F10", "F11", "F12", "Ctrl+C", "Ctrl+V", "Ctrl+X", "Ctrl+A", "Ctrl+F", "Ctrl+P", "Ctrl+R", "Ctrl+L",
  "Ctrl+T", "Ctrl+W", "Ctrl+N", "Ctrl+Q", "Ctrl+Shift+T", "Ctrl+Shift+N", "Ctrl+Shift+W", "Ctrl+Shift+R", "Ctrl+Shift+I", "Ctrl+Shift+J",
  "Alt+ArrowLeft", "Alt+ArrowRight", "Ctrl+Enter",
]);

const modifiers = new Set(["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "NumLock", "ScrollLock", "Fn", "Hyper", "Super", "OS"]);

/** The name of the key of an event, such as "s", "Shift+S", "Ctrl+Z", "?" or "Enter"; null for a modifier alone. */
export function keyName(event) {
  let key = event.key;
  if (modifiers.has(key)) return null;

  // An input method (Hangul, Kana, Pinyin) reports its own letters or "Process"; the place of the key on the board still says which it is.
  const foreign = key === "Process" || key === "Dead" || key === "Unidentified" || (key.length === 1 && key.charCodeAt(0) > 0x2fff);
  if (foreign) key = fromCode(event) ?? key;
  if (key === " ") key = "Space";

  const altGraph = typeof event.getModifierState === "function" && event.getModifierState("AltGraph");
  const control = (event.ctrlKey || event.metaKey) && !altGraph;
  const alt = event.altKey && !altGraph;
  const letter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  if (letter) {
    // Caps Lock is no reason to miss a key: only Shift makes the difference.
    key = event.shiftKey || control || alt ? key.toUpperCase() : key.toLowerCase();
  }

  // A sign that needs Shift is named by itself ("?"), a letter or named key with it.
  const shift = event.shiftKey && (letter || key.length > 1);
  return `${control ? "Ctrl+" : ""}${alt ? "Alt+" : ""}${shift ? "Shift+" : ""}${key}`;
}

function fromCode(event) {
  const code = event.code ?? "";
  if (code.startsWith("Key")) return code.slice(3).toLowerCase();
  if (code.startsWith("Digit") && !event.shiftKey) return code.slice(5);
  if (code === "Slash") return event.shiftKey ? "?" : "/";
  if (code === "Enter" || code === "Space" || code === "Escape") return code;
  return null;
}

/** Whether what has the focus takes text: then single keys sleep. */
export function takesText(element) {
  if (!element || element === document.body) return false;
  if (element.isContentEditable) return true;
  const tag = element.tagName;
  if (tag === "TEXTAREA" || tag === "SELECT") return true;
  if (tag === "INPUT") return !/^(button|checkbox|radio|range|color|file|image|reset|submit)$/i.test(element.type);
  const role = element.getAttribute?.("role");
  return role === "textbox" || role === "combobox" || role === "searchbox" || role === "spinbutton";
}

/** How a key is printed on a chip. */
export function keyCap(name) {
  if (!name) return "";
  const mac = /Mac|iPhone|iPad/.test(navigator.platform ?? "");
  const caps = { Enter: "⏎", Space: "␣", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
  return name
    .split(/\+(?=.)/)
    .map((part) => caps[part] ?? (part === "Ctrl" && mac ? "⌘" : part === "Shift" ? "⇧" : part.length === 1 && part !== "ß" ? part.toUpperCase() : part))
    .join(" ");
}

/** The keys of one person in one project. */
export class Keymap {
  #labels;
  #custom;
  #byKey = new Map();
  #keys = new Map();

  /** Commands whose own key is taken by a label of this project, so that another had to stand in: [{ command, wanted, key, label }]. */
  moved = [];

  /**
   * @param {{name: string, key?: string|null}[]} labels labels with their keys
   * @param {Record<string, string>} custom the person's own keys by command
   * @param {object[]} more commands of what is on this page; a key that one of them shares with the others is theirs
   */
  constructor(labels, custom = {}, more = []) {
    this.#labels = labels;
    this.commands = [...more.map((c) => ({ ...c, nearer: true })), ...commands];
    this.#custom = { ...custom };
    this.#build();
  }

  get custom() {
    return { ...this.#custom };
  }

  #build() {
    this.#byKey.clear();
    this.#keys.clear();
    this.moved = [];
    for (const label of this.#labels) if (label.key) this.#byKey.set(normal(label.key), { label: label.name });
    for (const command of this.commands) {
      // The label's key is printed in the project's guidelines and in everybody's fingers: it goes before a command's.
      const wanted = this.#custom[command.id] ?? command.keys[0];
      const candidates = [wanted, command.keys[0], withShift(wanted), withShift(command.keys[0]), `Alt+${command.keys[0].toUpperCase()}`];
      const first = candidates.find((key) => key && !this.#byKey.has(key) && !this.#wantedByOther(key, command)) ?? null;
      const keys = [first, ...command.keys.slice(1)].filter((key) => key && !this.#byKey.has(key));
      if (first !== wanted) this.moved.push({ command: command.id, wanted, key: first, label: this.#byKey.get(wanted)?.label ?? null });
      for (const key of keys) this.#byKey.set(key, { command: command.id, repeats: command.repeats === true });
      this.#keys.set(command.id, keys);
    }
  }

  #wantedByOther(key, command) {
    return this.commands.some((c) => c.id !== command.id && (c.nearer || !command.nearer) && (this.#custom[c.id] ?? c.keys[0]) === key && !this.#labels.some((l) => l.key && normal(l.key) === key));
  }

  /** What a key does: { command } or { label } or null. */
  find(name) {
    return name ? this.#byKey.get(name) ?? null : null;
  }

  /** The keys of a command, the main one first. */
  keysOf(id) {
    return this.#keys.get(id) ?? [];
  }

  /**
   * Whether a command may have a key.
   * @returns {null | {reason: "reserved"|"fixed"|"label"|"command", by: string|null}} null: it may
   */
  check(id, key) {
    const command = this.commands.find((c) => c.id === id);
    if (!command || command.fixed) return { reason: "fixed", by: null };
    if (!key || reserved.has(key)) return { reason: "reserved", by: null };
    const label = this.#labels.find((l) => l.key && normal(l.key) === key);
    if (label) return { reason: "label", by: label.name };
    for (const other of this.commands) {
      if (other.id === id) {
        if (other.keys.slice(1).includes(key)) return { reason: "command", by: id };
        continue;
      }
      if (this.keysOf(other.id).includes(key) || other.keys.slice(1).includes(key)) return { reason: "command", by: other.id };
    }
    return null;
  }

  /** Gives a command another key; answers what stands against it, or null when it is done. */
  assign(id, key) {
    const conflict = this.check(id, key);
    if (conflict) return conflict;
    const command = this.commands.find((c) => c.id === id);
    if (key === command.keys[0]) delete this.#custom[id];
    else this.#custom[id] = key;
    this.#build();
    return null;
  }

  /** Back to the defaults. */
  restore() {
    this.#custom = {};
    this.#build();
  }
}

function normal(key) {
  return key.length === 1 ? key.toLowerCase() : key;
}

function withShift(key) {
  return key && key.length === 1 && key.toLowerCase() !== key.toUpperCase() ? `Shift+${key.toUpperCase()}` : null;
}
