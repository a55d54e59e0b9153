// The questions one may pick instead of writing a prompt.

import { language, questions, say } from "./words.js";

const OFFERED = 6;

const by = (id) => document.getElementById(id);

let drawn = draw();
let pick = () => {};

// As many aspects as possible, in random order.
function draw() {
  const left = questions.map((question) => ({ question, at: Math.random() }));
  left.sort((x, y) => x.at - y.at);
  const seen = {};
  for (const one of left) {
    one.round = seen[one.question.aspect] ?? 0;
    seen[one.question.aspect] = one.round + 1;
  }
  left.sort((x, y) => x.round - y.round);
  return left.slice(0, OFFERED).map((one) => one.question);
}

// A prompt that stands in the bank says which question it is, and in which language.
export function questionOf(prompt) {
  const asked = prompt.trim();
  for (const { id, text } of questions)
    for (const [code, words] of Object.entries(text))
      if (words.trim() === asked) return { question_id: id, language: code };
  return { question_id: null, language: language() };
}

export const isOffered = (prompt) => questionOf(prompt).question_id !== null;

export function onPick(act) {
  pick = act;
}

export function again() {
  drawn = draw();
  show();
}

export function show() {
  const list = by("chips");
  list.replaceChildren();
  if (questions.length === 0) return;
  by("note").hidden = false;
  for (const { text } of drawn) {
    const words = text[language()];
    list.append(chip(words, () => pick(words)));
  }
  if (questions.length > drawn.length) list.append(chip(say("more"), others, "chip more"));
}

function others() {
  again();
  by("chips").querySelector("button")?.focus();
}

function chip(words, act, look = "chip") {
  const button = document.createElement("button");
  button.type = "button";
  button.className = look;
  button.textContent = words;
  button.addEventListener("click", act);
  const item = document.createElement("li");
  item.append(button);
  return item;
}
