// Small things that only the browser can do.

/** Keeps theme, language and density for the next page and shows theme and density at once. */
export function keep(cookie, theme, density) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `annotator-ui=${cookie}; path=/; max-age=31536000; samesite=lax${secure}`;
  document.documentElement.dataset.theme = theme;
  document.documentElement.dataset.density = density;
  const scheme = document.querySelector("meta[name=color-scheme]");
  if (scheme) scheme.content = theme === "system" ? "light dark" : theme;
}

/** Copies a text; false where the browser does not allow it. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
