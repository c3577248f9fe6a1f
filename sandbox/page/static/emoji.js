// Emoji by Slack's short names. The table is that of emoji-data (MIT, see emoji.LICENSE).

const table = await (await fetch("/static/emoji.json")).json();

/** The character for a short name, with or without colons and skin tone; null when there is none. */
export function emojiFor(name) {
  const [base, tone] = name.replace(/^:|:$/g, "").split("::skin-tone-");
  const found = Object.hasOwn(table, base) ? table[base] : null;
  return found && tone ? found + String.fromCodePoint(0x1f3f9 + Number(tone)) : found;
}

/** Short names that begin with some letters, then those that contain them; at most `most`. */
export function emojiLike(letters, most = 8) {
  const names = Object.keys(table);
  const first = names.filter((name) => name.startsWith(letters));
  const rest = names.filter((name) => !name.startsWith(letters) && name.includes(letters));
  return [...first, ...rest].slice(0, most);
}

/** Text with `:short_names:` as characters; what is no emoji stays as it is. */
export function withEmoji(text) {
  return text.replace(/:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):/g, (whole, name) => emojiFor(name) ?? whole);
}
