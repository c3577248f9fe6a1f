// What the elements of a message or a view are given: where they stand, what was chosen, how to tell the app.

import { act, suggest, upload } from "./acting.js";

const chosen = new Map(); // where, block and action id, joined by a sign that ids do not have: value
const SEPARATOR = "\u0000";

/**
 * Args: `where` a message's ts or a view's id; `more()` what goes with each click (in a view, what was typed so far);
 * `errors` by block id.
 */
export function context(where, { more = () => ({}), errors = {} } = {}) {
  const key = (block, element) => [where, block.block_id, element.action_id].join(SEPARATOR);
  return {
    where, errors, upload,
    get: (block, element) => chosen.get(key(block, element)),
    set: (block, element, value) => chosen.set(key(block, element), value),
    use: (block, element, value) => act("click", {
      where, block_id: block.block_id, action_id: element.action_id, value, ...more(),
    }),
    suggest: (block, element, typed) => suggest(where, block, element, typed),
  };
}

/** Everything chosen in a view, by block id and action id as the server's `submit_view` takes it. */
export function valuesOf(where, blocks) {
  const values = {};
  for (const [key, value] of chosen) {
    const [place, blockId, actionId] = key.split(SEPARATOR);
    const block = place === where && blocks.find((one) => one.block_id === blockId);
    if (block) values[block.type === "input" ? blockId : actionId] = value;
  }
  return values;
}

/** Forget what was chosen in a view that is gone. */
export function forget(where) {
  for (const key of [...chosen.keys()]) if (key.startsWith(where + SEPARATOR)) chosen.delete(key);
}
