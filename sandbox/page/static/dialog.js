// Dialogs, by the browser's own <dialog>: the rest of the page is inert, Escape closes, focus goes back.

import { el, fill } from "./dom.js";
import { plainText, textObject } from "./mrkdwn.js";

/** Ask as a confirm object of Block Kit says; whether the person agreed. */
export function confirmed(confirm) {
  return new Promise((resolve) => {
    const returns = document.activeElement;
    const dialog = el("dialog", { class: "confirm", "aria-labelledby": "confirm-title" });
    const end = (answer) => {
      dialog.close();
      dialog.remove();
      if (returns?.isConnected) returns.focus();
      resolve(answer);
    };
    fill(dialog,
      el("h2", { id: "confirm-title" }, plainText(confirm.title)),
      el("div", { class: "text" }, ...textObject(confirm.text)),
      el("div", { class: "ends" },
        el("button", { type: "button", class: "button", onclick: () => end(false) }, plainText(confirm.deny)),
        el("button", {
          type: "button", class: `button ${confirm.style === "danger" ? "danger" : "primary"}`, onclick: () => end(true),
        }, plainText(confirm.confirm))));
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      end(false);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
