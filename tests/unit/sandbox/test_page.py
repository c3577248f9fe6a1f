"""The page's routes: who may use them, what they are told, and where a stream goes on."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from sandbox.page import Page
from sandbox.page.guard import is_loopback
from sandbox.slack import App, SlackServer, SlackThread, run_in_thread
from sandbox.slack.model import Canvas

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], str]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(SlackServer())


@pytest.fixture(scope="module")
def slack(page: Page) -> Iterator[SlackThread]:
    server = page._slack
    page.mount(server.web)
    with run_in_thread(server) as running:
        yield running


def ask(slack: SlackThread, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """One request, by default as a browser on the page sends it."""
    connection = http.client.HTTPConnection(urlsplit(slack.server.origin).netloc, timeout=5)
    content = {"Content-Type": "application/json"} if body is not None else {}
    given = content | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, given)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def act(slack: SlackThread, what: str, **args: Any) -> Json:
    status, _, text = ask(slack, "POST", "/page/act", {"do": what, "as": "U0MARIA", **args})
    assert status == 200, text
    answer: Json = json.loads(text)
    return answer


class Hearing:
    """An open event stream."""

    def __init__(self, slack: SlackThread, path: str = "/page/events", **headers: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(slack.server.origin).netloc, timeout=5)
        self._connection.request(
            "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        self._answer = self._connection.getresponse()

    def until(self, name: str) -> list[tuple[str, Any, str]]:
        """The events up to the first of this name: (name, data, id)."""
        heard: list[tuple[str, Any, str]] = []
        event: dict[str, str] = {}
        while not heard or heard[-1][0] != name:
            line = self._answer.readline().decode().rstrip("\n")
            if line:
                field, _, value = line.partition(": ")
                event[field] = value
            elif "event" in event:
                heard.append((event["event"], json.loads(event["data"]), event.get("id", "")))
                event = {}
        return heard

    def close(self) -> None:
        self._connection.close()
        self._answer.close()


@pytest.fixture
def hearing(slack: SlackThread) -> Iterator[Any]:
    opened: list[Hearing] = []

    def hear(path: str = "/page/events", **headers: str) -> Hearing:
        opened.append(Hearing(slack, path, **headers))
        return opened[-1]

    yield hear
    for one in opened:
        one.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8065", "localhost:1", "localhost", "[::1]:8065", "127.8.8.8"])
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8065",
        "evil.example@127.0.0.1.nip.io",
        "10.0.0.1",
        "",
        "::",
        "a b",
    ],
)
def test_names_of_others(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/page/workspace", "/page/events", "/api/auth.test"])
def test_a_name_that_only_resolves_to_this_machine_is_refused_everywhere(slack: SlackThread, path: str) -> None:
    assert ask(slack, "GET", path, Host="evil.example")[0] == 421


def test_another_page_can_neither_act_nor_listen(slack: SlackThread) -> None:
    words = {"do": "say", "as": "U0MARIA", "channel": "C0SRE", "text": "smuggled"}
    origins = ("http://evil.example", "null", "http://127.0.0.1:1")
    foreign = [{"Origin": origin} for origin in origins]
    foreign += [{"Sec_Fetch_Site": site} for site in ("cross-site", "same-site")]
    assert [ask(slack, "POST", "/page/act", words, **headers)[0] for headers in foreign] == [403] * len(foreign)
    assert ask(slack, "POST", "/page/act", words, Content_Type="text/plain")[0] == 415
    assert ask(slack, "GET", "/page/events", Sec_Fetch_Site="cross-site")[0] == 403
    assert [m.text for m in slack.messages("sre") if m.text == "smuggled"] == []


def test_the_page_itself_can_act(slack: SlackThread) -> None:
    words = {"do": "say", "as": "U0MARIA", "channel": "C0SRE", "text": "hello"}
    own = {"Origin": slack.server.origin, "Sec_Fetch_Site": "same-origin"}
    status, _, text = ask(slack, "POST", "/page/act", words, **own)
    assert (status, json.loads(text)["ok"]) == (200, True)
    assert slack.messages("sre")[-1].text == "hello"


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/page/workspace"])
def test_a_browser_is_told_to_run_only_what_is_here(slack: SlackThread, path: str) -> None:
    status, headers, _ = ask(slack, "GET", path)
    policy = headers["Content-Security-Policy"]
    assert status == 200
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["Cross-Origin-Resource-Policy"]) == ("nosniff", "same-origin")


def test_a_file_that_somebody_uploads_is_no_page(slack: SlackThread) -> None:
    content = base64.b64encode(b"<script>alert(1)</script>").decode()
    file = act(slack, "upload", name="a.html", type="text/html", content=content)["body"]
    _, headers, text = ask(slack, "GET", urlsplit(file["url_private"]).path)
    assert (text, headers["Content-Security-Policy"]) == ("<script>alert(1)</script>", "default-src 'none'; sandbox")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"do": "dance", "as": "U0MARIA"}, 400),
        ({"do": "say", "as": "U0NOBODY", "channel": "C0SRE", "text": "x"}, 400),
        ({"do": "say"}, 400),
        ([], 400),
        ("say", 400),
        ({"do": "click", "as": "U0MARIA", "where": "1.1", "action_id": "approve"}, 404),
        ({"do": "say", "as": "U0MARIA", "channel": "C0LOST", "text": "x"}, 404),
        ({"do": "submit", "as": "U0MARIA"}, 404),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(slack: SlackThread, body: object, status: int) -> None:
    answered, _, text = ask(slack, "POST", "/page/act", body)
    assert (answered, text.endswith(".")) == (status, True)


def test_what_slack_refuses_is_an_answer(slack: SlackThread) -> None:
    ts = str(slack.say("maria", "#shop", "x").ts)
    assert act(slack, "react", ts=ts, name="eyes")["ok"]
    assert act(slack, "react", ts=ts, name="eyes")["error"] == "already_reacted"
    assert act(slack, "say", channel="C0SRE", text="")["error"] == "invalid_arguments"
    assert act(slack, "upload", name="a", content="no base64!")["error"] == "invalid_arguments"


def test_the_workspace_is_told_with_what_each_person_may(slack: SlackThread) -> None:
    told = json.loads(ask(slack, "GET", "/page/workspace")[2])
    assert told["people"] == ["U0MARIA", "U0JONAS", "U0LI"]
    may = {user["name"]: user["may"] for user in told["users"].values() if user["may"]}
    assert {name: "may not approve" in words for name, words in may.items()} == {
        "maria": False,
        "jonas": True,
        "li": False,
    }
    assert "status" in [command["word"] for command in told["commands"]]
    assert [shortcut["id"] for shortcut in told["shortcuts"]] == ["investigate_this"]


def test_a_messages_menu_is_the_manifests() -> None:
    manifest = yaml.safe_load((Path(__file__).parents[3] / "manifest.yaml").read_text())
    page = Page(server := SlackServer(app=App.from_manifest(manifest)))
    page.mount(server.web)
    with run_in_thread(server) as running:
        told = json.loads(ask(running, "GET", "/page/workspace")[2])
    assert [shortcut["name"] for shortcut in told["shortcuts"]] == ["Investigate this", "Incident …", "Log as toil"]


def test_a_stream_tells_what_was_and_then_what_happens(slack: SlackThread, hearing: Any) -> None:
    slack.say("maria", "#general", "before")
    stream = hearing()
    past = stream.until("live")
    assert past[0][0] == "hello"
    assert past[-2][1]["data"]["text"] == "before"
    slack.say("maria", "#general", "after")
    ((_, change, seq),) = stream.until("change")
    assert (change["data"]["text"], change["channel"], change["seq"]) == ("after", "C0GENERAL", int(seq))


def test_a_stream_goes_on_after_the_last_change_that_was_heard(slack: SlackThread, hearing: Any) -> None:
    slack.say("maria", "#general", "heard")
    last = hearing().until("live")[-2][2]
    slack.say("maria", "#general", "missed")
    again = hearing(Last_Event_ID=last).until("live")
    assert [data["data"]["text"] for name, data, _ in again if name == "change"] == ["missed"]
    asked = hearing(f"/page/events?since={last}").until("live")
    assert [data["seq"] for name, data, _ in asked if name == "change"] == [int(last) + 1]


def test_of_a_message_changed_often_the_past_holds_the_latest_alone(slack: SlackThread, hearing: Any) -> None:
    ts = str(slack.say("maria", "#general", "popular").ts)
    for name in ("eyes", "tada", "fire"):
        slack.react("jonas", ts, name)
    changes = [data for name, data, _ in hearing().until("live") if name == "change" and data["ts"] == ts]
    assert [len(change["data"]["reactions"]) for change in changes] == [3]


def test_of_a_topic_a_page_hears_the_latest_value(page: Page, slack: SlackThread, hearing: Any) -> None:
    page.publish("world", {"alerts": 1})
    page.publish("world", {"alerts": 2})
    stream = hearing()
    assert [data for name, data, _ in stream.until("live") if name == "world"] == [{"alerts": 2}]
    page.publish("world", {"alerts": 3})
    assert [data for _, data, _ in stream.until("world")] == [{"alerts": 3}]


def test_a_canvas_is_shown_as_it_reads(slack: SlackThread) -> None:
    slack.server.workspace.canvases["F1"] = Canvas("F1", "Postmortem", "# What was", "U0SREBOT")
    assert json.loads(ask(slack, "GET", "/page/canvas/F1")[2]) == {"title": "Postmortem", "markdown": "# What was"}
    assert ask(slack, "GET", "/page/canvas/F2")[0] == 404
