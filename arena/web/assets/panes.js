// The two panes, which Gradio renders: tells it which battle to show, and hears when it is shown.

import { language, say } from "./words.js";

const LESS = "\ue0f0"; // travels for "<", see arena/web/markdown.py
const TILDE = "\ue0f4";
const APART = "\ue0f1";
const ASKED = APART + APART; // begins a follow-up of the rater; a model's heading is another thing
const END = /\s*\ue0f2(\d+)\ue0f2/; // stands behind the last text, around the order's number
const NOTHING = /[\s\u200b]/g; // all that stands in an empty pane
const LEFTWARD = /[\p{sc=Arab}\p{sc=Hebr}]/u;
const OTHER_LETTERS = /(?![\p{sc=Arab}\p{sc=Hebr}])\p{L}/u;

let field = null;
let waiting = null;
let number = 0;
let shown = null; // the battle that stands in the panes, or will
let told = 0; // the last order that was said to be shown
let heard = () => {};
let begun = () => {};
let old = ""; // what stood in the panes when they were hidden
let before = null; // characters in both panes before the first text of this turn
export let lastChange = 0;
export const rest = () => {
  lastChange = performance.now();
};

const by = (id) => document.getElementById(id);

// Show a battle; `onBegun` runs when there is first text of its newest turn, `onShown` when every
// character of its present state is on the page.
export function show(battle, onShown, onBegun = () => {}) {
  number += 1;
  heard = onShown;
  begun = onBegun;
  before = null;
  lastChange = performance.now();
  waiting = JSON.stringify({ battle, lang: language(), n: number });
  if (battle !== shown) hide(); // a turn more, or another language, leaves the rest as it stands
  shown = battle;
  send();
}

// What stands there no longer counts, and what comes is not there yet.
export function hide() {
  old = texts();
  by("stage").classList.add("stale");
}

export function nameSeats(reveal) {
  for (const seat of ["a", "b"]) {
    const pane = by(`pane-${seat}`);
    const name = pane?.querySelector("h2 span");
    if (!name) continue; // Gradio is still building; named once it is ready
    pane.setAttribute("role", "region");
    pane.setAttribute("aria-label", say(`response_${seat}`));
    pane.setAttribute("tabindex", "0"); // so that it can be scrolled by keyboard on a phone's row
    name.textContent = reveal ? reveal[`model_${seat}`] : say(`response_${seat}`);
  }
}

function head(seat) {
  const heading = document.createElement("h2");
  const shape = document.createElement("i");
  shape.className = `shape ${seat}`;
  shape.setAttribute("aria-hidden", "true");
  heading.append(shape, document.createElement("span"));
  by(`pane-${seat}`).prepend(heading);
}

function send() {
  if (!field || waiting === null) return;
  const set = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set;
  set.call(field, waiting);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  waiting = null;
}

function* nodesOf(pane) {
  const texts = document.createTreeWalker(pane, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) yield node;
}

// Where code is never closed it stands in code too, and its number is coloured: in several nodes.
function takeEnd(pane) {
  const end = END.exec(pane.textContent);
  if (!end) return;
  pane.dataset.shown = end[1];
  let from = end.index;
  let to = from + end[0].length;
  for (const node of nodesOf(pane)) {
    const { data } = node;
    if (from < data.length && to > 0)
      node.data = data.slice(0, Math.max(from, 0)) + data.slice(to);
    from -= data.length;
    to -= data.length;
  }
}

function restore(pane) {
  takeEnd(pane);
  for (const node of nodesOf(pane)) {
    if (node.data.startsWith(ASKED)) node.parentElement.closest("h6")?.classList.add("asked");
    const text = node.data.replaceAll(LESS, "<").replaceAll(TILDE, "~").replaceAll(APART, "");
    if (text !== node.data) node.data = text; // to set it is a change, which leads here again
  }
}

// An address in angle brackets ends with them, and one that holds them is to hold them again.
function mend(pane) {
  for (const link of pane.querySelectorAll('a[href*="%3E"], a[href*="%EE%83%B"]'))
    link.href = link
      .getAttribute("href")
      .replace(link.previousSibling?.data?.endsWith("<") ? /%3E.*/ : "", "")
      .replaceAll("%EE%83%B0", "%3C")
      .replaceAll("%EE%83%B4", "~")
      .replaceAll("%EE%83%B1", "");
}

// Arabic or Hebrew runs from right to left, whatever the language of the page: each block by itself,
// by its first letter, or by most of them where it begins with a foreign name.
function turn(pane) {
  for (const block of pane.querySelectorAll(".md > :not(pre, .code_wrap)"))
    block.dir = isMostlyLeftward(block.textContent) ? "rtl" : "auto";
}

const isMostlyLeftward = (text) =>
  LEFTWARD.test(text) && text.split(LEFTWARD).length > text.split(OTHER_LETTERS).length;

// Gradio's own button at a block of code speaks English only.
function translate(pane) {
  for (const button of pane.querySelectorAll(".copy_code_button")) button.title = say("copy");
}

// What a model has written; Gradio keeps hidden words of its own beside it.
const written = (pane) =>
  [...pane.querySelectorAll(".prose .md")].map((text) => text.textContent.replace(NOTHING, "")).join("");

const texts = () =>
  ["text-a", "text-b"].map((id) => by(id) && written(by(id))).join("\n");

function changed() {
  lastChange = performance.now();
  const both = ["text-a", "text-b"].map(by);
  both.forEach(restore);
  both.forEach(mend);
  both.forEach(turn);
  both.forEach(translate);
  const isShown = both.every((pane) => Number(pane.dataset.shown) === number);
  if (isShown || texts() !== old) by("stage").classList.remove("stale");
  const length = both.map(written).reduce((sum, text) => sum + text.length, 0);
  before = Math.min(before ?? length, length); // the last battle's text goes one pane at a time
  if (length > before) begun();
  if (number === told || !isShown) return;
  told = number;
  heard();
}

const DEEP = { childList: true, subtree: true, characterData: true };

// Gradio builds its part of the page when it is ready for it.
export const ready = new Promise((resolve) => {
  const found = () => {
    const input = document.querySelector("#order textarea, #order input");
    if (!input || !by("text-a") || !by("text-b")) return false;
    field = input;
    by("stage").querySelector("main")?.setAttribute("role", "presentation"); // there is one already
    for (const seat of ["a", "b"]) head(seat);
    for (const id of ["text-a", "text-b"]) new MutationObserver(changed).observe(by(id), DEEP);
    resolve();
    send();
    return true;
  };
  if (found()) return;
  const watch = new MutationObserver(() => found() && watch.disconnect());
  watch.observe(by("stage"), { childList: true, subtree: true });
});
