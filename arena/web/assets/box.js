// A prompt box: its text, what is said below it, and whether it may be used. There are two.

import { sendOnEnter } from "./keys.js";

const by = (id) => document.getElementById(id);

// A box grows with its text; where the browser does not see to it (most of Safari, and Firefox
// until lately), the page does.
const grows = CSS.supports("field-sizing", "content");

function fit(area) {
  if (grows) return;
  area.style.height = "auto";
  if (area.scrollHeight) area.style.height = `${area.scrollHeight}px`; // none while it is hidden
}

export function box(id) {
  const form = by(id);
  const area = form.querySelector("textarea");
  const said = by(`${id}-said`);
  let sentence = () => "";
  area.addEventListener("input", () => fit(area));
  return {
    area,
    // `words` is a function, so that it can be said again in another language; none: all is well.
    say(words = () => "") {
      sentence = words;
      said.textContent = sentence();
      form.classList.toggle("wrong", said.textContent !== "");
      area.setAttribute("aria-invalid", String(said.textContent !== ""));
    },
    sayAgain() {
      this.say(sentence);
    },
    get text() {
      return area.value;
    },
    set text(words) {
      area.value = words;
      fit(area);
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
    },
    onType(act) {
      area.addEventListener("input", () => {
        this.say();
        act(area.value);
      });
    },
  };
}
