// The part of the upload page that must be in the browser: files never pass through the circuit.
import { call, ApiError } from "../js/review/api.js";
import { fill, h, texts } from "../js/dom.js";
import { meanings, paceOf, problemOf, uploadsOf } from "../js/import/uploads.js";

const previewRows = 8;

/**
 * @param {HTMLElement} host
 * @param {{project: string, labels: string[], open: boolean, multiple: boolean, texts: object}} options
 */
export function start(host, options) {
  const t = texts(Object.fromEntries(Object.entries(options.texts).map(([key, text]) => [key.replace(/^Upload\./, ""), text])));
  const language = document.documentElement.lang || "en";
  const number = new Intl.NumberFormat(language);
  const uploads = uploadsOf(options.project);
  const stop = new AbortController();
  const cards = new Map();

  const picker = h("input", { type: "file", multiple: true, accept: ".csv,.tsv,.tab,.txt,.jsonl,.ndjson,.json,text/csv,text/plain,application/json", className: "an-visually-hidden", tabIndex: -1, aria: { label: t("Choose") } });
  const choose = h("button.an-button.an-button-primary", { type: "button", on: { click: () => picker.click() } }, t("Choose"));
  const drop = h("div.up-drop", {}, h("div.up-drop-line", {}, h("strong", {}, t("Drop")), choose), h("span.an-hint", {}, t("DropHint")), picker);
  const status = h("div.an-visually-hidden", { role: "status" });
  const notice = h("div.up-notice", { role: "alert" });
  const list = h("div.up-list");
  const all = h("button.an-button.an-button-primary", { type: "button", on: { click: () => uploads.startAll() } });
  const files = h("section.up-files", { hidden: true, aria: { label: t("Files") } }, h("div.up-files-head", {}, h("h2", {}, t("Files")), all), list);
  fill(host, drop, notice, pasteBox(), files, status);

  picker.addEventListener("change", () => {
    add([...picker.files]);
    picker.value = "";
  });

  // Files may be let go anywhere on the page; without this the browser would open them and leave.
  let depth = 0;
  const listen = (target, name, action) => target.addEventListener(name, action, { signal: stop.signal });
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  listen(document, "dragenter", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth++;
    drop.classList.add("up-drop-active");
  });
  listen(document, "dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  listen(document, "dragleave", (event) => {
    if (hasFiles(event) && --depth <= 0) drop.classList.remove("up-drop-active");
  });
  listen(document, "drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.classList.remove("up-drop-active");
    const folders = [...event.dataTransfer.items].map((i) => i.webkitGetAsEntry?.()).filter((e) => e?.isDirectory).map((e) => e.name);
    add([...event.dataTransfer.files].filter((f) => !folders.includes(f.name)), folders.map((f) => t("Folder", f)));
  });

  function add(chosen, problems = []) {
    for (const file of chosen) if (!uploads.add(file)) problems.push(t("Duplicate", file.name));
    fill(notice, problems.map((p) => h("div.an-notice.an-notice-warn", {}, p)));
  }

  listen(uploads, "change", ({ detail: { entry, kind } }) => {
    if (kind === "list") {
      if (entry.state === "sent") status.textContent = t("SentTo", entry.name);
      draw();
    } else if (kind === "progress") {
      cards.get(entry.id)?.progress();
    } else {
      cards.get(entry.id)?.draw(kind);
      if (kind === "state" && entry.state !== "waiting") status.textContent = `${entry.name}: ${stateText(entry)}`;
      foot();
    }
  });
  draw();

  function draw() {
    files.hidden = uploads.entries.length === 0;
    for (const [id, card] of cards) {
      if (uploads.entries.some((e) => e.id === id)) continue;
      card.element.remove();
      cards.delete(id);
    }
    for (const entry of uploads.entries) {
      if (cards.has(entry.id)) continue;
      const card = cardOf(entry);
      cards.set(entry.id, card);
      list.append(card.element);
    }
    foot();
  }

  function foot() {
    const ready = uploads.ready.length;
    all.hidden = ready < 2;
    all.textContent = t("StartAll", number.format(ready));
  }

  function cardOf(entry) {
    const element = h("article.an-card.up-file", { aria: { label: entry.name } });
    let bar, line;
    const self = { element, draw: redraw, progress };
    redraw("state");
    return self;

    function redraw(kind) {
      // Choosing a column must not throw away the box that has just been used.
      const focused = element.contains(document.activeElement) ? document.activeElement.dataset.meaning : null;
      fill(element, head(), body());
      if (focused) element.querySelector(`[data-meaning="${focused}"]`)?.focus();
      if (kind !== "mapping") progress();
    }

    function head() {
      const buttons = [];
      if (entry.state === "ready") buttons.push(h("button.an-button.an-button-primary", { type: "button", disabled: problemOf(entry) !== null, aria: { label: t("FileActions", t("Start"), entry.name) }, on: { click: () => uploads.start(entry) } }, t("Start")));
      if (entry.state === "failed") buttons.push(h("button.an-button", { type: "button", on: { click: () => uploads.start(entry) } }, t("Again")));
      if (entry.state === "unreadable" && ["connection", "signedOut", "server"].includes(entry.error)) buttons.push(h("button.an-button", { type: "button", on: { click: () => uploads.look(entry) } }, t("Again")));
      if (["waiting", "sending", "storing"].includes(entry.state)) buttons.push(h("button.an-button", { type: "button", aria: { label: t("FileActions", t("Cancel"), entry.name) }, on: { click: () => uploads.cancel(entry) } }, t("Cancel")));
      else buttons.push(h("button.an-button.an-button-quiet", { type: "button", aria: { label: t("FileActions", t("Remove"), entry.name) }, on: { click: () => uploads.remove(entry) } }, t("Remove")));
      return h("div.up-file-head", {}, h("div.up-file-name", {}, h("h3.an-truncate", { title: entry.name, dir: "auto" }, entry.name), h("span.an-muted.an-small.an-number", {}, facts())), ...buttons);
    }

    function facts() {
      const parts = [bytesText(entry.size)];
      const p = entry.preview;
      if (p) {
        parts.push(p.format.toUpperCase(), encodingText(p.encoding));
        if (p.delimiter) parts.push(`${t("Delimiter")}: ${delimiterText(p.delimiter)}`);
        if (p.format !== "jsonl") parts.push(`${t("Header")}: ${p.hasHeader ? t("HeaderYes") : t("HeaderNo")}`);
      }
      return parts.join(" · ");
    }

    function body() {
      switch (entry.state) {
        case "reading":
          return h("div.up-wait", {}, h("div.an-progress.an-progress-unknown", { role: "progressbar", aria: { label: t("Reading") } }, h("span")), h("span.an-muted.an-small", {}, t("Reading")));
        case "unreadable":
          return h("div.an-notice.an-notice-danger", { role: "alert" }, h("div.an-stack-tight", {}, h("strong", {}, t("Unreadable")), reasons()));
        case "waiting":
        case "sending":
        case "storing":
          bar = h("span");
          line = h("span.an-muted.an-small.an-number");
          return h("div.up-wait", {}, h("div.an-progress", { role: "progressbar", aria: { label: t("Progress", entry.name), valuemin: "0", valuemax: "100" } }, bar), line);
        case "failed":
          return [h("div.an-notice.an-notice-danger", { role: "alert" }, h("div.an-stack-tight", {}, h("strong", {}, t("UploadFailed")), reasons())), columns()];
        default:
          return columns();
      }
    }

    function reasons() {
      const known = { empty: "Empty", excel: "Excel", binary: "Binary", noColumns: "NoColumns", connection: "NoConnection", signedOut: "SignedOut", changed: "Changed" }[entry.error];
      return known ? h("span", {}, t(known, entry.value)) : entry.details.map((d) => h("span", {}, d));
    }

    function columns() {
      const p = entry.preview;
      if (!p) return null;
      const names = p.columns.map((c) => c.name);
      const choice = (meaning) => {
        const id = `up-${entry.id}-${meaning}`;
        return h("div.up-column", {},
          h("label.an-label", { htmlFor: id }, t(`Column.${meaning}`)),
          h("select.an-input.an-input-small", { id, data: { meaning }, aria: { describedby: `${id}-hint` }, on: { change: (e) => uploads.map(entry, meaning, e.target.value) } },
            h("option", { value: "", selected: !entry.mapping[meaning] }, t("NoColumn")),
            names.map((n) => h("option", { value: n, selected: entry.mapping[meaning] === n }, n))),
          h("span.an-hint", { id: `${id}-hint` }, t(`ColumnHint.${meaning}`)));
      };
      const problem = problemOf(entry);
      return [
        h("fieldset.up-columns", {}, h("legend.an-visually-hidden", {}, t("Columns")), meanings.map(choice)),
        problem ? h("div.an-error-text", { role: "alert" }, t(problem.key, ...problem.values.map((v) => (problem.texts ? t(v) : v)))) : null,
        entry.like ? h("div.an-hint", {}, t("SameAsBefore", entry.like)) : null,
        labelNote(),
        preview(p),
        p.rejected.length === 0 ? null : h("details.up-rejected", {}, h("summary", {}, t("PreviewRejected", number.format(p.rejected.length))), h("ul", {}, p.rejected.map((r) => h("li", {}, t("RejectedLine", number.format(r.line), r.reason))))),
      ];
    }

    function labelNote() {
      const column = entry.preview.columns.findIndex((c) => c.name === entry.mapping.label);
      if (column < 0) return null;
      if (options.open || options.labels.length === 0) return h("div.an-hint", {}, t("NewLabels"));
      const cells = entry.preview.rows.map((r) => r[column]?.trim()).filter((c) => c && !/^[[{]/.test(c));
      const used = options.multiple ? cells.flatMap((c) => (options.labels.includes(c) ? [c] : c.split(c.includes(";") ? ";" : "|").map((n) => n.trim()))) : cells;
      const unknown = [...new Set(used)].filter((n) => n && !options.labels.includes(n));
      if (unknown.length === 0) return null;
      const shown = unknown.slice(0, 5).map((n) => `“${n}”`).join(", ") + (unknown.length > 5 ? " …" : "");
      return h("div.an-notice.an-notice-warn", {}, t("UnknownLabels", shown));
    }

    function preview(p) {
      const meaning = (name) => meanings.find((m) => entry.mapping[m] === name);
      return h("div.an-table-wrap.up-preview", { tabIndex: 0, role: "region", aria: { label: t("PreviewOf", entry.name) } },
        h("table.an-table", {},
          h("thead", {}, h("tr", {}, p.columns.map((c) => h("th", { scope: "col" }, h("span", { dir: "auto" }, c.name), meaning(c.name) ? h("span.an-badge.an-badge-accent", {}, t(`Column.${meaning(c.name)}`)) : null)))),
          h("tbody", {}, p.rows.slice(0, previewRows).map((r) => h("tr", {}, r.map((cell, i) => h(meaning(p.columns[i].name) === "text" ? "td.up-cell-text" : "td", { dir: "auto", title: cell ?? "" }, cut(cell))))))));
    }

    function progress() {
      if (!bar?.isConnected) return;
      const share = entry.size > 0 ? entry.sent / entry.size : 0;
      const percent = entry.state === "storing" ? 100 : Math.min(99.9, Math.floor(share * 1000) / 10);
      bar.style.width = `${percent}%`;
      bar.parentElement.setAttribute("aria-valuenow", String(percent));
      const pace = paceOf(entry);
      line.textContent = entry.state === "waiting" ? t("Waiting")
        : entry.state === "storing" ? t("Storing")
        : pace ? t("Sent", bytesText(entry.sent), bytesText(entry.size), bytesText(pace.rate), durationText(pace.left)) : t("SentShort", bytesText(entry.sent), bytesText(entry.size));
    }
  }

  function pasteBox() {
    let kind = "lines";
    const area = h("textarea.an-input.up-paste-text", { rows: 7, id: "up-paste", spellcheck: false, on: { input: count } });
    const counter = h("span.an-muted.an-small.an-number");
    const submit = h("button.an-button", { type: "button", disabled: true, on: { click: send } }, t("PasteAdd"));
    const options_ = ["lines", "blocks", "table"].map((value) => h("label", {},
      h("input", { type: "radio", name: "up-paste-as", value, checked: value === kind, on: { change: () => { kind = value; count(); } } }), h("span", {}, t(`PasteAs.${value}`))));
    let made = 0;

    return h("details.up-paste", {}, h("summary", {}, h("span", {}, t("Paste")), h("span.an-hint", {}, t("PasteHint"))),
      h("div.up-paste-body", {},
        h("fieldset.up-paste-as", {}, h("legend.an-visually-hidden", {}, t("PasteAs")), options_),
        h("label.an-visually-hidden", { htmlFor: "up-paste" }, t("PasteLabel")), area,
        h("div.an-row", {}, submit, counter)));

    function items() {
      const text = area.value.replace(/\r\n?/g, "\n");
      if (kind === "table") return text.trim() ? text.trim().split("\n").slice(1) : [];
      return text.split(kind === "blocks" ? /\n[^\S\n]*\n/ : "\n").map((i) => i.trim()).filter(Boolean);
    }

    function count() {
      const n = items().length;
      counter.textContent = n > 0 ? t("PasteCount", number.format(n)) : "";
      submit.disabled = n === 0;
    }

    function send() {
      const name = t("PasteName", number.format(++made));
      const table = kind === "table";
      const content = table ? area.value : items().map((text) => JSON.stringify({ text })).join("\n");
      add([new File([content], table ? name : `${name}.jsonl`, { type: "text/plain" })]);
      area.value = "";
      count();
    }
  }

  function stateText(entry) {
    return { reading: t("Reading"), unreadable: t("Unreadable"), ready: t("Ready"), waiting: t("Waiting"), sending: t("Uploading"), storing: t("Storing"), failed: t("UploadFailed") }[entry.state] ?? "";
  }

  function bytesText(bytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (bytes >= 1024 && unit < units.length - 1) {
      bytes /= 1024;
      unit++;
    }
    return `${new Intl.NumberFormat(language, { maximumFractionDigits: unit > 0 && bytes < 10 ? 1 : 0 }).format(bytes)} ${units[unit]}`;
  }

  function durationText(seconds) {
    if (seconds < 60) return t("Seconds", number.format(Math.max(1, Math.ceil(seconds))));
    return seconds < 5400 ? t("Minutes", number.format(Math.round(seconds / 60))) : t("Hours", number.format(Math.round(seconds / 3600)));
  }

  function encodingText(name) {
    return { Utf8: "UTF-8", Utf16LittleEndian: "UTF-16 LE", Utf16BigEndian: "UTF-16 BE", Korean949: "CP949 (EUC-KR)", Windows1252: "Windows-1252" }[name] ?? name;
  }

  function delimiterText(delimiter) {
    const known = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space" }[delimiter];
    return known ? t(`Delimiter.${known}`) : delimiter;
  }

  return { dispose: () => stop.abort() };
}

/**
 * For images and video: items by the addresses of their media.
 * @returns {Promise<{added: number, existing: number, line: number, reason: string|null}>} how far it came, and what went wrong at which line
 */
export async function addAddresses(project, area) {
  const lines = area.value.split(/\r?\n/).map((url, i) => ({ url: url.trim(), line: i + 1 })).filter((l) => l.url.length > 0);
  const wrong = lines.find((l) => !/^(https?|s3):\/\/\S+$/i.test(l.url));
  if (wrong) return { added: 0, existing: 0, line: wrong.line, reason: wrong.url.slice(0, 200) };
  let [added, existing] = [0, 0];
  const stored = lines.filter((l) => /^s3:/i.test(l.url));
  const named = lines.filter((l) => !/^s3:/i.test(l.url));
  for (let from = 0; from < named.length; from += 500) {
    const part = named.slice(from, from + 500);
    try {
      const { value } = await call("POST", `/api/v1/projects/${project}/items`, { body: { items: part.map((l) => ({ url: l.url })) } });
      added += value.items.filter((i) => i.created).length;
      existing += value.items.filter((i) => !i.created).length;
    } catch (error) {
      const reason = error instanceof ApiError ? Object.values(error.problem?.errors ?? {}).flat()[0] ?? error.message : String(error);
      return { added, existing, line: part[0].line, reason: String(reason).slice(0, 500) };
    }
  }
  if (stored.length > 0) {
    try {
      const { created, there, refused } = await fetchObjects(project, stored);
      added += created;
      existing += there;
      if (refused) return { added, existing, ...refused };
    } catch (error) {
      return { added, existing, line: stored[0].line, reason: String(error instanceof ApiError ? error.message : error).slice(0, 500) };
    }
  }
  area.value = "";
  return { added, existing, line: 0, reason: null };
}

// No browser shows what lies in an object store: the server fetches it, by a run.
async function fetchObjects(project, lines) {
  const body = lines.map((l) => `${JSON.stringify({ key: l.url, url: l.url })}\n`).join("");
  let { value: run } = await call("POST", `/api/v1/projects/${project}/imports?format=jsonl&key=key&text=url&name=addresses.jsonl`, { body });
  while (run.state === "queued" || run.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, 700));
    ({ value: run } = await call("GET", `/api/v1/runs/${run.id}`));
  }

  if (run.state !== "succeeded") throw new Error(run.message ?? run.state);
  const [first] = run.rejected > 0 ? (await call("GET", `/api/v1/runs/${run.id}/rejections?limit=1`)).value.items : [];
  return { created: run.result.created, there: run.result.existing, refused: first ? { line: lines[first.line - 1]?.line ?? first.line, reason: first.reason } : null };
}

function cut(text) {
  return text && text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
