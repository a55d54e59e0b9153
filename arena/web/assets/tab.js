// What this tab keeps across a reload; no other tab sees it, and nothing of it is sent anywhere.
//
// A browser that keeps nothing (a private window, no room, storage forbidden) loses only that.

export function read(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

export function write(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // It is not kept.
  }
}
