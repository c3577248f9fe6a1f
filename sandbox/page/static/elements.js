// Buttons, menus and choices inside blocks. `ctx` says where they stand and what using them does:
//   ctx.get(block, element), ctx.set(block, element, value): what the person has chosen so far
//   await ctx.use(block, element, value): tell the app; ctx.upload(file), ctx.suggest(block, element, typed)

import { confirmed } from "./dialog.js";
import { el, isSafe } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { plainText, textObject } from "./mrkdwn.js";
import { picker } from "./pickers.js";
import { select } from "./selects.js";

/** An element of a block, ready to be used. */
export function drawElement(element, block, ctx) {
  const draw = DRAW[element.type] ?? select(element) ?? picker(element);
  const node = draw ? draw(element, block, ctx, choose) : el("span", { class: "cannot" }, "This cannot be shown here.");
  const target = node.matches("button, a, input, select, textarea") ? node : node.querySelector("button, input, select, textarea");
  target?.setAttribute("data-key", `${block.block_id} ${element.action_id}`);
  return node;
}

const DRAW = {
  button,
  workflow_button: button,
  overflow,
  feedback_buttons: feedback,
  icon_button: iconButton,
  checkboxes: choices,
  radio_buttons: choices,
};

/** Note a choice, and tell the app if it is to know at once. False when the person thought better of it. */
async function choose(element, block, ctx, value) {
  if (element.confirm && !(await confirmed(element.confirm))) return false;
  ctx.set(block, element, value);
  if (block.type !== "input" || block.dispatch_action) await ctx.use(block, element, value);
  return true;
}

async function press(node, element, block, ctx, value) {
  if (element.confirm && !(await confirmed(element.confirm))) return;
  node.setAttribute("aria-busy", "true");
  await ctx.use(block, element, value);
  node.removeAttribute("aria-busy");
}

function button(element, block, ctx) {
  const attributes = { class: `button ${element.style ?? ""}`, "aria-label": element.accessibility_label };
  const words = plainText(element.text);
  const node = element.url && isSafe(element.url)
    ? el("a", { ...attributes, href: element.url, target: "_blank", rel: "noopener noreferrer" }, words)
    : el("button", { ...attributes, type: "button" }, words);
  node.addEventListener("click", () => press(node, element, block, ctx, element.value ?? null));
  return node;
}

function overflow(element, block, ctx) {
  const node = el("button", { type: "button", class: "button overflow", "aria-haspopup": "menu", "aria-label": "More actions" }, icon("dots"));
  node.addEventListener("click", () => openMenu(node, element.options.map((option) => ({
    label: plainText(option.text),
    note: option.description && plainText(option.description),
    run: () => {
      if (option.url && isSafe(option.url)) window.open(option.url, "_blank", "noopener");
      press(node, element, block, ctx, option.value);
    },
  })), { label: "More actions" }));
  return node;
}

function feedback(element, block, ctx) {
  const chosen = ctx.get(block, element);
  const side = (given, mark) => {
    const node = el("button", {
      type: "button", class: "button", "aria-label": given.accessibility_label, "aria-pressed": String(chosen === given.value),
    }, el("span", { class: "emoji", "aria-hidden": "true" }, mark), plainText(given.text));
    node.addEventListener("click", async () => {
      ctx.set(block, element, given.value);
      for (const other of node.parentElement.children) other.setAttribute("aria-pressed", String(other === node));
      await press(node, element, block, ctx, given.value);
    });
    return node;
  };
  return el("div", { class: "feedback" }, side(element.positive_button, "👍"), side(element.negative_button, "👎"));
}

function iconButton(element, block, ctx) {
  const node = el("button", {
    type: "button", class: "quiet", "aria-label": element.accessibility_label ?? plainText(element.text), title: plainText(element.text),
    hidden: Boolean(element.visible_to_user_ids && !element.visible_to_user_ids.includes(document.body.dataset.me)),
  }, icon(element.icon));
  node.addEventListener("click", () => press(node, element, block, ctx, element.value ?? null));
  return node;
}

let groups = 0;

function choices(element, block, ctx) {
  const many = element.type === "checkboxes";
  const started = many ? (element.initial_options ?? []).map((o) => o.value) : element.initial_option?.value;
  const chosen = ctx.get(block, element) ?? started;
  const name = `choice-${(groups += 1)}`;
  const inputs = element.options.map((option) => el("input", {
    type: many ? "checkbox" : "radio", name, value: option.value,
    checked: many ? (chosen ?? []).includes(option.value) : chosen === option.value,
  }));
  const current = () => inputs.filter((input) => input.checked).map((input) => input.value);
  const list = el("fieldset", { class: "choices" }, inputs.map((input, i) => el("label", {}, input,
    el("span", {}, ...textObject(element.options[i].text),
      element.options[i].description && el("small", {}, ...textObject(element.options[i].description))))));
  list.addEventListener("change", async () => {
    const value = many ? current() : current()[0];
    if (await choose(element, block, ctx, value)) return;
    const before = ctx.get(block, element) ?? started ?? [];
    for (const input of inputs) input.checked = many ? before.includes(input.value) : before === input.value;
  });
  return list;
}
