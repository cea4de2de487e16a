// A video whose frames become images: it goes straight to the streaming endpoint, never over the circuit.
import { fill, h, texts } from "../js/dom.js";

const modes = ["interval", "scene", "uncertain"];

/**
 * @param {HTMLElement} host
 * @param {{project: string, texts: object}} options
 */
export function start(host, options) {
  const t = texts(Object.fromEntries(Object.entries(options.texts).map(([key, text]) => [key.replace(/^Frames\./, ""), text])));
  let request = null;
  const file = h("input.an-input", { id: "fs-file", type: "file", accept: "video/*,.mp4,.mov,.webm,.avi" });
  const every = h("input.an-input", { id: "fs-every", type: "number", min: "0.04", max: "3600", step: "any", value: "1" });
  const change = h("input.an-input", { id: "fs-change", type: "number", min: "2", max: "100", step: "1", value: "35" });
  const most = h("input.an-input", { id: "fs-most", type: "number", min: "1", max: "10000", step: "1", value: "500" });
  const choices = modes.map((name, i) => h("label.an-choice", {},
    h("input", { type: "radio", name: "fs-mode", value: name, checked: i === 0, on: { change: () => draw() } }),
    h("span", {}, h("strong", {}, t(`Mode.${name}`)), h("span.an-hint", {}, t(`Mode.${name}.Hint`)))));
  const field = (input, label, hint) => h("div.fs-field", {}, h("label.an-label", { htmlFor: input.id }, label), input, hint ? h("span.an-hint", {}, hint) : null);
  const changeField = field(change, t("Change"), t("ChangeHint"));
  const send = h("button.an-button.an-button-primary", { type: "button", on: { click: () => go() } }, t("Send"));
  const cancel = h("button.an-button", { type: "button", hidden: true, on: { click: () => request?.abort() } }, t("Cancel"));
  const notes = h("div.fs-notes", { role: "status" });
  fill(host,
    field(file, t("File")),
    h("fieldset.an-choices", {}, h("legend", {}, t("Mode")), h("div.an-choice-row", {}, choices)),
    h("div.fs-fields", {}, field(every, t("Every"), t("EveryHint")), changeField, field(most, t("Most"))),
    h("div.fs-line", {}, send, cancel), notes);
  draw();

  function mode() {
    return host.querySelector("input[name=fs-mode]:checked").value;
  }

  function draw() {
    changeField.hidden = mode() !== "scene";
  }

  function say(kind, ...lines) {
    fill(notes, h(`div.an-notice.an-notice-${kind}`, kind === "danger" ? { role: "alert" } : {}, lines.map((l) => h("div", { dir: "auto" }, l))));
  }

  async function go() {
    const [chosen] = file.files;
    if (!chosen) {
      say("danger", t("NoFile"));
      file.focus();
      return;
    }

    request = new AbortController();
    send.disabled = true;
    cancel.hidden = false;
    say("info", t("Sending", chosen.name));
    const query = new URLSearchParams({ mode: mode(), every: every.value || "1", most: most.value || "500", name: chosen.name });
    if (mode() === "scene") query.set("change", String((Number(change.value) || 35) / 100));
    try {
      const response = await fetch(`/api/v1/projects/${options.project}/frames?${query}`, { method: "POST", body: chosen, headers: { "X-Annotator": "1", Accept: "application/json" }, credentials: "same-origin", signal: request.signal });
      const answer = await response.json().catch(() => null);
      if (response.status === 202) {
        say("ok", t("Started", chosen.name));
        file.value = "";
      } else {
        const reasons = Object.values(answer?.errors ?? {}).flat();
        say("danger", ...(reasons.length > 0 ? reasons : [answer?.detail ?? t("Connection")]));
      }
    } catch (error) {
      if (error.name === "AbortError") fill(notes);
      else say("danger", t("Connection"));
    } finally {
      send.disabled = false;
      cancel.hidden = true;
      request = null;
    }
  }

  return { dispose: () => request?.abort() };
}
