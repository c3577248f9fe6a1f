"""Messages that hold every kind of block, and text that would be markup if a page let it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"
ESCAPED_ATTACK = ATTACK.replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(label: str, action_id: str, **more: Any) -> Json:
    return {"type": "button", "text": plain(label), "action_id": action_id, **more}


def option(label: str, value: str, **more: Any) -> Json:
    return {"text": plain(label), "value": value, **more}


def line(*elements: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(elements)}


def text(words: str, **style: bool) -> Json:
    return {"type": "text", "text": words} | ({"style": style} if style else {})


def rich(*parts: Json) -> Json:
    return {"type": "rich_text", "elements": list(parts)}


SURE = {
    "title": plain("Roll back?"),
    "text": mrkdwn("This restarts *4 pods*, one at a time."),
    "confirm": plain("Roll back"),
    "deny": plain("Not now"),
    "style": "danger",
}
SERVICES = [option("checkout", "checkout"), option("payments", "payments", description=plain("tier 1"))]

CARD: list[Json] = [
    {"type": "header", "text": plain(":red_circle: INC-42: checkout answers 7.4 % of requests with 5xx")},
    {
        "type": "section",
        "text": mrkdwn(
            "*SEV2*, cause found, waiting for approval\nRelease 1.8.4 cannot start: `CART_URL` has no valid port."
        ),
        "accessory": {
            "type": "overflow",
            "action_id": "more",
            "options": [option("Merge", "merge"), option("Mute", "mute")],
        },
    },
    {
        "type": "section",
        "fields": [
            mrkdwn("*Where*\nprod-eu / shop"),
            mrkdwn("*Since*\n<!date^1790000000^{date_short_pretty} {time}|02:12 UTC>"),
            mrkdwn("*On call*\n<@U0MARIA>, <!subteam^S0ONCALL>"),
            mrkdwn("*Alerts*\n3 firing in <#C0SHOP>"),
        ],
    },
    {
        "type": "context",
        "elements": [
            mrkdwn("R&amp;D &lt;shop&gt; :hourglass_flowing_sand: 14:32 left"),
            plain("policy: environment.production"),
        ],
    },
    {"type": "divider"},
    {
        "type": "actions",
        "block_id": "decide",
        "elements": [
            button("Approve", "approve", value="A1", style="primary", confirm=SURE),
            button("Reject", "reject", value="A1", style="danger"),
            button("Details", "details"),
        ],
    },
]

RICH: list[Json] = [
    rich(
        line(
            text("Cause: ", bold=True),
            text("release 1.8.4 & its "),
            text("CART_URL", code=True),
            text(" "),
            text("not", italic=True),
            text(" payments", strike=True),
        ),
        {
            "type": "rich_text_list",
            "style": "bullet",
            "elements": [
                line(text("2 of 4 pods in CrashLoopBackOff "), text("e2", code=True)),
                line(
                    {"type": "user", "user_id": "U0LI"},
                    text(" and "),
                    {"type": "usergroup", "usergroup_id": "S0ONCALL"},
                    text(" saw it in "),
                    {"type": "channel", "channel_id": "C0SRE"},
                ),
            ],
        },
        {
            "type": "rich_text_list",
            "style": "ordered",
            "indent": 1,
            "elements": [line(text("first")), line(text("second"))],
        },
        {"type": "rich_text_quote", "elements": [text("panic: parse CART_URL")]},
        {"type": "rich_text_preformatted", "elements": [text(f"02:12:01 invalid port :80a\n{ATTACK}")]},
        line(
            {"type": "emoji", "name": "white_check_mark"},
            text(" "),
            {"type": "date", "timestamp": 1790000000, "format": "{date_num} {time_secs}", "fallback": "then"},
            text(" "),
            {"type": "link", "url": "https://example.com/runbook", "text": "Bad rollout"},
            text(" "),
            {"type": "link", "url": "javascript:alert(3)", "text": "a script"},
            text(" "),
            {"type": "broadcast", "range": "here"},
        ),
    )
]

MARKDOWN_TEXT = f"""# What I did

