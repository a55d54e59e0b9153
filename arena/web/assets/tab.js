// What this tab keeps across a reload; no other tab sees it, and nothing of it is sent anywhere.
//
// Where a browser keeps nothing (a private window, no room, storage forbidden), the page does until
// it is left.

const unkept = new Map();

export function read(name) {
  try {
    return unkept.get(name) ?? JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

export function write(name, value) {
  unkept.delete(name);
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    unkept.set(name, value);
  }
}
