// The workspace as the stream tells it: a fold over its changes. Nothing here draws.

/** What the server said at the start: users, groups, channels (by id), people; the app's commands, shortcuts, prompts. */
export let workspace = null;

const messages = new Map(); // channel: ts: message
const hidden = new Map(); // ts: ephemeral message, with `seenBy`
const modals = new Map(); // user: views, the topmost last
const homes = new Map(); // user: view
const replies = new Map(); // channel: thread_ts: replies, oldest first; made when asked for, dropped at a change
const sessions = new Map(); // "channel thread_ts": status, title, prompts, session
export const breaches = [];

export function begin(directory) {
  workspace = directory;
}

/** Take in one change. */
export function apply(change) {
  const { kind, data, channel, ts, user } = change;
  if (/^(message|reaction)_/.test(kind)) replies.delete(channel);
  if (kind.startsWith("ephemeral_")) {
    if (kind === "ephemeral_deleted") hidden.delete(ts);
    else hidden.set(ts, { ...data, channel, seenBy: user });
  } else if (kind === "message_deleted" && data.subtype !== "tombstone") {
    messages.get(channel)?.delete(ts);
  } else if (/^(message|reaction)_/.test(kind)) {
    if (!messages.has(channel)) messages.set(channel, new Map());
    messages.get(channel).set(ts, { ...data, channel });
  } else if (kind === "view_opened") {
    modals.set(user, [...modalsOf(user), data]);
  } else if (kind === "view_updated") {
    modals.set(user, modalsOf(user).map((view) => (view.id === data.id ? data : view)));
  } else if (kind === "view_closed") {
    modals.set(user, modalsOf(user).filter((view) => view.id !== data.id));
  } else if (kind === "home_published") {
    homes.set(user, data);
  } else if (kind === "status_set") {
    sessions.set(`${channel} ${change.thread_ts}`, data);
  } else if (["channel_created", "channel_archived", "member_joined"].includes(kind)) {
    workspace.channels[channel] = data;
  } else if (kind === "breach") {
    breaches.push({ ...data, at: change.at });
  }
}

export const modalsOf = (user) => modals.get(user) ?? [];
export const homeOf = (user) => homes.get(user) ?? null;
export const session = (channel, thread) => sessions.get(`${channel} ${thread}`) ?? {};
export const find = (channel, ts) => messages.get(channel)?.get(ts) ?? null;

const byTs = (a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0);
const isReply = (message) => message.thread_ts && message.thread_ts !== message.ts;
const forEyesOf = (user, channel) => [...hidden.values()].filter((m) => m.channel === channel && m.seenBy === user);

/** What a person sees in a channel, oldest first: no replies, except those that were also sent to the channel. */
export function timeline(channel, user) {
  const posted = [...(messages.get(channel)?.values() ?? [])];
  const shown = posted.filter((m) => !isReply(m) || m.subtype === "thread_broadcast");
  return [...shown, ...forEyesOf(user, channel).filter((m) => !isReply(m))].sort(byTs);
}

/** The message and the replies to it that a person sees, oldest first. */
export function thread(channel, ts, user) {
  const parent = find(channel, ts) ?? hidden.get(ts);
  return [...(parent ? [parent] : []), ...repliesTo(channel, ts), ...forEyesOf(user, channel).filter(
    (m) => m.thread_ts === ts && m.ts !== ts,
  )].sort(byTs);
}

export function repliesTo(channel, ts) {
  if (!replies.has(channel)) {
    const posted = [...(messages.get(channel)?.values() ?? [])].filter(isReply).sort(byTs);
    replies.set(channel, Map.groupBy(posted, (message) => message.thread_ts));
  }
  return replies.get(channel).get(ts) ?? [];
}

/** Everything in a channel that others posted after a ts, replies too. */
export function postedSince(channel, ts, user) {
  return [...(messages.get(channel)?.values() ?? [])].filter((m) => m.ts > ts && m.user !== user);
}

/** The direct messages of two people, or null when they have none yet. */
export function directMessages(first, second) {
  const pair = [first, second].sort().join();
  return Object.values(workspace.channels).find((c) => c.kind === "im" && [...c.members].sort().join() === pair) ?? null;
}

export function bot() {
  return Object.values(workspace.users).find((user) => user.bot);
}

const SLACKBOT = { id: "USLACKBOT", name: "slackbot", real_name: "Slackbot", title: "", bot: true };

export function userOf(id) {
  if (id === SLACKBOT.id) return SLACKBOT;
  return workspace.users[id] ?? { id, name: id, real_name: id, title: "", bot: false };
}

/** How a user, group or channel is named in text: "@maria", "@sre-oncall", "#sre". */
export function nameOf(id) {
  if (workspace.groups[id]) return `@${workspace.groups[id].handle}`;
  if (workspace.channels[id]) return `#${workspace.channels[id].name || "direct messages"}`;
  return /^[CGD]/.test(id) ? "#unknown channel" : `@${userOf(id).name}`;
}

/** Whether a message calls for this person: by name, by group, or to everybody. */
export function callsFor(message, user) {
  const text = message.text ?? "";
  if (text.includes(`<@${user}>`) || text.includes(`<@${user}|`) || /<!(here|channel|everyone)/.test(text)) return true;
  const groups = Object.entries(workspace.groups).filter(([, group]) => group.users.includes(user));
  const ids = [...text.matchAll(/<!subteam\^(\w+)/g)].map((match) => match[1]);
  if (groups.some(([id]) => ids.includes(id))) return true;
  return inRichText(message.blocks, user, groups.map(([id]) => id));
}

function inRichText(value, user, groups) {
  if (Array.isArray(value)) return value.some((item) => inRichText(item, user, groups));
  if (!value || typeof value !== "object") return false;
  if (value.type === "user" && value.user_id === user) return true;
  if (value.type === "usergroup" && groups.includes(value.usergroup_id)) return true;
  return ["elements", "child_blocks", "text"].some((key) => inRichText(value[key], user, groups));
}
