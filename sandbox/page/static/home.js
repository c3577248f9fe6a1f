// The app's Home tab.

import { drawBlocks } from "./blocks.js";
import { context } from "./context.js";
import { el, fill } from "./dom.js";
import { homeOf } from "./state.js";
import { me } from "./session.js";

let drawn = null; // the view that is shown

export function drawHome(root) {
  const view = homeOf(me());
  if (view && view === drawn && root.childElementCount) return;
  drawn = view;
  const focused = root.contains(document.activeElement) && document.activeElement.dataset.key;
  if (view) fill(root, el("div", { class: "view" }, ...drawBlocks(view.blocks, context(view.id))));
  else fill(root, el("div", { class: "empty" }, el("p", {}, "The bot has put nothing on its Home tab. Its messages are under Messages.")));
  if (focused) (root.querySelector(`[data-key="${CSS.escape(focused)}"]`) ?? root).focus();
}
