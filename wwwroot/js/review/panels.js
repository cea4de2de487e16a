// Small windows of the review page: reasons of a skip, remark of a flag, the keys that are live, changing keys.

import { fill, h } from "../dom.js";
import { commandText, keyCap, keyName } from "./keys.js";

/** Reasons of a skip, as they are stored: the same word in every language of the interface. */
export const skipReasons = ["unclear", "several-fit", "none-fits", "language", "broken"];

const spanKeys = [
  [["ArrowLeft", "ArrowRight"], "word"], [["Shift+ArrowLeft", "Shift+ArrowRight"], "extend"], [["Ctrl+Shift+ArrowLeft", "Ctrl+Shift+ArrowRight"], "character"],
  [["[", "]"], "walk"], [["Space"], "confirm"], [["Delete"], "remove"], [["Shift+Enter"], "confirmedOnly"],
];

function isCanvas(group) {
  return group !== "decide" && group !== "history" && group !== "find";
}

const gridKeys = [[["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], "gridMove"], [["Space"], "gridMark"]];

export class Panels {
  #host;
  #t;
  #keymap;
  #open = null;

  constructor(host, { t, keymap }) {
    this.#host = host;
    this.#t = t;
    this.#keymap = keymap;
  }

  /** Whether a window is open: then the page's keys sleep. */
  get isOpen() {
    // As the window itself says: its event of being closed comes later, and a key may be faster.
    return this.#open?.open === true;
  }

  #show(title, content, { wide = false } = {}) {
    this.close();
    const dialog = h(`dialog.rv-dialog${wide ? ".rv-dialog-wide" : ""}`, {
      aria: { label: title },
      on: {
        close: () => {
          dialog.remove();
          if (this.#open === dialog) this.#open = null;
        },
        // Outside of the window means: never mind.
        click: (e) => { if (e.target === dialog) dialog.close(); },
      },
    }, h("div.rv-dialog-body", null, h("header", null, h("h2", null, title),
      h("button.an-button.an-button-quiet.an-button-small", { type: "button", on: { click: () => dialog.close() } }, this.#t("Review.Close"), h("kbd.rv-key", null, "Esc"))), content));
    this.#host.append(dialog);
    this.#open = dialog;
    dialog.showModal();
    return dialog;
  }

  close() {
    this.#open?.close();
    this.#open = null;
  }

  /** Asks why an item is skipped; digits answer at once. */
  skip({ needed, done }) {
    const t = this.#t;
    const finish = (reason) => {
      this.close();
      done(reason);
    };
    const other = h("input.an-input", { type: "text", maxLength: 500, aria: { label: t("Review.SkipOther") }, placeholder: t("Review.SkipOther") });
    const dialog = this.#show(t("Review.SkipTitle"), [
      h("ol.rv-reasons", null, skipReasons.map((reason, i) => h("li", null,
        h("button.an-button", { type: "button", on: { click: () => finish(reason) } }, h("kbd.rv-key", null, String(i + 1)), h("span", null, t(`Review.Skip.${reason}`)))))),
      h("form.rv-row", { method: "dialog", on: { submit: (e) => { e.preventDefault(); if (other.value.trim() || !needed) finish(other.value.trim()); } } },
        other, h("button.an-button", { type: "submit" }, t(needed ? "Review.SkipWith" : "Review.SkipWithout"), h("kbd.rv-key", null, "⏎"))),
    ]);
    dialog.addEventListener("keydown", (e) => {
      if (e.target === other || e.repeat) return;
      const reason = skipReasons[Number.parseInt(e.key, 10) - 1];
      if (reason) {
        e.preventDefault();
        finish(reason);
      } else if (e.key === "Enter" && !needed && e.target.tagName !== "BUTTON") {
        e.preventDefault();
        finish("");
      }
    });
    dialog.querySelector(".rv-reasons button").focus();
  }

  /** Asks for a remark with a flag. */
  flag({ done }) {
    const t = this.#t;
    const text = h("textarea.an-input", { rows: 3, maxLength: 5_000, placeholder: t("Review.FlagPlaceholder"), aria: { label: t("Review.FlagComment") } });
    const send = () => {
      this.close();
      done(text.value.trim());
    };
    this.#show(t("Review.FlagTitle"), h("form.rv-stack", { on: { submit: (e) => { e.preventDefault(); send(); } } },
      h("p.an-hint", null, t("Review.FlagHint")), text,
      h("div.rv-row", null, h("button.an-button.an-button-primary", { type: "submit" }, t("Review.FlagSend"), h("kbd.rv-key", null, "⏎")))));
    text.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || e.shiftKey || e.isComposing || e.keyCode === 229 || e.repeat) return;
      e.preventDefault();
      send();
    });
    text.focus();
  }

  /** The keys that are live now. */
  help({ live, labels, spans, shapes = [], grid = false, timings, change }) {
    const t = this.#t;
    const row = (keys, text) => h("div.rv-help-row", null, h("dt", null, keys.map((k) => h("kbd.rv-key", null, keyCap(k)))), h("dd", { dir: "auto" }, text));
    const groups = [...new Set(["decide", "history", ...this.#keymap.commands.map((c) => c.group)])].map((group) => {
      const rows = this.#keymap.commands.filter((c) => c.group === group && this.#keymap.keysOf(c.id).length > 0 && live(c.id)).map((c) => row(this.#keymap.keysOf(c.id), t(commandText(c.id))));
      if (group === "grid" && grid) rows.push(...gridKeys.map(([keys, name]) => row(keys, t(`Canvas.Key.${name}`))));
      if (group === "shapes") rows.push(...shapes.map(([keys, name]) => row(keys, t(`Canvas.Key.${name}`))));
      return rows.length > 0 ? h("section", null, h("h3", null, t(`${isCanvas(group) ? "Canvas" : "Review"}.Keys.${group}`)), h("dl", null, rows)) : null;
    });
    const withKeys = labels.filter((l) => l.key);
    const moved = this.#keymap.moved.map((m) => h("p.an-hint", null, m.label
      ? t("Review.KeyMoved", keyCap(m.wanted), m.label, t(commandText(m.command)), m.key ? keyCap(m.key) : t("Review.NoKey"))
      : t("Review.KeyMovedPlain", t(commandText(m.command)), m.key ? keyCap(m.key) : t("Review.NoKey"))));
    this.#show(t("Review.HelpTitle"), [
      h("div.rv-help", null, groups,
        spans ? h("section", null, h("h3", null, t("Review.Spans")), h("dl", null, spanKeys.map(([keys, name]) => row(keys, t(`Review.SpanKey.${name}`))))) : null,
        h("section.rv-help-labels", null, h("h3", null, t("Review.Labels")),
          withKeys.length > 0 && live("label") ? h("dl", null, withKeys.map((l) => row([l.key], l.name))) : null,
          labels.length > withKeys.length ? h("p.an-hint", null, t("Review.OtherLabels", labels.length - withKeys.length, keyCap(this.#keymap.keysOf("filter")[0]))) : null)),
      moved, h("p.an-hint", null, t("Review.HelpTyping")),
      h("div.rv-row", null, h("button.an-button", { type: "button", on: { click: change } }, t("Review.ChangeKeys"))),
      timings ? h("p.an-hint.an-number.rv-debug", null, timings) : null,
    ], { wide: true });
  }

  /** Changing keys. */
  keys({ changed }) {
    const t = this.#t;
    const message = h("p.rv-conflict", { role: "alert", hidden: true });
    let asking = null;
    const list = h("ul.rv-keylist");
    const draw = () => fill(list, this.#keymap.commands.filter((c) => !c.fixed).map((c) => {
      const [main, ...others] = this.#keymap.keysOf(c.id);
      return h("li", null, h("span", null, t(commandText(c.id))),
        h("span.rv-keylist-others", null, others.map((k) => h("kbd.rv-key", null, keyCap(k)))),
        h("button.an-button.an-button-small", {
          type: "button", data: { remap: c.id }, aria: { label: t("Review.KeyOf", t(commandText(c.id)), main ? keyCap(main) : t("Review.NoKey")), pressed: String(asking === c.id) },
          on: { click: () => { asking = asking === c.id ? null : c.id; message.hidden = true; draw(); list.querySelector(`[data-remap=${c.id}]`).focus(); } },
        }, asking === c.id ? t("Review.PressKey") : h("kbd.rv-key", null, main ? keyCap(main) : t("Review.NoKey"))));
    }));
    draw();
    const dialog = this.#show(t("Review.KeysTitle"), [
      h("p.an-hint", null, t("Review.KeysHint")), message, list,
      h("div.rv-row", null, h("button.an-button", {
        type: "button", data: { restore: "" }, on: { click: () => { this.#keymap.restore(); asking = null; message.hidden = true; draw(); changed(); } },
      }, t("Review.RestoreKeys"))),
    ]);
    const refuse = (key, conflict) => {
      fill(message, {
        reserved: () => t("Review.KeyReserved", keyCap(key)),
        fixed: () => t("Review.KeyFixed"),
        label: () => t("Review.KeyLabel", keyCap(key), conflict.by),
        command: () => t("Review.KeyCommand", keyCap(key), t(commandText(conflict.by))),
      }[conflict.reason]());
      message.hidden = false;
    };
    dialog.addEventListener("keydown", (e) => {
      if (!asking) return;
      const key = keyName(e);
      if (!key) return;
      e.preventDefault();
      e.stopPropagation();
      const command = asking;
      if (key === "Escape" || key === "Tab") {
        asking = null;
      } else if (key !== this.#keymap.keysOf(command)[0]) {
        const conflict = this.#keymap.assign(command, key);
        if (conflict) {
          refuse(key, conflict);
          return;
        }

        message.hidden = true;
        asking = null;
        changed();
      } else {
        asking = null;
      }

      draw();
      list.querySelector(`[data-remap=${command}]`)?.focus();
    }, true);
    // Escape while a key is asked for ends the asking, not the window.
    dialog.addEventListener("cancel", (e) => { if (asking) e.preventDefault(); });
  }
}
