// A list of messages that changes in place: only what changed is drawn anew, and focus and position stay.

import { dayName } from "./dates.js";
import { el } from "./dom.js";
import { continues, drawMessage, isDismissed } from "./message.js";
import { repliesTo } from "./state.js";
import { me } from "./session.js";

const numbers = new WeakMap(); // message: a number, another one after each change
let last = 0;

function numberOf(message) {
  if (!numbers.has(message)) numbers.set(message, (last += 1));
  return numbers.get(message);
}

/**
 * Show these messages in `root`, a <ol>. `lead(index)` gives lines to stand before a message: [key, words, class].
 * Redraws only what changed since the last call.
 */
export function showMessages(root, messages, { inThread = false, lead = () => null, redraw }) {
  const rows = [];
  let above = null;
  let day = null;
  for (const [index, message] of messages.entries()) {
    if (isDismissed(message)) continue;
    const today = dayName(Number(message.ts));
    const line = lead(index, message);
    if (today !== day && !inThread) rows.push(divider(`day ${today}`, today, "day"));
    if (line) rows.push(divider(...line));
    const compact = today === day && !line && continues(above, message);
    rows.push(row(message, { compact, inThread, redraw }));
    [above, day] = [message, today];
  }
  arrange(root, rows);
}

function divider(key, words, look) {
  return { key, version: words, build: () => el("li", { class: `rule ${look}` }, el("span", {}, words)) };
}

function row(message, options) {
  const replies = options.inThread ? [] : repliesTo(message.channel, message.ts);
  return {
    key: message.ts,
    version: [numberOf(message), options.compact, replies.length, replies.at(-1)?.ts, me()].join(),
    build: () => el("li", {}, drawMessage(message, options)),
  };
}

/** Make the children of `root` what `rows` ask for: { key, version, build }. */
export function arrange(root, rows) {
  const present = new Map([...root.children].map((child) => [child.dataset.row, child]));
  const focus = focusIn(root);
  let before = null;
  for (const { key, version, build } of rows) {
    let node = present.get(key);
    present.delete(key);
    if (node?.dataset.version !== version) {
      const drawn = build();
      Object.assign(drawn.dataset, { row: key, version });
      node?.remove();
      node = drawn;
    }
    const after = before ? before.nextSibling : root.firstChild;
    if (node !== after) root.insertBefore(node, after);
    before = node;
  }
  for (const gone of present.values()) gone.remove();
  focus?.();
}

/** How to give the focus back after a redraw: to the same control, else to its message. */
function focusIn(root) {
  const active = document.activeElement;
  if (!root.contains(active) || active === root) return null;
  const ts = active.closest("[data-ts]")?.dataset.ts;
  const key = active.dataset.key;
  return () => {
    if (document.activeElement === active) return;
    const message = ts && root.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    const control = key && message?.querySelector(`[data-key="${CSS.escape(key)}"]`);
    (control || message || null)?.focus({ preventScroll: true });
  };
}
