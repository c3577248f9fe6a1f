// Doing something as the person that the reader is, and saying when it did not work.

import { post, tell } from "./api.js";
import { me } from "./session.js";

/** Do something; the outcome { ok, error, ts }. What went wrong on the way is said at the top of the page. */
export async function act(what, args = {}) {
  try {
    return await post("/page/act", { do: what, as: me(), ...args });
  } catch (error) {
    tell("trouble", error instanceof TypeError ? "The sandbox does not answer. Is it still running?" : error.message);
    return { ok: false, error: "page" };
  }
}

/** Hand a file to the sandbox; the file as Slack reports it to the app. */
export async function upload(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const content = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return (await act("upload", { name: file.name, type: file.type, content })).body;
}

/** What the app suggests for what was typed: options. */
export async function suggest(where, block, element, typed) {
  const outcome = await act("suggest", { where, block_id: block.block_id, action_id: element.action_id, value: typed });
  return outcome.body?.options ?? (outcome.body?.option_groups ?? []).flatMap((group) => group.options);
}
