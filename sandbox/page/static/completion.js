// Completing what is being typed: commands and their words, people and groups, emoji.

import { el, fill } from "./dom.js";
import { emojiFor, emojiLike } from "./emoji.js";
import { workspace } from "./state.js";

let lists = 0;

/** Watch a field; `takes(event)` handles a key while suggestions are shown and says whether it did. */
export function completion(field, box) {
  const id = `completion-${(lists += 1)}`;
  const list = el("ul", { class: "completion", id, role: "listbox", "aria-label": "Suggestions", hidden: true });
  box.append(list);
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", id);
  let found = null; // { from, entries }
  let at = 0;

  const close = () => {
    found = null;
    list.hidden = true;
    field.removeAttribute("aria-activedescendant");
  };
  const choose = (entry) => {
    const end = field.selectionStart;
    field.setRangeText(entry.insert, found.from, end, "end");
    close();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  };
  const show = () => {
    fill(list, found.entries.map((entry, index) => el("li", {
      id: `${id}-${index}`, role: "option", "aria-selected": String(index === at),
      onmousedown: (event) => {
        event.preventDefault();
        choose(entry);
      },
    }, el("b", {}, entry.mark && el("span", { class: "emoji", "aria-hidden": "true" }, `${entry.mark} `), entry.label), entry.note && el("span", {}, entry.note))));
    list.hidden = false;
    field.setAttribute("aria-activedescendant", `${id}-${at}`);
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const look = () => {
    found = suggestions(field.value.slice(0, field.selectionStart));
    at = 0;
    if (found?.entries.length) show();
    else close();
  };
  field.addEventListener("input", look);
  field.addEventListener("blur", close);

  const takes = (event) => {
    if (!found || event.isComposing) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      at = (at + step + found.entries.length) % found.entries.length;
      show();
    } else if (event.key === "Enter" || event.key === "Tab") choose(found.entries[at]);
    else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { takes };
}

/** What could follow the text before the caret: { from, entries: [{ label, note, insert }] }; null when nothing. */
function suggestions(text) {
  const command = text.match(/^\/(\w*)(?: +(\w*))?$/);
  if (command) return commands(text, command);
  const word = text.match(/(?:^|[\s(])([@:])([\w.+-]*)$/);
  if (!word) return null;
  const from = text.length - word[2].length - 1;
  return { from, entries: word[1] === "@" ? handles(word[2].toLowerCase()) : emoji(word[2].toLowerCase()) };
}

function commands(text, [, name, typed]) {
  if (!"sre".startsWith(name) || (typed !== undefined && name !== "sre")) return null;
  const fits = workspace.commands.filter(({ word }) => word.startsWith(typed ?? "") && word !== typed);
  return { from: 0, entries: fits.map(({ word, args, does }) => ({ label: `/sre ${word} ${args}`.trim(), note: does, insert: args ? `/sre ${word} ` : `/sre ${word}` })) };
}

function handles(letters) {
  const people = Object.values(workspace.users).map((user) => ({ handle: user.name, note: user.real_name, first: user.bot }));
  const groups = Object.values(workspace.groups).map((group) => ({ handle: group.handle, note: group.name }));
  const all = [...people, ...groups].sort((a, b) => Number(Boolean(b.first)) - Number(Boolean(a.first)));
  const fits = all.filter(({ handle, note }) => handle.startsWith(letters) || note.toLowerCase().startsWith(letters));
  return fits.map(({ handle, note }) => ({ label: `@${handle}`, note, insert: `@${handle} ` }));
}

function emoji(letters) {
  if (letters.length < 2) return [];
  return emojiLike(letters, 6).map((name) => ({ label: `:${name}:`, mark: emojiFor(name), insert: `${emojiFor(name)} ` }));
}
