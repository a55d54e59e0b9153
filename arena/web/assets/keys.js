// Keys: never while someone types, holds a modifier, composes a character, or a sheet is open.

const VOTES = {
  1: "model_a", 2: "tie", 3: "both_bad", 4: "model_b",
  a: "model_a", t: "tie", x: "both_bad", b: "model_b",
};

const isTyping = (el) => el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName);
const isPressed = (el) => Boolean(el.closest("button, a, summary"));

export function listen(act) {
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (key === "Escape" && isTyping(target) && !event.isComposing) return target.blur();
    if (key === "Enter" && event.repeat && isPressed(target)) return event.preventDefault();
    if (event.isComposing || event.keyCode === 229 || event.repeat) return;
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(target)) return;
    if (event.shiftKey && key !== "?") return;
    if (document.querySelector("dialog[open]")) return;
    if (key === "Enter" && isPressed(target)) return; // the button does it
    const name = key.toLowerCase();
    const done =
      name in VOTES ? act.vote(VOTES[name])
      : name === "n" ? act.skip()
      : name === "u" ? act.withdraw()
      : name === "c" ? act.open("criteria-sheet")
      : name === "?" ? act.open("keys-sheet")
      : name === "enter" ? act.next()
      : false;
    if (done) event.preventDefault();
  });
}

// Enter sends and Shift+Enter starts a line, but not the Enter that ends a composed word.
export function sendOnEnter(form) {
  form.querySelector("textarea").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229)
      return;
    event.preventDefault();
    if (!event.repeat) form.requestSubmit();
  });
}
