// Images, videos and archives on their way into a project. Files go straight to the streaming endpoints, never over the circuit.
import { fill, h, texts } from "../js/dom.js";

const mostFiles = 25;
const mostBytes = 32 << 20;
const mostShown = 200;
const mediaEndings = /\.(jpe?g|jpe|png|gif|webp|avif|bmp|tiff?|mp4|m4v|mov|webm|avi)$/i;
const annotationEndings = /\.(zip|json|xml)$/i;

/**
 * @param {HTMLElement} host
 * @param {{project: string, video: boolean, formats: string[], texts: object}} options
 */
export function start(host, options) {
  const t = texts(Object.fromEntries(Object.entries(options.texts).map(([key, text]) => [key.replace(/^Media\./, ""), text])));
  const number = new Intl.NumberFormat(document.documentElement.lang || "en");
  const stop = new AbortController();
  const listen = (target, name, action) => target.addEventListener(name, action, { signal: stop.signal });
  let queue = [];
  let request = null;
  let busy = false;
  let figures = null;

  const accept = `${options.video ? "video/*,.mp4,.mov,.webm,.avi" : "image/*,.jpg,.png,.webp,.tif,.bmp"},.zip,.json,.xml`;
  const picker = h("input", { type: "file", multiple: true, accept, className: "an-visually-hidden", tabIndex: -1, aria: { label: t("Choose") } });
  const folder = h("input", { type: "file", multiple: true, webkitdirectory: true, className: "an-visually-hidden", tabIndex: -1, aria: { label: t("ChooseFolder") } });
  const drop = h("div.mu-drop", {},
    h("strong", {}, t("Drop")),
    h("div.mu-line", {},
      h("button.an-button.an-button-primary", { type: "button", on: { click: () => picker.click() } }, t("Choose")),
      h("button.an-button", { type: "button", on: { click: () => folder.click() } }, t("ChooseFolder"))),
    h("span.an-hint", {}, t("DropHint")), picker, folder);
  const format = h("select.an-input.an-input-small", { id: "mu-format" }, options.formats.map((name) => h("option", { value: name, selected: name === "zip" }, t(`Format.${name}`))));
  const state = h("div.mu-state", {});
  const notes = h("div.mu-state", { role: "status" });
  fill(host, drop, h("div.mu-format", {}, h("label.an-label", { htmlFor: "mu-format" }, t("Format")), format), state, notes);

  for (const input of [picker, folder]) {
    listen(input, "change", () => {
      add([...input.files]);
      input.value = "";
    });
  }

  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  listen(document, "dragenter", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth++;
    drop.classList.add("mu-drop-active");
  });
  listen(document, "dragover", (event) => hasFiles(event) && event.preventDefault());
  listen(document, "dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) drop.classList.remove("mu-drop-active");
  });
  listen(document, "drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.classList.remove("mu-drop-active");
    const entries = [...event.dataTransfer.items].map((i) => i.webkitGetAsEntry?.()).filter(Boolean);
    add(entries.length > 0 ? (await Promise.all(entries.map(filesOf))).flat() : [...event.dataTransfer.files]);
  });

  function add(files) {
    // What operating systems leave in folders is nobody's image.
    const chosen = files.filter((f) => !f.name.startsWith(".") && f.name !== "Thumbs.db");
    if (chosen.length === 0) return;
    figures ??= { all: 0, sent: 0, stored: 0, there: 0, refused: [], failed: null, cancelled: false };
    if (!busy) Object.assign(figures, { all: 0, sent: 0, stored: 0, there: 0, refused: [], failed: null, cancelled: false });
    figures.all += chosen.length;
    queue.push(...chosen);
    draw();
    if (!busy) send();
  }

  async function send() {
    busy = true;
    while (queue.length > 0 && !figures.failed) {
      const part = take();
      try {
        if (part.length === 1 && annotationEndings.test(part[0].name)) await sendArchive(part[0]);
        else await sendMedia(part);
      } catch (error) {
        if (error.name === "AbortError") break;
        figures.failed = t("Connection");
      }
      figures.sent += part.length;
      draw();
    }
    queue = [];
    request = null;
    busy = false;
    draw();
  }

  // As many as make a request of fair size; an archive goes alone.
  function take() {
    const part = [];
    let bytes = 0;
    while (queue.length > 0 && part.length < mostFiles) {
      const next = queue[0];
      if (annotationEndings.test(next.name)) {
        if (part.length === 0) part.push(queue.shift());
        break;
      }
      if (part.length > 0 && bytes + next.size > mostBytes) break;
      bytes += next.size;
      part.push(queue.shift());
    }
    return part;
  }

  async function sendMedia(part) {
    const body = new FormData();
    for (const file of part) body.append("file", file, file.name);
    const answer = await post(`/api/v1/projects/${options.project}/media`, body);
    if (answer.value?.items) {
      figures.stored += answer.value.items.filter((i) => i.created).length;
      figures.there += answer.value.items.filter((i) => !i.created).length;
      figures.refused.push(...answer.value.rejected.map((r) => t("Failed", r.fileName, r.reason)));
    } else if (answer.value?.errors) {
      for (const [name, reasons] of Object.entries(answer.value.errors)) figures.refused.push(t("Failed", name, reasons[0]));
    } else {
      figures.failed = answer.value?.detail ?? t("Connection");
    }
  }

  async function sendArchive(file) {
    const query = new URLSearchParams({ name: file.name, format: format.value });
    const answer = await post(`/api/v1/projects/${options.project}/imports?${query}`, file);
    if (answer.status === 202) {
      figures.started = [...(figures.started ?? []), file.name];
    } else {
      const reasons = Object.values(answer.value?.errors ?? {}).flat();
      figures.refused.push(t("Failed", file.name, reasons[0] ?? answer.value?.detail ?? t("Connection")));
    }
  }

  async function post(url, body) {
    request = new AbortController();
    const response = await fetch(url, { method: "POST", body, headers: { "X-Annotator": "1", Accept: "application/json" }, credentials: "same-origin", signal: request.signal });
    return { status: response.status, value: await response.json().catch(() => null) };
  }

  function cancel() {
    queue = [];
    figures.cancelled = true;
    request?.abort();
  }

  function draw() {
    if (!figures) return;
    const share = figures.all > 0 ? Math.floor((figures.sent / figures.all) * 100) : 0;
    const bar = h("span");
    bar.style.width = `${share}%`;
    fill(state, busy
      ? [h("div.an-progress", { role: "progressbar", aria: { label: t("Progress"), valuemin: "0", valuemax: "100", valuenow: String(share) } }, bar),
        h("div.mu-format", {}, h("span.an-muted.an-small.an-number", {}, t("Sending", number.format(figures.sent), number.format(figures.all))), h("button.an-button", { type: "button", on: { click: cancel } }, t("Cancel")))]
      : null);
    if (busy) return;
    const said = [];
    if (figures.cancelled) said.push(h("div.an-notice.an-notice-warn", {}, t("Cancelled", number.format(figures.stored))));
    else if (figures.stored + figures.there > 0) said.push(h("div.an-notice.an-notice-ok", {}, `${t("Done", number.format(figures.stored))}${figures.there > 0 ? ` ${t("There", number.format(figures.there))}` : ""}`));
    for (const name of figures.started ?? []) said.push(h("div.an-notice.an-notice-ok", {}, t("Started", name)));
    figures.started = [];
    if (figures.failed) said.push(h("div.an-notice.an-notice-danger", { role: "alert" }, figures.failed));
    if (figures.refused.length > 0) said.push(h("details", { open: figures.refused.length <= 10 }, h("summary", {}, t("Refused", number.format(figures.refused.length))), h("ul.mu-refused", { tabIndex: 0 }, figures.refused.slice(0, mostShown).map((r) => h("li", { dir: "auto" }, r)))));
    fill(notes, said);
  }

  return {
    dispose: () => {
      stop.abort();
      cancelQuietly();
    },
  };

  function cancelQuietly() {
    queue = [];
    request?.abort();
  }
}

/** The files of what was dropped: a file, or all in a folder. */
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const part = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (part.length === 0) return files;
    for (const child of part) files.push(...(await filesOf(child)).filter((f) => mediaEndings.test(f.name) || annotationEndings.test(f.name)));
  }
}
