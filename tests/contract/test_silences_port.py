"""The Silences port and the action on it, over a real Alertmanager and over the sandbox's."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from core.diagnosis import Action
from core.errors import Changed, Conflict, Refused, SreError, ToolError, Transient, Unclear, Unreachable
from core.model import utc_now
from core.remediation import Target
from core.settings import Settings
from sandbox.company import Company, running
from sandbox.ports import free_port
from tests.unit.workers.adapters.faulty import Answer, served
from workers.actions.base import Means
from workers.actions.silences import SilenceAlert
from workers.adapters.silences import AlertmanagerSilences

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
MATCHERS = [
    {"name": "alertname", "value": "KubePodCrashLooping", "isRegex": False, "isEqual": True},
    {"name": "namespace", "value": "shop", "isRegex": False, "isEqual": True},
]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if PROGRAM is None:
        pytest.skip("alertmanager is not installed")
    folder: Path = tmp_path_factory.mktemp("silences-port")
    (folder / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    url = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [PROGRAM, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
         f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while not _ready(url):
            assert process.poll() is None and time.monotonic() < deadline
        yield url
    finally:
        process.terminate()
        process.wait()


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=1).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with running(tmp_path_factory.mktemp("company")) as company:
        yield company


@pytest.fixture(params=["real", "company"])
def url(request: pytest.FixtureRequest) -> str:
    found = request.getfixturevalue(request.param)
    return found.alertmanager_url if isinstance(found, Company) else str(found)


def means_at(url: str | None, folder: Path) -> Means:
    silences = AlertmanagerSilences(url) if url else None
    none: Any = None  # a silence has nothing to do with a cluster
    return Means(settings=Settings(data_dir=folder), cluster=none, writer=none, silences=silences)


@pytest.fixture
def means(url: str, tmp_path: Path) -> Means:
    found = means_at(url, tmp_path)
    assert found.silences
    for each in found.silences.list():
        if each["status"]["state"] != "expired" and each["createdBy"] == "sre-bot":
            found.silences.expire(each["id"])
    return found


ACT = SilenceAlert()
ACTION = Action(
    kind="silence_alert", namespace="shop", name="KubePodCrashLooping",
    params={"matchers": MATCHERS, "duration_minutes": 60},
)  # fmt: skip


def fresh_id(number: list[int] = [0]) -> str:  # noqa: B006
    number[0] += 1
    return f"ACT-{number[0]}"


def ours(means: Means, action_id: str) -> list[dict[str, Any]]:
    assert means.silences
    return [each for each in means.silences.list() if f"action={action_id}]" in each["comment"]]


def test_a_silence_is_made_once_and_ended(means: Means) -> None:
    action_id = fresh_id()
    target = ACT.prepare(ACTION, means)
    tried = ACT.dry_run(ACTION, target, means)
    assert tried.passed
    assert tried.change == ('alerts with alertname="KubePodCrashLooping", namespace="shop" notify nobody for 60 min',)
    assert ACT.found(ACTION, target, action_id, means) is False

    assert ACT.execute(ACTION, target, action_id, means) == "Silenced KubePodCrashLooping for 60 min."
    (made,) = ours(means, action_id)
    assert (made["status"]["state"], made["createdBy"]) == ("active", "sre-bot")
    key = ("name", "value", "isRegex", "isEqual")
    assert [{k: m[k] for k in key} for m in sorted(made["matchers"], key=lambda m: str(m["name"]))] == MATCHERS
    assert "already" in ACT.execute(ACTION, target, action_id, means)
    assert len(ours(means, action_id)) == 1
    assert ACT.found(ACTION, target, action_id, means) is True

    assert ACT.undo(ACTION, target, action_id, means) == "Ended the silence of KubePodCrashLooping."
    (ended,) = ours(means, action_id)
    assert ended["status"]["state"] == "expired"
    assert ACT.found(ACTION, target, action_id, means) is True  # it was made, and it is over
    with pytest.raises(Changed):
        ACT.undo(ACTION, target, action_id, means)


def test_one_that_somebody_made_meanwhile_is_noticed(means: Means) -> None:
    target = ACT.prepare(ACTION, means)
    ACT.execute(ACTION, target, fresh_id(), means)
    with pytest.raises(Changed, match="somebody made or ended the same silence"):
        ACT.execute(ACTION, target, fresh_id(), means)
    again = ACT.prepare(ACTION, means)
    shorter = ACTION.model_copy(update={"params": {**ACTION.params, "duration_minutes": 30}})
    tried = ACT.dry_run(shorter, again, means)
    assert not tried.passed
    assert tried.says.startswith("It is silenced already until ")


def test_one_that_somebody_gave_another_end_is_left(means: Means, url: str) -> None:
    action_id = fresh_id()
    target = ACT.prepare(ACTION, means)
    ACT.execute(ACTION, target, action_id, means)
    (made,) = ours(means, action_id)
    keys = ("id", "matchers", "startsAt", "createdBy", "comment")
    longer = {key: made[key] for key in keys} | {"endsAt": utc_now().replace(year=utc_now().year + 1).isoformat()}
    assert requests.post(f"{url}/api/v2/silences", json=longer, timeout=5).ok
    with pytest.raises(Changed, match="another end"):
        ACT.undo(ACTION, target, action_id, means)


def test_what_alertmanager_does_not_take_is_refused(url: str) -> None:
    silences = AlertmanagerSilences(url)
    with pytest.raises(Refused):
        silences.create({"matchers": [], "startsAt": "x", "endsAt": "y", "createdBy": "a", "comment": "b"})
    with pytest.raises((Refused, Unclear)):  # Alertmanager 0.25 answers 500 where it knows no such silence
        silences.expire("6f1d2a52-0000-4c0b-9f5e-000000000000")


def test_without_an_alertmanager_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="set ALERTMANAGER_URL"):
        ACT.prepare(ACTION, means_at(None, tmp_path))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, "bad", {}), Refused),
        ((302, b"", {"Location": "https://elsewhere.invalid"}), Refused),
        ((409, {}, {}), Conflict),
        ((429, {}, {"Retry-After": "3"}), Transient),
        ((503, {}, {"Retry-After": "3"}), Transient),
        ((500, {}, {}), Unclear),
        ((200, b"<html>", {}), Unclear),
        ((200, {}, {}), Unclear),
        (None, Unclear),
    ],
)
def test_every_outcome_of_a_write_is_its_own_error_and_is_sent_once(answer: Answer, error: type[SreError]) -> None:
    with served() as api:
        api.route = lambda asked: answer
        with pytest.raises(error) as raised:
            AlertmanagerSilences(api.url).create({"comment": "x"})
        assert type(raised.value) is error
        assert len(api.asked) == 1


def test_an_answer_that_does_not_come_is_unclear() -> None:
    with served() as api:
        api.route = lambda asked: (200, {}, {}) if api.released.wait(10) else None
        with pytest.raises(Unclear):
            AlertmanagerSilences(api.url, timeout_s=0.2).create({"comment": "x"})
        assert len(api.asked) == 1


def test_where_nothing_listens_nothing_was_sent() -> None:
    with pytest.raises(Unreachable):
        AlertmanagerSilences(f"http://127.0.0.1:{free_port()}").create({"comment": "x"})


def test_the_version_is_the_silences_of_the_same_matchers(means: Means) -> None:
    before: Target = ACT.prepare(ACTION, means)
    other = {"name": "alertname", "value": "Other", "isRegex": False, "isEqual": True}
    another = ACTION.model_copy(update={"name": "Other", "params": {"matchers": [other], "duration_minutes": 5}})
    ACT.execute(another, ACT.prepare(another, means), fresh_id(), means)
    assert ACT.prepare(ACTION, means) == before
