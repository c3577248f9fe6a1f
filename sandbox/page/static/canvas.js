// A canvas, shown over the page as it reads now.

import { get } from "./api.js";
import { el, fill } from "./dom.js";
import { markdown } from "./markdown.js";

/** Open it. Throws an Error with the server's sentence when it is gone. */
export async function showCanvas(id) {
  const { title, markdown: text } = await get(`/page/canvas/${id}`);
  const returns = document.activeElement;
  const dialog = el("dialog", { class: "canvas", "aria-label": title });
  const end = () => {
    dialog.remove();
    if (returns?.isConnected) returns.focus();
  };
  fill(dialog,
    el("div", { class: "block markdown" }, ...markdown(text)),
    el("div", { class: "ends" }, el("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Close")));
  dialog.addEventListener("close", end);
  document.body.append(dialog);
  dialog.showModal();
}
