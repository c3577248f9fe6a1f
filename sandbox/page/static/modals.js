// Modals: the topmost view of the reader's stack in a dialog, with what was typed kept while the app changes it.

import { act } from "./acting.js";
import { drawBlocks } from "./blocks.js";
import { context, forget, valuesOf } from "./context.js";
import { el, fill } from "./dom.js";
import { icon } from "./icons.js";
import { plainText } from "./mrkdwn.js";
import { problems } from "./pickers.js";
import { modalsOf } from "./state.js";
import { me } from "./session.js";

let dialog = null;
let shown = null; // the view in the dialog
let returns = null; // what had the focus before

/** Show what is topmost now. */
export function drawModals() {
  const stack = modalsOf(me());
  const view = stack.at(-1) ?? null;
  if (view === shown) return;
  const same = view && shown && view.id === shown.id;
  if (shown && !same && !stack.some((one) => one.id === shown.id)) forget(shown.id);
  shown = view;
  if (!view) return close();
  if (!dialog) open();
  draw(view, stack.length > 1, same);
}

function open() {
  returns = document.activeElement;
  dialog = el("dialog", { class: "modal", "aria-labelledby": "modal-title" });
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    act("close");
  });
  document.body.append(dialog);
  dialog.showModal();
}

function close() {
  dialog?.close();
  dialog?.remove();
  dialog = null;
  if (returns?.isConnected) returns.focus();
  returns = null;
}

function draw(view, isStacked, same) {
  const focused = same && document.activeElement?.dataset.key;
  const form = el("form", { novalidate: true });
  const errors = view.errors ?? {};
  const drawn = (found) => drawBlocks(view.blocks, context(view.id, { more: () => ({ values: valuesOf(view.id, view.blocks) }), errors: found }));
  const body = el("div", { class: "view" });
  const fillBody = (found) => fill(body, found[""] && el("p", { class: "wrong banner", role: "alert" }, icon("warning"), found[""]), ...drawn(found));
  fillBody(errors);
  const submit = view.submit && el("button", { type: "submit", class: "button primary", disabled: Boolean(view.submit_disabled) }, plainText(view.submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const found = problems(form);
    if (Object.keys(found).length) {
      fillBody(found);
      return body.querySelector("[aria-invalid]")?.focus();
    }
    submit.disabled = true;
    await act("submit", { values: valuesOf(view.id, view.blocks) });
    if (submit.isConnected) submit.disabled = Boolean(view.submit_disabled);
    return undefined;
  });
  const closeWords = view.close ? plainText(view.close) : view.submit ? "Cancel" : "Close";
  form.append(
    el("header", {}, isStacked && el("button", { type: "button", class: "quiet", "aria-label": "Back", onclick: () => act("close") }, icon("back")),
      el("h2", { id: "modal-title" }, plainText(view.title)),
      el("button", { type: "button", class: "quiet", "aria-label": "Close", title: "Close (Esc)", onclick: () => act("close") }, icon("close"))),
    body,
    el("footer", {}, el("button", { type: "button", class: "button", onclick: () => act("close") }, closeWords), submit));
  fill(dialog, form);
  const target = body.querySelector("[aria-invalid]")
    ?? (focused ? dialog.querySelector(`[data-key="${CSS.escape(focused)}"]`) : null)
    ?? body.querySelector("[autofocus]") ?? body.querySelector("input, textarea, select, button, a") ?? dialog.querySelector("footer button");
  target?.focus();
}
