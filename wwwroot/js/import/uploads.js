// Files on their way into a project: looked at, mapped, sent. The list belongs to the tab and not to the page: an upload goes on
// while the person looks at other pages of the product, and is there again when they come back.
import { ApiError, newId } from "../review/api.js";

const previewBytes = 1 << 20;
const paceMilliseconds = 6000;

/** Meanings of columns, in the order in which they are asked for. */
export const meanings = ["text", "key", "label", "annotator"];

const lists = new Map();

/** The list of a project; the same one for the life of the tab. */
export function uploadsOf(project) {
  if (!lists.has(project)) lists.set(project, new Uploads(project));
  return lists.get(project);
}

addEventListener("beforeunload", (event) => {
  for (const list of lists.values()) if (list.busy) event.preventDefault();
});

class Uploads extends EventTarget {
  entries = [];
  #project;
  #active = null;

  constructor(project) {
    super();
    this.#project = project;
  }

  /** Whether something is being sent or waits for its turn. */
  get busy() {
    return this.entries.some((e) => ["waiting", "sending", "storing"].includes(e.state));
  }

  /** Entries that could be sent now. */
  get ready() {
    return this.entries.filter((e) => e.state === "ready" && problemOf(e) === null);
  }

  /**
   * Adds a file and looks at its beginning.
   * @returns {boolean} false where it is in the list already
   */
  add(file) {
    const same = (e) => e.file.name === file.name && e.file.size === file.size && e.file.lastModified === file.lastModified;
    if (this.entries.some((e) => same(e) && e.state !== "failed" && e.state !== "unreadable")) return false;
    const entry = { id: newId(), file, name: file.name, size: file.size, state: "reading", preview: null, mapping: {}, like: null, error: null, details: [], sent: 0, samples: [], request: null };
    this.entries.push(entry);
    this.#tell(entry, "list");
    this.look(entry);
    return true;
  }

  /** Asks the server what the file seems to be. */
  async look(entry) {
    this.#set(entry, { state: "reading", error: null, details: [] });
    try {
      const start = entry.file.slice(0, previewBytes);
      const bytes = new Uint8Array(await start.slice(0, 8).arrayBuffer());
      const foreign = foreignKind(bytes);
      if (entry.file.size === 0) throw new Refusal("empty");
      if (foreign) throw new Refusal(foreign === "zip" ? "excel" : "binary", foreign);
      const format = formatOf(entry.name);
      const response = await fetch(`/api/v1/projects/${this.#project}/imports/preview${format ? `?format=${format}` : ""}`, {
        method: "POST", headers: { "X-Annotator": "1", Accept: "application/json" }, body: start, credentials: "same-origin",
      });
      const answer = await response.json().catch(() => null);
      if (!response.ok) throw new ApiError(response.status, answer);
      if (!answer) throw new ApiError(0);
      if (answer.columns.length === 0) throw new Refusal("noColumns");
      const mapping = {};
      for (const column of answer.columns) if (column.guess) mapping[column.guess] = column.name;

      // Files that come together mostly look the same: what was chosen for the first holds for the next.
      const names = answer.columns.map((c) => c.name).join("\n");
      const like = this.entries.find((e) => e !== entry && e.touched && e.preview?.columns.map((c) => c.name).join("\n") === names);
      this.#set(entry, { state: "ready", preview: answer, mapping: like ? { ...like.mapping } : mapping, like: like?.name ?? null });
    } catch (error) {
      this.#set(entry, { state: "unreadable", ...reasonOf(error) });
    }
  }

  /** Chooses a column for a meaning; an empty name: none. */
  map(entry, meaning, column) {
    entry.touched = true;
    const mapping = { ...entry.mapping, [meaning]: column || undefined };

    // A column means one thing: what it was before is given up.
    for (const other of meanings) if (other !== meaning && column && mapping[other] === column) mapping[other] = undefined;
    this.#set(entry, { mapping, like: null }, "mapping");
  }

  remove(entry) {
    entry.request?.abort();
    this.entries = this.entries.filter((e) => e !== entry);
    this.#tell(entry, "list");
    this.#next();
  }

  /** Sends an entry when its turn comes: one at a time, since the line is the same for all. */
  start(entry) {
    if (problemOf(entry) !== null) return;
    this.#set(entry, { state: "waiting", error: null, details: [] });
    this.#next();
  }

  startAll() {
    for (const entry of this.ready) this.start(entry);
  }

  cancel(entry) {
    entry.request?.abort();
    this.#set(entry, { state: "ready", sent: 0, samples: [] });
    this.#next();
  }

