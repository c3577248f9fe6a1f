// Where one writes: Enter sends, Shift+Enter begins a line, and what is begun is completed.

import { act } from "./acting.js";
import { completion } from "./completion.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";
import { address } from "./session.js";

const drafts = new Map(); // place: text

/** `where()`: { key, thread, hint } of the place that it writes to now; `sent()` is told when something was written. */
export function composer(where, sent) {
  const field = el("textarea", { rows: 1, "aria-label": "Message", spellcheck: "true" });
  const sendButton = el("button", { type: "button", class: "quiet send", "aria-label": "Send", title: "Send (Enter)" }, icon("send"));
  const box = el("div", { class: "composer" }, field, sendButton);
  const completing = completion(field, box);
  let key = null;

  const grow = () => {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 160)}px`;
    sendButton.disabled = !field.value.trim();
  };
  const send = async () => {
    const text = field.value.trim();
    if (!text || !field.offsetParent) return; // not seen: its thread was closed meanwhile
    const { thread } = where();
    field.value = "";
    grow();
    const [command, ...words] = text.split(" ");
    const isCommand = /^\/[a-z][\w-]*$/.test(command);
    const outcome = isCommand
      ? await act("command", { channel: address(), command, text: words.join(" ").trim(), thread_ts: thread })
      : await act("say", { channel: address(), text, thread_ts: thread });
    if (outcome.error === "page" && !field.value) field.value = text;
    sent();
    grow();
  };
  field.addEventListener("input", () => {
    drafts.set(key, field.value);
    grow();
  });
  field.addEventListener("keydown", (event) => {
    if (completing.takes(event) || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    drafts.delete(key);
    send();
  });
  sendButton.addEventListener("click", () => {
    drafts.delete(key);
    send();
    field.focus();
  });

  /** Show the draft of the place that is now before the reader. */
  const settle = () => {
    const { key: now, hint } = where();
    field.placeholder = hint;
    field.setAttribute("aria-label", hint);
    if (now === key) return;
    key = now;
    field.value = drafts.get(key) ?? "";
    grow();
  };
  settle();
  grow();
  return { box, field, settle };
}
