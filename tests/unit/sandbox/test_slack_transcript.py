"""The channel as text: what a person sees."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sandbox.slack.blocks import BLOCKS
from sandbox.slack.clock import Clock
from sandbox.slack.drawing import WIDTH, Drawing
from sandbox.slack.model import BOT_ID, BOT_USER_ID, Message
from sandbox.slack.mrkdwn import date, markdown, plain
from sandbox.slack.state import MARIA, SRE, Workspace
from sandbox.slack.transcript import render

Json = dict[str, Any]


@pytest.fixture
def workspace() -> Workspace:
    return Workspace(Clock())


def drawn(workspace: Workspace, *blocks: Json) -> list[str]:
    return list(Drawing(workspace).lines(list(blocks)))


def text(value: str, kind: str = "mrkdwn") -> Json:
    return {"type": kind, "text": value}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def words(value: str, **style: bool) -> Json:
    return {"type": "text", "text": value} | ({"style": style} if style else {})


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("*bold* _italic_ ~gone~ and `*code*`", "bold italic gone and `*code*`"),
        ("2 * 3 * 4 and a_b_c", "2 * 3 * 4 and a_b_c"),
        ("<@U0MARIA> of <!subteam^S0ONCALL> in <#C0SRE>", "@maria of @sre-oncall in #sre"),
        ("<https://x.example/graph|the graph> <https://x.example>", "the graph https://x.example"),
        ("<!here> <!channel>", "@here @channel"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&lt;@U0MARIA&gt;", "<@U0MARIA>"),
        (":red_circle: :no_such_emoji: 12:30:45", "🔴 :no_such_emoji: 12:30:45"),
        ("```\nline 1\nline 2\n```", "    line 1\n    line 2"),
        ("<@U999>", "@U999"),
    ],
)
def test_markup_reads_as_text(workspace: Workspace, source: str, seen: str) -> None:
    assert plain(source, workspace) == seen


def test_dates_are_shown_as_the_pattern_says(workspace: Workspace) -> None:
    shown = plain("<!date^1700000000^{date_num} {time_secs}|then>", workspace)
    assert re.fullmatch(r"2023-11-1[45] \d\d:\d\d:\d\d", shown)
    assert shown == date(1700000000, "{date_num} {time_secs}")
    assert plain("<!date^soon^{time}|then>", workspace) == "then"


def test_markdown_loses_only_its_markup() -> None:
    assert markdown("## Cause\n**Release 1.8.4** see [graph](https://x)") == "Cause\nRelease 1.8.4 see graph"


def test_common_blocks(workspace: Workspace) -> None:
    button = {"type": "button", "text": text("Approve", "plain_text"), "action_id": "a"}
    overflow = {"type": "overflow", "options": []}
    assert drawn(
        workspace,
        {"type": "header", "text": text("Status", "plain_text")},
        {"type": "section", "text": text("*Two* pods")},
        {"type": "section", "fields": [text("*On call*\n<@U0MARIA>"), text("Mode assist"), text("Firing 5")]},
        {"type": "context", "elements": [text("since 02:12"), text("3 alerts")]},
        {"type": "actions", "elements": [button, overflow]},
        {"type": "image", "alt_text": "5xx over time", "image_url": "u"},
    ) == [
        "STATUS",
        "Two pods",
        "On call: @maria",
        "Mode assist",
        "Firing 5",
        "since 02:12 · 3 alerts",
        "[Approve] [⋯]",
        "(picture: 5xx over time)",
    ]


def test_short_fields_stand_side_by_side(workspace: Workspace) -> None:
    lines = drawn(workspace, {"type": "section", "fields": [text("On call @maria"), text("Mode assist")]})
    assert lines == [f"{'On call @maria':<40}Mode assist"]


def test_rich_text(workspace: Workspace) -> None:
    bullets = [{"type": "rich_text_section", "elements": [words(item)]} for item in ("one", "two")]
    assert drawn(
        workspace,
        rich(
            {
                "type": "rich_text_section",
                "elements": [
                    words("See "),
                    words("e1", code=True),
                    words(" "),
                    {"type": "user", "user_id": "U0MARIA"},
                    {"type": "emoji", "name": "eyes"},
                    {"type": "link", "url": "https://x", "text": " graph"},
                ],
            },
            {"type": "rich_text_list", "style": "bullet", "elements": bullets},
            {"type": "rich_text_list", "style": "ordered", "indent": 1, "elements": bullets},
            {"type": "rich_text_quote", "elements": [words("said\nso")]},
            {"type": "rich_text_preformatted", "elements": [words("panic:\n  at main")]},
        ),
    ) == [
        "See `e1` @maria👀 graph",
        "• one",
        "• two",
        "  1. one",
        "  2. two",
        "│ said",
        "│ so",
        "    panic:",
        "      at main",
    ]


def test_a_plan_shows_how_far_each_task_is(workspace: Workspace) -> None:
    details = rich({"type": "rich_text_section", "elements": [words("2 of 4 pods")]})
    tasks = [
        {"type": "task_card", "task_id": "1", "title": "Observe", "status": "complete", "details": details},
        {"type": "task_card", "task_id": "2", "title": "Recall", "status": "in_progress"},
        {"type": "task_card", "task_id": "3", "title": "Reason", "status": "pending"},
        {"type": "task_card", "task_id": "4", "title": "Plan", "status": "error"},
    ]
    assert drawn(workspace, {"type": "plan", "title": "Looking at checkout", "tasks": tasks}) == [
        "Looking at checkout",
        "✓ Observe",
        "    2 of 4 pods",
        "◐ Recall",
        "○ Reason",
        "✗ Plan",
    ]


def test_a_table_is_aligned(workspace: Workspace) -> None:
    rows = [[{"type": "raw_text", "text": cell} for cell in row] for row in (("Alert", "Firings"), ("CPU high", "31"))]
    assert drawn(workspace, {"type": "table", "rows": rows}) == [
        "Alert     Firings",
        "────────  ───────",
        "CPU high  31",
    ]


def test_long_lines_are_wrapped_and_bullets_hang(workspace: Workspace) -> None:
    lines = drawn(workspace, {"type": "section", "text": text("• " + "evidence " * 20)})
    assert len(lines) == 2
    assert max(len(line) for line in lines) <= WIDTH
    assert lines[1].startswith("  evidence")


def test_every_block_type_can_be_drawn(workspace: Workspace) -> None:
    assert set(Drawing(workspace).drawers) == set(BLOCKS)


def post(workspace: Workspace, words: str, thread_ts: str | None = None, **more: Any) -> Message:
    message = Message(SRE, workspace.new_ts(), BOT_USER_ID, words, thread_ts=thread_ts, bot_id=BOT_ID, **more)
    return workspace.post(message)


def without_times(shown: str) -> str:
    return re.sub(r"\d\d:\d\d:\d\d", "TT:TT:TT", shown)


def test_a_thread_stands_below_its_message_and_what_one_person_sees_is_marked(workspace: Workspace) -> None:
    card = post(workspace, "INC-1 open")
    second = post(workspace, "INC-2 open")
    post(workspace, "*What I see*", card.ts, reactions={"eyes": [MARIA]})
    typed = {"command": "/sre", "text": "status"}
    workspace.feed.add("command_typed", typed, channel=SRE, user=MARIA)
    workspace.tell(SRE, MARIA, "2 open")
    pressed = {"action_id": "ack", "text": {"type": "plain_text", "text": "Acknowledge"}}
    workspace.feed.add("button_clicked", pressed, channel=SRE, ts=card.ts, user=MARIA)
    workspace.edit(second)
    assert without_times(render(workspace, workspace.channel("sre"))).splitlines() == [
        "── #sre ────────────────────────────────────────────────────────",
        "",
        "TT:TT:TT  sre",
        "    INC-1 open",
        "  ┃",
        "  ┃ TT:TT:TT  sre",
        "  ┃     What I see",
        "  ┃     👀 1",
        "  ┃",
        "  ┃ TT:TT:TT  maria pressed [Acknowledge]",
        "",
        "TT:TT:TT  sre  (edited)",
        "    INC-2 open",
        "",
        "TT:TT:TT  maria typed /sre status",
        "",
        "TT:TT:TT  Slackbot  (only maria sees this)",
        "    2 open",
    ]


def test_an_empty_channel_says_so(workspace: Workspace) -> None:
    assert render(workspace, workspace.channel("shop")).endswith("Nothing has been said here yet.\n")


def test_the_newer_blocks(workspace: Workspace) -> None:
    button = {"type": "button", "text": text("Open", "plain_text"), "action_id": "a"}
    feedback = {
        "type": "feedback_buttons",
        "positive_button": {"text": text("Right", "plain_text"), "value": "+"},
        "negative_button": {"text": text("Wrong", "plain_text"), "value": "-"},
    }
    select = {"type": "static_select", "placeholder": text("Service", "plain_text"), "options": []}
    radio = {"type": "radio_buttons", "options": [{"text": text("SEV1", "plain_text"), "value": "1"}]}
    source = {"type": "url", "url": "https://x", "text": "Runbook"}
    card = {"type": "card", "title": text("INC-1"), "body": text("Checkout is down"), "actions": [button]}
    cell = {"type": "raw_text", "text": "c " * 30}
    assert drawn(
        workspace,
        {"type": "card", "title": text("INC-2")},
        {"type": "carousel", "elements": [card]},
        {
            "type": "container",
            "title": text("Evidence", "plain_text"),
            "subtitle": text("2 items"),
            "child_blocks": [
                {"type": "divider"},
                {"type": "context", "elements": [button | {"type": "image", "alt_text": "i"}]},
            ],
        },
        {
            "type": "container",
            "rich_text_title": rich({"type": "rich_text_section", "elements": [words("Logs")]}),
            "child_blocks": [],
        },
        {"type": "context_actions", "elements": [feedback]},
        {"type": "input", "label": text("Which", "plain_text"), "element": select},
        {"type": "input", "label": text("How bad", "plain_text"), "element": radio},
        {"type": "input", "label": text("Why", "plain_text"), "element": {"type": "plain_text_input"}},
        {"type": "section", "text": text("With"), "accessory": {"type": "image", "alt_text": "chart"}},
        {"type": "task_card", "task_id": "1", "title": "Look", "status": "complete", "sources": [source]},
        {"type": "table", "rows": [[cell]]},
        {"type": "alert", "text": text("Careful")},
    ) == [
        "│ INC-2",
        "│ INC-1",
        "│ Checkout is down",
        "│ [Open]",
        "Evidence",
        "2 items",
        "│ ────────────────────",
        "│ (i)",
        "Logs",
        "[Right] [Wrong]",
        "Which: [Service ▾]",
        "How bad: ☐ SEV1",
        "Why: […]",
        "With",
        "(picture: chart)",
        "✓ Look",
        "    Runbook",
        "c c c c c c c c c c c c c c c c c c c …",
        "───────────────────────────────────────",
        "! Careful",
    ]


def test_other_inline_elements(workspace: Workspace) -> None:
    inline = [
        {"type": "channel", "channel_id": "C0SRE"},
        {"type": "usergroup", "usergroup_id": "S0ONCALL"},
        {"type": "broadcast", "range": "here"},
        {"type": "link", "url": "https://x"},
        {"type": "color", "value": "#fff"},
        {"type": "date", "timestamp": 0, "format": "then"},
    ]
    assert drawn(workspace, rich({"type": "rich_text_section", "elements": inline})) == [
        "#sre@sre-oncall@herehttps://x#fffthen"
    ]


def test_what_hangs_on_a_message_is_shown(workspace: Workspace) -> None:
    attachment = {"title": "Graph", "blocks": [{"type": "divider"}]}
    post(workspace, "See", attachments=[attachment], files=[{"title": "5xx.png"}])
    chosen = {"action_id": "more", "selected_option": {"text": {"type": "plain_text", "text": "Merge"}}}
    for kind, data in (
        ("button_clicked", chosen),
        ("button_clicked", {"action_id": "day"}),
        ("shortcut_used", {"callback_id": "look"}),
    ):
        workspace.feed.add(kind, data, channel=SRE, user=MARIA)
    assert [line[10:] for line in render(workspace, workspace.channel("sre")).splitlines() if "maria" in line] == [
        "maria chose [Merge]",
        "maria used day",
        "maria used the shortcut look",
    ]
    assert "    │ ────────────────────\n    │ Graph\n    (file: 5xx.png)\n" in render(
        workspace, workspace.channel("sre")
    )