  #next() {
    if (this.#active && this.entries.includes(this.#active) && ["sending", "storing"].includes(this.#active.state)) return;
    this.#active = this.entries.find((e) => e.state === "waiting") ?? null;
    if (this.#active) this.#send(this.#active);
  }

  // XMLHttpRequest, because fetch tells nothing of how far a body has come.
  #send(entry) {
    const query = new URLSearchParams({ format: entry.preview.format, name: entry.name });
    for (const meaning of meanings) if (entry.mapping[meaning]) query.set(meaning, entry.mapping[meaning]);
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/projects/${this.#project}/imports?${query}`);
    request.setRequestHeader("X-Annotator", "1");
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    this.#set(entry, { state: "sending", sent: 0, samples: [[performance.now(), 0]], request });
    request.upload.onprogress = (event) => {
      const now = performance.now();
      entry.sent = event.loaded;
      entry.samples.push([now, event.loaded]);
      while (entry.samples.length > 2 && now - entry.samples[0][0] > paceMilliseconds) entry.samples.shift();
      this.#tell(entry, "progress");
    };
    request.upload.onload = () => this.#set(entry, { state: "storing", sent: entry.size });
    request.onload = () => {
      if (entry.request !== request) return;
      const answer = parse(request.responseText);
      if (request.status === 202 && answer?.id) {
        this.entries = this.entries.filter((e) => e !== entry);
        entry.state = "sent";
        this.#tell(entry, "list");
      } else {
        this.#set(entry, { state: "failed", request: null, ...reasonOf(new ApiError(request.status, answer)) });
      }
      this.#next();
    };
    request.onerror = async () => {
      if (entry.request !== request) return;
      // A file that was changed meanwhile and a broken line look the same from here.
      const readable = await entry.file.slice(0, 1).arrayBuffer().then(() => true, () => false);
      this.#set(entry, { state: "failed", request: null, error: readable ? "connection" : "changed", details: [] });
      this.#next();
    };
    request.send(entry.file);
  }

  #set(entry, values, kind = "state") {
    Object.assign(entry, values);
    this.#tell(entry, kind);
  }

  #tell(entry, kind) {
    this.dispatchEvent(new CustomEvent("change", { detail: { entry, kind } }));
  }
}

/** What keeps an entry from being sent, as {key, values}; null: nothing. */
export function problemOf(entry) {
  const map = entry.mapping;
  if (!map.text) return { key: "TextNeeded", values: [] };
  if (map.annotator && !map.label) return { key: "AnnotatorNeedsLabel", values: [] };
  for (let i = 0; i < meanings.length; i++) {
    for (let j = i + 1; j < meanings.length; j++) {
      if (map[meanings[i]] && map[meanings[i]] === map[meanings[j]]) return { key: "SameColumn", values: [`Column.${meanings[i]}`, `Column.${meanings[j]}`], texts: true };
    }
  }
  return null;
}

/** Bytes a second over the last seconds, and seconds left; null with too little to tell. */
export function paceOf(entry) {
  const [first, last] = [entry.samples[0], entry.samples.at(-1)];
  if (!first || last[0] - first[0] < 400) return null;
  const rate = ((last[1] - first[1]) / (last[0] - first[0])) * 1000;
  return rate > 0 ? { rate, left: (entry.size - entry.sent) / rate } : null;
}

class Refusal extends Error {
  constructor(code, value) {
    super(code);
    this.code = code;
    this.value = value;
  }
}

// What is wrong: a code that has a text, and what the server said word for word.
function reasonOf(error) {
  if (error instanceof Refusal) return { error: error.code, value: error.value, details: [] };
  if (error instanceof ApiError) {
    if (error.status === 0) return { error: "connection", details: [] };
    if (error.status === 401 || error.status === 403) return { error: "signedOut", details: [] };
    const details = Object.values(error.problem?.errors ?? {}).flat();
    return { error: "server", details: details.length > 0 ? details : [error.message] };
  }
  return { error: error instanceof TypeError ? "connection" : "changed", details: [] };
}

function formatOf(name) {
  const ending = name.toLowerCase().match(/\.([a-z]+)$/)?.[1];
  return { csv: "csv", tsv: "tsv", tab: "tsv", jsonl: "jsonl", ndjson: "jsonl", json: "jsonl" }[ending] ?? null;
}

// Files that people drop by mistake, told by their first bytes.
function foreignKind(bytes) {
  const text = String.fromCharCode(...bytes.slice(0, 4));
  if (text.startsWith("PK\u0003\u0004")) return "zip";
  if (text === "PAR1") return "Parquet";
  if (text === "%PDF") return "PDF";
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "gzip";
  if (bytes[0] === 0xd0 && bytes[1] === 0xcf) return "Office";
  if (text === "\u0089PNG" || (bytes[0] === 0xff && bytes[1] === 0xd8) || text === "GIF8") return "image";
  return null;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
