// The first incident in three steps that advance by themselves, as things really happen.

import { el, fill } from "./dom.js";

const HIDDEN = "guide-hidden";
let root = null;

/** Show the guide into `element`, unless it was hidden before, and follow the topics `guide` and `world`. */
export function start(element, api) {
  root = element;
  root.hidden = localStorage.getItem(HIDDEN) !== null;
  let fault = null; // the one that the guide begins with, as the world has it
  let progress = null;
  const steps = [1, 2, 3].map(createStep);
  const problem = el("p", { class: "world-problem", role: "alert", hidden: true });
  fill(
    root,
    el("div", { class: "guide" },
      el("h2", {}, "Your first incident"),
      el("ol", { class: "steps" }, steps.map((step) => step.item)),
      el("button", { class: "quiet", type: "button", "aria-label": "Hide the first steps", onclick: hideGuide }, "Hide")),
    problem,
  );
  api.on("world", (world) => {
    if (world.kind === "cluster") root.hidden = true; // nothing can be broken there
    fault = world.faults[0] ?? null;
    draw();
  });
  api.on("guide", (value) => {
    progress = value;
    draw();
  });

  function draw() {
    if (!progress) return;
    const { broken, card, diagnosis, healed } = progress;
    const at = diagnosis && healed ? 4 : card ? 3 : broken ? 2 : 1;
    steps[0].update(at, broken ? "You broke it. A change went out that cannot work." : `Break something: ${fault ? `${fault.does.charAt(0).toLowerCase()}${fault.does.slice(1)}` : "the company is starting"}.`,
      !broken && fault ? ["Break it", begin] : null);
    steps[1].update(at, card ? `An alert fired, and the bot opened ${card.incident} in #${card.channel_name}.` : "Watch: an alert fires, and the bot posts a card in the channel. About five seconds.", null);
    steps[2].update(at, last(progress), card ? [diagnosis ? "Read the thread" : "Open the thread", () => api.show({ channel: card.channel, thread: card.ts })] : null);
  }

  async function begin() {
    try {
      await api.post("/page/world/inject", { fault: fault.name });
      problem.hidden = true;
    } catch (error) {
      problem.hidden = false;
      problem.textContent = error.message;
    }
  }
}

function last({ card, diagnosis, approve, asked, healed, took_s: took }) {
  if (!card) return "Read in its thread what is wrong, how the bot knows, and what it would do.";
  if (!diagnosis) return "The bot is looking. Its thread fills with evidence, then says what is wrong.";
  const found = `Cause found after ${took} s`;
  if (healed) return `${found}, and the fault is gone. Break something else in the world panel.`;
  if (approve) return `${found}: read it in the thread, press Approve there, and watch the map heal.`;
  if (asked) return `${found}, and the fix is decided. Watch the thread and the map.`;
  return `${found}: read it in the thread, then heal the company in the world panel.`;
}

function createStep(number) {
  const mark = el("span", { class: "step-mark", "aria-hidden": "true" }, String(number));
  const state = el("span", { class: "unseen" });
  const words = el("span", { class: "words" });
  const action = el("button", { class: "button primary", type: "button", hidden: true });
  let act = null;
  action.addEventListener("click", () => act?.());
  const item = el("li", { class: "step" }, mark, el("div", { class: "step-body" }, state, words, action));
  return {
    item,
    update(at, text, does) {
      const done = at > number;
      item.className = done ? "step done" : at === number ? "step now" : "step";
      if (at === number) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
      mark.textContent = done ? "✓" : String(number);
      state.textContent = done ? "Done: " : "";
      if (words.textContent !== text) words.textContent = text;
      act = does?.[1] ?? null;
      action.hidden = !does;
      if (does && action.textContent !== does[0]) action.textContent = does[0];
    },
  };
}

/** Hide it, and remember that. */
export function hideGuide() {
  localStorage.setItem(HIDDEN, "yes");
  root.hidden = true;
}

/** Show it again. */
export function showGuide() {
  localStorage.removeItem(HIDDEN);
  root.hidden = false;
  root.querySelector("button:not([hidden])")?.focus();
}
