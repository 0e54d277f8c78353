// What the server has said to the page, and its sentences in the page's language.

export const page = JSON.parse(document.getElementById("page").textContent);
const language = document.documentElement.lang;

/** A sentence by its name, with what stands in its braces. */
export function words(name, values = {}) {
  return page.words[name].replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

export const seconds = value => number(value, 1);

/** A language's name in the page's language. */
export function languageName(code, otherwise) {
  try {
    const name = new Intl.DisplayNames([language], { type: "language", fallback: "none" }).of(code);
    return name ? name[0].toLocaleUpperCase(language) + name.slice(1) : otherwise;
  } catch {
    return otherwise;
  }
}
