// The words of the page: all languages travel with it, so that changing one needs no reload.

const carried = JSON.parse(document.getElementById("carried").textContent);

export const questions = carried.questions;
const page = document.documentElement;
let named = page.lang; // "zh-CN"
let lang = named.split("-")[0];

// Gradio writes the browser's language there, and a screen reader would read ours in its voice.
function rename() {
  if (page.lang !== named) page.lang = named;
}
new MutationObserver(rename).observe(page, { attributeFilter: ["lang"] });

export const language = () => lang;
export const aspect = (name) => carried.aspects[name]?.[lang] ?? name;

export function say(key, values = {}) {
  const sentence = carried.words[lang][key] ?? carried.words.en[key] ?? "";
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// "12th" in English, "第 12 " in Chinese.
export function nth(n) {
  const rule = new Intl.PluralRules(lang, { type: "ordinal" }).select(n);
  return say(`nth_${rule}`, { n }) || say("nth_other", { n });
}

// Words in the markup name their sentence: data-w, data-w-label (for screen readers), data-w-hint.
export function speak(root = document) {
  for (const el of root.querySelectorAll("[data-w]")) el.textContent = say(el.dataset.w);
  for (const el of root.querySelectorAll("[data-w-label]"))
    el.setAttribute("aria-label", say(el.dataset.wLabel));
  for (const el of root.querySelectorAll("[data-w-hint]")) el.placeholder = say(el.dataset.wHint);
}

export function switchLanguage(to) {
  lang = to;
  document.cookie = `lang=${to}; Path=/; Max-Age=31536000; SameSite=Lax`;
  for (const link of document.querySelectorAll("[data-lang]")) {
    if (link.dataset.lang === to) {
      link.setAttribute("aria-current", "true");
      named = link.lang;
      rename();
    } else link.removeAttribute("aria-current");
  }
  speak();
}