Rolled **checkout** back in *41 s*, `5xx` from 7.4 % to ~~0.3~~ 0.2 %. See [the graph](https://example.com/g).

- first
  - nested
- [x] verified
- [ ] post-mortem

1. one
2. two

> quoted

```sh
kubectl rollout undo
```

| pod | state |
|---|---:|
| checkout-1 | ready |

{ATTACK} [click](javascript:alert(4)) &amp; :tada:"""
MARKDOWN: list[Json] = [{"type": "markdown", "text": MARKDOWN_TEXT}]

TABLE: list[Json] = [
    {
        "type": "table",
        "column_settings": [{"is_wrapped": True}, {"align": "right"}],
        "rows": [
            [{"type": "raw_text", "text": "service"}, {"type": "raw_text", "text": "5xx"}],
            [{"type": "raw_text", "text": "checkout"}, {"type": "raw_text", "text": "7.4 %"}],
            [rich(line(text("payments", bold=True))), {"type": "raw_number", "value": 0.1, "text": "0.1 %"}],
        ],
    }
]

PLAN: list[Json] = [
    {
        "type": "plan",
        "title": "Looking at checkout",
        "tasks": [
            {
                "type": "task_card",
                "task_id": "t1",
                "title": "Read the cluster",
                "status": "complete",
                "output": rich(line(text("2 of 4 pods crash"))),
                "sources": [{"type": "url", "url": "https://example.com/p", "text": "pods"}],
            },
            {"type": "task_card", "task_id": "t2", "title": "Search runbooks", "status": "in_progress"},
            {"type": "task_card", "task_id": "t3", "title": "Reason", "status": "pending"},
            {
                "type": "task_card",
                "task_id": "t4",
                "title": "Read traces",
                "status": "error",
                "details": rich(line(text("no TEMPO_URL"))),
            },
        ],
    },
    {"type": "task_card", "task_id": "t9", "title": "A task alone", "status": "complete"},
]

PICTURES: list[Json] = [
    {
        "type": "image",
        "image_url": "https://example.com/5xx.png",
        "alt_text": "5xx of checkout",
        "title": plain("5xx, last hour"),
    },
    {
        "type": "section",
        "text": mrkdwn("With a thumbnail"),
        "accessory": {"type": "image", "image_url": "https://example.com/x.png", "alt_text": "a map"},
    },
    {
        "type": "video",
        "alt_text": "A replay",
        "title": plain("The replay"),
        "thumbnail_url": "https://example.com/t.png",
        "video_url": "https://example.com/v",
        "provider_name": "Recorder",
    },
    {"type": "file", "external_id": "ABC", "source": "remote"},
]

CONTROLS: list[Json] = [
    {
        "type": "section",
        "text": mrkdwn("Which service?"),
        "accessory": {
            "type": "static_select",
            "action_id": "service",
            "placeholder": plain("A service"),
            "options": SERVICES,
        },
    },
    {
        "type": "actions",
        "block_id": "controls",
        "elements": [
            {
                "type": "multi_static_select",
                "action_id": "services",
                "placeholder": plain("Several"),
                "options": SERVICES,
            },
            {"type": "users_select", "action_id": "user", "placeholder": plain("Somebody")},
            {"type": "channels_select", "action_id": "channel", "placeholder": plain("A channel")},
            {"type": "conversations_select", "action_id": "conversation"},
            {"type": "external_select", "action_id": "alert", "placeholder": plain("An alert"), "min_query_length": 1},
            {"type": "datepicker", "action_id": "day", "initial_date": "2026-11-23"},
            {"type": "timepicker", "action_id": "hour", "initial_time": "09:00"},
            {"type": "datetimepicker", "action_id": "moment"},
            {"type": "radio_buttons", "action_id": "one", "options": [option("This", "this"), option("That", "that")]},
            {"type": "checkboxes", "action_id": "some", "options": [option("Page", "page"), option("Post", "post")]},
        ],
    },
    {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "right",
                "positive_button": {"text": plain("Right"), "value": "right"},
                "negative_button": {"text": plain("Wrong"), "value": "wrong"},
            },
            {"type": "icon_button", "action_id": "remove", "icon": "trash", "text": plain("Remove")},
        ],
    },
]

FRAMES: list[Json] = [
    {
        "type": "card",
        "title": mrkdwn("*Runbook* Bad rollout"),
        "subtitle": mrkdwn("0.78 alike"),
        "body": mrkdwn("Roll back, then look."),
        "actions": [button("Read", "read")],
    },
    {
        "type": "carousel",
        "elements": [{"type": "card", "title": mrkdwn("INC-31")}, {"type": "card", "title": mrkdwn("INC-12")}],
    },
    {
        "type": "container",
        "title": plain("Evidence"),
        "is_collapsible": True,
        "child_blocks": [{"type": "section", "text": mrkdwn("`e1` rollout 17 to 18")}],
    },
    {
        "type": "data_visualization",
        "title": "Alerts by hour",
        "chart": {
            "type": "bar",
            "series": [{"name": "firing", "data": [{"label": "01", "value": 3}, {"label": "02", "value": 9}]}],
            "axis_config": {"categories": ["01", "02"]},
        },
    },
    {
        "type": "data_table",
        "caption": "Deploys",
        "rows": [[{"type": "raw_text", "text": "service"}], [{"type": "raw_text", "text": "search 9.2.1"}]],
    },
]

MESSAGES: dict[str, list[Json]] = {
    "card": CARD, "rich": RICH, "markdown": MARKDOWN, "table": TABLE, "plan": PLAN, "pictures": PICTURES,
    "controls": CONTROLS, "frames": FRAMES,
}  # fmt: skip

MRKDWN = (
    "*bold* _italic_ ~gone~ `code` :fire: 10:30:45 R&amp;D &amp;amp; "
    "<https://example.com/a_b|a_b> <javascript:alert(5)|bad>\n"
    f"&gt; quoted\n```\nfenced *not bold*\n```\n{ESCAPED_ATTACK} <!here> <@U0MARIA>"
)

INPUTS: list[tuple[str, Json]] = [
    ("why", {"type": "plain_text_input", "action_id": "a", "placeholder": plain("A sentence")}),
    ("long", {"type": "plain_text_input", "action_id": "a", "multiline": True}),
    ("mail", {"type": "email_text_input", "action_id": "a"}),
    ("link", {"type": "url_text_input", "action_id": "a"}),
    (
        "pods",
        {"type": "number_input", "action_id": "a", "is_decimal_allowed": False, "min_value": "1", "max_value": "5"},
    ),
    ("rich", {"type": "rich_text_input", "action_id": "a"}),
    ("service", {"type": "static_select", "action_id": "a", "options": SERVICES}),
    ("several", {"type": "multi_static_select", "action_id": "a", "options": SERVICES}),
    ("who", {"type": "multi_users_select", "action_id": "a"}),
    ("where", {"type": "multi_conversations_select", "action_id": "a"}),
    ("channels", {"type": "multi_channels_select", "action_id": "a"}),
    ("day", {"type": "datepicker", "action_id": "a"}),
    ("hour", {"type": "timepicker", "action_id": "a"}),
    ("moment", {"type": "datetimepicker", "action_id": "a"}),
    ("one", {"type": "radio_buttons", "action_id": "a", "options": SERVICES}),
    ("some", {"type": "checkboxes", "action_id": "a", "options": SERVICES}),
    ("files", {"type": "file_input", "action_id": "a"}),
    ("alert", {"type": "external_select", "action_id": "a", "min_query_length": 1}),
]


def inputs_modal(*names: str) -> Json:
    """A modal with the inputs of these names, all of them when none is named; the first alone is required."""
    chosen = [(name, element) for name, element in INPUTS if not names or name in names]
    blocks = [
        {
            "type": "input",
            "block_id": name,
            "label": plain(name.capitalize()),
            "element": element,
            "optional": number > 0,
        }
        for number, (name, element) in enumerate(chosen)
    ]
    return {
        "type": "modal", "callback_id": "inputs", "title": plain("Reject INC-42"), "submit": plain("Send"),
        "blocks": [{"type": "section", "text": mrkdwn("Say why, so that it is *not proposed again*.")}, *blocks],
    }  # fmt: skip
