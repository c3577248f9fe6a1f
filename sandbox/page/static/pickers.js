// Fields that are typed or picked: text, numbers, addresses, dates, times, files.

import { el, fill } from "./dom.js";
import { plainText } from "./mrkdwn.js";

/** The function that draws this kind of field; null when it is none. */
export function picker(element) {
  return { file_input: files, rich_text_input: written, ...Object.fromEntries(Object.keys(TYPES).map((t) => [t, written])) }[element.type] ?? null;
}

const TYPES = {
  plain_text_input: "text", email_text_input: "email", url_text_input: "url", number_input: "number",
  datepicker: "date", timepicker: "time", datetimepicker: "datetime-local",
};
const INITIAL = { datepicker: "initial_date", timepicker: "initial_time", datetimepicker: "initial_date_time" };
const PICKED = /picker$/;

function written(element, block, ctx, choose) {
  const multiline = element.multiline || element.type === "rich_text_input";
  const node = el(multiline ? "textarea" : "input", {
    class: "field", type: multiline ? null : TYPES[element.type], rows: multiline ? 4 : null,
    placeholder: element.placeholder && plainText(element.placeholder),
    step: element.type === "number_input" && element.is_decimal_allowed ? "any" : null,
    min: element.min_value, max: element.max_value, maxlength: element.max_length,
    autofocus: element.focus_on_load, autocomplete: "off",
    "aria-label": block.type === "input" ? null : element.placeholder ? plainText(element.placeholder) : "Pick",
  });
  node.value = shown(element, ctx.get(block, element) ?? element[INITIAL[element.type] ?? "initial_value"]);
  const on = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  const dispatch = () => ctx.use(block, element, reported(element, node.value));
  if (PICKED.test(element.type)) {
    node.addEventListener("change", () => choose(element, block, ctx, reported(element, node.value)));
    return node;
  }
  node.addEventListener("input", () => {
    ctx.set(block, element, reported(element, node.value));
    if (block.dispatch_action && on.includes("on_character_entered")) dispatch();
  });
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !multiline && block.dispatch_action && on.includes("on_enter_pressed")) {
      event.preventDefault();
      dispatch();
    }
  });
  return node;
}

/** A value as the field holds it. */
function shown(element, value) {
  if (value === null || value === undefined) return "";
  if (element.type === "rich_text_input") return textIn(value);
  if (element.type !== "datetimepicker") return String(value);
  const at = new Date(value * 1000);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** A field's text as Slack reports it; null when empty. */
function reported(element, text) {
  if (!text) return null;
  if (element.type === "datetimepicker") return Math.floor(new Date(text) / 1000);
  if (element.type !== "rich_text_input") return text;
  return { type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }] };
}

function textIn(value) {
  return (value.elements ?? []).map((part) => part.text ?? textIn(part)).join("");
}

/** Why what is in these fields cannot be sent, by block id; Slack's client says so before the app hears of it. */
export function problems(form) {
  const found = {};
  for (const field of form.querySelectorAll("input, textarea")) {
    const block = field.closest("[data-block]")?.dataset.block;
    const { validity } = field;
    if (!block || validity.valid || field.type === "checkbox" || field.type === "radio") continue;
    if (validity.typeMismatch) found[block] = field.type === "email" ? "Enter a valid email address." : "Enter a valid URL, such as https://example.com.";
    else if (validity.badInput || validity.stepMismatch) found[block] = "Enter a whole number.";
    else if (validity.rangeUnderflow) found[block] = `Enter ${field.min} or more.`;
    else if (validity.rangeOverflow) found[block] = `Enter ${field.max} or less.`;
    else found[block] = "Correct this field.";
  }
  return found;
}

function files(element, block, ctx, choose) {
  const most = element.max_files ?? 10;
  const names = el("div", { class: "chosen" });
  const field = el("input", {
    type: "file", class: "field", multiple: most > 1, accept: element.filetypes?.map((type) => `.${type}`).join(),
  });
  field.addEventListener("change", async () => {
    const uploaded = await Promise.all([...field.files].slice(0, most).map(ctx.upload));
    fill(names, uploaded.map((file) => el("span", { class: "chip" }, file.name)));
    choose(element, block, ctx, uploaded);
  });
  return el("div", {}, field, names);
}
