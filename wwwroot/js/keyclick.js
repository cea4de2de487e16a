// Keys that press buttons: a button says its key by data-key, and no key event crosses the wire.

const mostWaiting = 8;

/**
 * Listens until the element is gone; keys typed into fields are left alone. From then on the element has data-listens.
 * @param {HTMLElement} host What the buttons are in.
 * @param {string} kept Keys, parted by spaces, that wait while the page is on its way to what they press: who goes through a list is faster than the wire.
 */
export function listen(host, kept) {
  const keeps = new Set(kept.split(" "));
  const waiting = [];
  let followed = null;

  // A link that was followed stands there until the server has drawn what it leads to.
  const busy = () => (followed?.isConnected && followed.href === location.href) || host.querySelector("[aria-busy=true]") !== null;
  const press = (key) => {
    const button = [...host.querySelectorAll("[data-key]")].find((b) => b.dataset.key === key && !b.disabled);
    followed = button instanceof HTMLAnchorElement ? button : null;
    button?.click();
    return Boolean(button);
  };
  const drawn = new MutationObserver(() => {
    while (waiting.length > 0 && !busy()) press(waiting.shift());
    if (waiting.length === 0) drawn.disconnect();
  });
  const heard = (event) => {
    if (!host.isConnected) {
      document.removeEventListener("keydown", heard);
      drawn.disconnect();
      return;
    }

    const field = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]");
    if (field || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const key = event.key.toLowerCase();
    if (!busy()) {
      if (press(key)) event.preventDefault();
    } else if (keeps.has(key) && waiting.length < mostWaiting) {
      event.preventDefault();
      waiting.push(key);
      drawn.observe(host, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-busy"] });
    }
  };
  document.addEventListener("keydown", heard);
  host.dataset.listens = "true";
}
