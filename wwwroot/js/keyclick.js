// Keys that press buttons: a button says its key by data-key, and no key event crosses the wire.

/** Listens until the element is gone; keys typed into fields are left alone. From then on the element has data-listens. */
export function listen(host) {
  const heard = (event) => {
    if (!host.isConnected) {
      document.removeEventListener("keydown", heard);
      return;
    }

    const field = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]");
    if (field || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const button = [...host.querySelectorAll("[data-key]")].find((b) => b.dataset.key === event.key.toLowerCase() && !b.disabled);
    if (!button) return;
    event.preventDefault();
    button.click();
  };
  document.addEventListener("keydown", heard);
  host.dataset.listens = "true";
}
