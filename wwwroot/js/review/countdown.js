// The time by which an urgent item should be decided, counted down beside it.

import { h } from "../dom.js";

/**
 * A chip that counts down and says so once it is late. It stops by itself when it leaves the page.
 * @param {number} endsAt time of this browser, in milliseconds
 * @param {(key: string, ...values: unknown[]) => string} t texts
 */
export function countdown(endsAt, t) {
  const chip = h("span.rv-due", { role: "timer" });
  let timer = 0;
  const draw = () => {
    if (timer && !chip.isConnected) {
      clearInterval(timer);
      return;
    }

    const seconds = Math.ceil((endsAt - Date.now()) / 1000);
    const size = Math.abs(seconds);
    const time = size < 3600 ? `${Math.floor(size / 60)}:${String(size % 60).padStart(2, "0")}` : `${Math.floor(size / 3600)}:${String(Math.floor((size % 3600) / 60)).padStart(2, "0")}:${String(size % 60).padStart(2, "0")}`;
    chip.textContent = seconds >= 0 ? t("Review.DueIn", time) : t("Review.Late", time);
    chip.dataset.due = seconds < 0 ? "late" : seconds <= 15 ? "soon" : "";
  };
  draw();
  timer = setInterval(draw, 500);
  return chip;
}
