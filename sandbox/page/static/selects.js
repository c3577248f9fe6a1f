// Select menus: of given options, of people, of conversations, and of what the app suggests while one types.

import { el, fill } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { plainText } from "./mrkdwn.js";
import { nameOf, userOf, workspace } from "./state.js";

/** The function that draws this kind of select; null when it is none. */
export function select(element) {
  if (!/_select$/.test(element.type)) return null;
  if (element.type.endsWith("external_select")) return element.type.startsWith("multi_") ? typedMany : typedOne;
  return element.type.startsWith("multi_") ? many : one;
}

const INITIAL = {
  users: "initial_user", conversations: "initial_conversation", channels: "initial_channel", static: "initial_option",
};

function kindOf(element) {
  return element.type.replace("multi_", "").replace("_select", "");
}

/** What the element starts with: a value, or a list of them. */
function initial(element, isMany) {
  const given = element[INITIAL[kindOf(element)] + (isMany ? "s" : "")];
  const valueOf = (option) => (typeof option === "object" && option ? option.value : option);
  return isMany ? (given ?? []).map(valueOf) : (valueOf(given) ?? "");
}

/** Groups of [value, label, note]; a single one without a label when there are no groups. */
function optionGroups(element) {
  const entry = (option) => [option.value, plainText(option.text), option.description && plainText(option.description)];
  switch (kindOf(element)) {
    case "users": return [["", Object.values(workspace.users).map((user) => [user.id, userOf(user.id).real_name])]];
    case "channels": return [["", conversations(element, ["channel"])]];
    case "conversations": return [["", conversations(element, ["channel", "group", "im", "mpim"])]];
    default: return element.option_groups
      ? element.option_groups.map((group) => [plainText(group.label), group.options.map(entry)])
      : [["", element.options.map(entry)]];
  }
}

function conversations(element, kinds) {
  const wanted = { public: "channel", private: "group", im: "im", mpim: "mpim" };
  const include = element.filter?.include?.map((name) => wanted[name]) ?? kinds;
  return Object.values(workspace.channels).filter((c) => include.includes(c.kind) && !c.archived).map(
    (c) => [c.id, c.kind === "im" ? c.members.map((id) => userOf(id).name).join(", ") : nameOf(c.id)],
  );
}

function one(element, block, ctx, choose) {
  const groups = optionGroups(element).map(([label, options]) => {
    const nodes = options.map(([value, words]) => el("option", { value }, words));
    return label ? el("optgroup", { label }, nodes) : nodes;
  });
  const node = el("select", { class: "field", "aria-label": nameless(element, block) },
    el("option", { value: "" }, hint(element, "Choose an option")), groups);
  node.value = ctx.get(block, element) ?? initial(element, false);
  node.addEventListener("change", async () => {
    if (!(await choose(element, block, ctx, node.value || null))) node.value = ctx.get(block, element) ?? initial(element, false);
  });
  return node;
}

function many(element, block, ctx, choose) {
  const chosen = new Set(ctx.get(block, element) ?? initial(element, true));
  const options = optionGroups(element).flatMap(([, list]) => list);
  const words = el("span");
  const node = el("button", { type: "button", class: "field many", "aria-haspopup": "menu", "aria-label": nameless(element, block) }, words, icon("down"));
  const show = () => fill(words, options.filter(([value]) => chosen.has(value)).map(([, label]) => label).join(", ") || hint(element, "Choose options"));
  node.addEventListener("click", () => {
    const before = [...chosen].join();
    openMenu(node, options.map(([value, label, note]) => ({
      label, note, checked: chosen.has(value),
      run: () => {
        if (chosen.has(value)) chosen.delete(value);
        else if (chosen.size < (element.max_selected_items ?? Infinity)) chosen.add(value);
        show();
        return chosen.has(value);
      },
    })), {
      label: hint(element, "Choose options"), multiple: true,
      onclose: () => [...chosen].join() !== before && choose(element, block, ctx, [...chosen]),
    });
  });
  show();
  return node;
}

let lists = 0;

/** A field whose suggestions come from the app. What is typed counts by its value if it was suggested. */
function typedOne(element, block, ctx, choose) {
  const id = `suggested-${(lists += 1)}`;
  const known = new Map(); // label: value
  const list = el("datalist", { id });
  const field = el("input", { class: "field", list: id, placeholder: hint(element, "Type to search"), "aria-label": nameless(element, block), autocomplete: "off" });
  field.value = ctx.get(block, element) ?? (element.initial_option ? plainText(element.initial_option.text) : "");
  field.addEventListener("input", async () => {
    if (field.value.length < (element.min_query_length ?? 3) || known.has(field.value)) return;
    for (const option of await ctx.suggest(block, element, field.value)) known.set(plainText(option.text), option.value);
    fill(list, [...known.keys()].map((label) => el("option", { value: label })));
  });
  field.addEventListener("change", () => choose(element, block, ctx, known.get(field.value) ?? (field.value || null)));
  return el("div", { class: "suggested" }, field, list);
}

function typedMany(element, block, ctx, choose) {
  const chosen = ctx.get(block, element) ?? (element.initial_options ?? []).map((option) => option.value);
  const words = el("div", { class: "chosen" });
  const show = () => fill(words, chosen.map((value) => el("button", {
    type: "button", class: "chip", "aria-label": `Remove ${value}`,
    onclick: () => {
      chosen.splice(chosen.indexOf(value), 1);
      show();
      choose(element, block, ctx, [...chosen]);
    },
  }, value, icon("close"))));
  const more = async (_element, _block, _ctx, value) => {
    if (!value || chosen.includes(value)) return true;
    chosen.push(value);
    node.querySelector("input").value = "";
    show();
    return choose(element, block, ctx, [...chosen]);
  };
  const node = typedOne({ ...element, initial_option: null }, block, ctx, more);
  node.prepend(words);
  show();
  return node;
}

function hint(element, otherwise) {
  return element.placeholder ? plainText(element.placeholder) : otherwise;
}

/** The name of an element that stands without a label. */
function nameless(element, block) {
  return block.type === "input" ? null : hint(element, "Choose");
}
