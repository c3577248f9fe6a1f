// Who the reader is, where they are, and what they have read. Kept in this browser.

import { tell } from "./api.js";
import { bot, callsFor, directMessages, postedSince, timeline, workspace } from "./state.js";

const kept = (name, otherwise) => {
  try {
    return JSON.parse(localStorage.getItem(`sandbox.${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
};
const keep = (name, value) => localStorage.setItem(`sandbox.${name}`, JSON.stringify(value));

const reads = kept("reads", {}); // "user channel": ts of the last message read
let who = null;

/** The place before the reader: { channel } or { with: user id }, thread (ts or null), tab ("messages" or "home"). */
export let place = { channel: null, with: null, thread: null, tab: "messages" };

export const me = () => who;

export function enter() {
  const last = kept("me", null);
  become(workspace.people.includes(last) ? last : workspace.people[0]);
  const given = kept("place", null);
  const known = given && (workspace.channels[given.channel] || workspace.users[given.with]);
  place = known ? { ...place, ...given } : { ...place, channel: Object.keys(workspace.channels)[0] };
  tell("place", place);
}

/** Be another person. */
export function become(user) {
  who = user;
  keep("me", user);
  document.body.dataset.me = user;
  if (place.with === user) place = { ...place, with: bot().id, thread: null };
  const channel = workspace.channels[place.channel];
  if (channel && channel.kind !== "channel" && !channel.members.includes(user)) {
    place = { ...place, channel: null, with: channel.members.find((id) => id !== user) ?? bot().id, thread: null };
  }
  tell("me", user);
}

/** Go somewhere; what is not named stays, except that another channel closes the thread. */
export function go(to) {
  const elsewhere = ("channel" in to && to.channel !== currentChannel()) || ("with" in to && to.with !== place.with);
  const target = { ...to };
  const direct = target.channel && workspace.channels[target.channel]?.kind === "im" ? workspace.channels[target.channel] : null;
  if (direct?.members.includes(who)) Object.assign(target, { with: direct.members.find((id) => id !== who), channel: null });
  const base = target.channel ? { with: null } : target.with ? { channel: null } : {};
  place = { ...place, ...(elsewhere ? { thread: null, tab: "messages" } : {}), ...base, ...target };
  keep("place", place);
  tell("place", place);
}

/** The id of the channel before the reader; null for direct messages that were never used. */
export function currentChannel() {
  return place.channel ?? directMessages(who, place.with)?.id ?? null;
}

/** How the server knows the place: a channel's id, or "@sre". */
export function address() {
  return currentChannel() ?? `@${workspace.users[place.with].name}`;
}

export function lastRead(channel) {
  return reads[`${who} ${channel}`] ?? "0";
}

/** Everything in this channel up to now has been read. */
export function markRead(channel) {
  const newest = postedSince(channel, lastRead(channel), who).reduce((most, m) => (m.ts > most ? m.ts : most), "");
  if (!newest) return;
  reads[`${who} ${channel}`] = newest;
  keep("reads", reads);
  tell("read", channel);
}

/** { any, calls }: whether there is something unread, and how many messages call for the reader. */
export function unread(channel) {
  const fresh = postedSince(channel, lastRead(channel), who);
  const isDirect = workspace.channels[channel]?.kind === "im";
  const shown = new Set(timeline(channel, who).map((message) => message.ts));
  return {
    any: fresh.some((message) => shown.has(message.ts)),
    calls: fresh.filter((message) => isDirect || callsFor(message, who)).length,
  };
}
