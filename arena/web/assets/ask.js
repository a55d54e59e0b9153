// The first page: the prompt box and the questions one may pick.

import { language, questions, say } from "./words.js";
import { sendOnEnter } from "./keys.js";

const OFFERED = 6;

const by = (id) => document.getElementById(id);

export const box = (id) => {
  const form = by(id);
  const area = form.querySelector("textarea");
  const said = by(`${id}-said`);
  return {
    form,
    area,
    say(sentence) {
      said.textContent = sentence;
      form.classList.toggle("wrong", sentence !== "");
      area.toggleAttribute("aria-invalid", sentence !== "");
    },
    set busy(on) {
      form.setAttribute("aria-busy", String(on));
      form.querySelector("button").disabled = on;
      area.readOnly = on;
    },
    onSend(act) {
      sendOnEnter(form);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        act(area.value);
      });
      area.addEventListener("input", () => this.say(""));
    },
  };
};

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
      if (words === asked) return { question_id: id, language: code };
  return { question_id: null, language: language() };
}

export function chips(pick) {
  let drawn = draw();
  const list = by("chips");
  const show = () => {
    list.replaceChildren();
    if (questions.length === 0) return;
    by("note").hidden = false;
    for (const { text } of drawn) {
      const words = text[language()];
      list.append(chip(words, () => pick(words)));
    }
    if (questions.length > drawn.length)
      list.append(
        chip(say("more"), () => {
          drawn = draw();
          show();
          list.querySelector("button")?.focus();
        }, "chip more"),
      );
  };
  show();
  return { show, again: () => ((drawn = draw()), show()) };
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
