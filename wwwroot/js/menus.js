// Menus are native disclosures; what these lack is to close when one turns to something else.

export function closeMenus() {
  const others = (target) => {
    for (const menu of document.querySelectorAll("details.an-menu[open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  };
  document.addEventListener("pointerdown", (event) => others(event.target));
  document.addEventListener("focusin", (event) => others(event.target));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("details.an-menu a");
    if (link) link.closest("details").open = false;
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" ? event.target.closest?.("details.an-menu[open]") : null;
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
  }, true);
}
