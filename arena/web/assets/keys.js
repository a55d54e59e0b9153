// Keys: never while someone types, holds a modifier, composes a character, or a sheet is open.

const VOTES = {
  1: "model_a", 2: "tie", 3: "both_bad", 4: "model_b",
  a: "model_a", t: "tie", x: "both_bad", b: "model_b",
};

// Whoever goes on typing after an Enter has sent the prompt means no vote: a key is one again after
// a pause, or once the box is left by Escape or Tab.
const PAUSE_MS = 1000;
let typed = -Infinity; // when the last key was typed, in a box or on and on after it

const isTyping = (el) => el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName);
// A key for the composition of a character; Safari tells of the last one when that has ended.
const isComposed = ({ isComposing, keyCode }) => isComposing || keyCode === 229;
const isPressed = (el) => Boolean(el.closest("button, a, summary"));

export function listen(act) {
  document.addEventListener("keydown", (event) => {
    const { key, target, timeStamp } = event;
    const isTypedOn = timeStamp - typed < PAUSE_MS;
    const isLeft = (key === "Escape" || key === "Tab") && !isComposed(event);
    if (isLeft) typed = -Infinity;
    else if (key !== "Enter" && (isTyping(target) || isTypedOn)) typed = timeStamp;
    if (key === "Escape" && isLeft && isTyping(target)) return target.blur();
    if (key === "Enter" && event.repeat && isPressed(target)) return event.preventDefault();
    if (isComposed(event) || event.repeat) return;
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(target)) return;
    if (event.shiftKey && key !== "?") return;
    if (isTypedOn || document.querySelector("dialog[open]")) return;
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
    if (event.key !== "Enter" || event.shiftKey || isComposed(event)) return;
    event.preventDefault();
    if (!event.repeat) form.requestSubmit();
  });
}
