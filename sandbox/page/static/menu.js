// Menus and small panels that hang on a button. They use the browser's own popovers: Escape and a click elsewhere close.

import { el } from "./dom.js";

/**
 * Open a menu under a button. `items`: [{ label, note, danger, checked, run }]; arrows, Home, End and letters move.
 * `multiple`: items toggle and the menu stays; `onclose` is then told.
 */
export function openMenu(button, items, { label = "", multiple = false, onclose = () => {} } = {}) {
  const role = multiple ? "menuitemcheckbox" : "menuitem";
  const entries = items.map((item) => {
    const entry = el("button", {
      type: "button", role, tabindex: -1, class: item.danger ? "item danger" : "item",
      "aria-checked": multiple ? String(Boolean(item.checked)) : null,
    }, multiple && el("span", { class: "tick", "aria-hidden": "true" }, "✓"),
      el("span", {}, item.label, item.note && el("small", {}, item.note)));
    entry.addEventListener("click", () => {
      if (multiple) entry.setAttribute("aria-checked", String(item.run()));
      else {
        close();
        item.run();
      }
    });
    return entry;
  });
  const menu = el("div", { class: "menu", role: "menu", "aria-label": label }, ...entries);
  menu.addEventListener("keydown", (event) => moveOn(event, entries));
  const close = openPopover(button, menu, onclose);
  entries[0]?.focus();
  return close;
}

/** Open a panel under a button; returns the function that closes it. Focus goes back to the button. */
export function openPopover(button, panel, onclose = () => {}) {
  panel.popover = "auto";
  panel.classList.add("popover");
  (button.closest("dialog") ?? document.body).append(panel);
  panel.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    const inside = panel.contains(document.activeElement) || document.activeElement === document.body;
    panel.remove();
    button.setAttribute("aria-expanded", "false");
    if (inside && button.isConnected) button.focus();
    onclose();
  });
  panel.showPopover();
  place(panel, button);
  button.setAttribute("aria-expanded", "true");
  return () => panel.isConnected && panel.hidePopover();
}

function place(panel, button) {
  const at = button.getBoundingClientRect();
  const { width, height } = panel.getBoundingClientRect();
  const below = at.bottom + 4 + height <= innerHeight || at.top < height;
  panel.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  panel.style.top = `${below ? Math.max(8, Math.min(at.bottom + 4, innerHeight - height - 8)) : at.top - height - 4}px`;
}

/** Move the focus among entries as a menu does. */
export function moveOn(event, entries) {
  const now = entries.indexOf(document.activeElement);
  const steps = {
    ArrowDown: now + 1, ArrowUp: now - 1, ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: entries.length - 1,
  };
  let to = steps[event.key];
  if (to === undefined && event.key.length === 1 && /\S/.test(event.key)) {
    const begins = (entry) => entry.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase());
    to = [...entries.keys()].map((i) => (now + 1 + i) % entries.length).find((i) => begins(entries[i]));
  }
  if (to === undefined) return;
  event.preventDefault();
  entries.at(to % entries.length)?.focus();
}
