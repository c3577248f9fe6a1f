"""The program: exit statuses, and errors of one sentence that say what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from bot import cli
from core.incident import Incident
from core.records import Records, open_records
from tests.conftest import NOON
from tests.flow import digest_lab as lab
from tests.unit.workers.postmortem.night import happened, resolved


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(records: Records, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program, over the test's data folder, with nothing else set."""
    for name in ("REDIS_URL", "KUBECONFIG", "SRE_CONFIG", "PROMETHEUS_URL", "QDRANT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SRE_DATA_DIR", str(records.settings.data_dir))

    def ran(*args: str, **environment: str) -> Ran:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["sre-bot", *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return ran


def test_status_says_what_is_stored(run: Run, records: Records) -> None:
    records.incidents.save(
        Incident(id="INC-1", title="checkout answers 5xx", service="checkout", source="slack", opened_at=NOON)
    )
    answer = json.loads(run("status", "--json").out)
    assert answer["mode"] == "shadow"
    assert [(i["id"], i["state"], i["alerts"]) for i in answer["incidents"]] == [("INC-1", "open", 0)]
    assert "INC-1 SEV3 open: checkout answers 5xx" in run("status").out


def test_digest_is_told_in_a_terminal_from_stored_state(
    run: Run, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.noise(records)
    lab.night(records)
    at_nine = open_records(records.settings, records.redis, now=lambda: lab.NINE)
    monkeypatch.setattr("workers.commands.digest.open_records", lambda settings: at_nine)
    monkeypatch.setattr("workers.commands.digest.release", lambda *_: None)
    told = run("digest", "--timezone", "Europe/Berlin", PROMETHEUS_URL="http://127.0.0.1:9")
    lines = told.out.split("\n")
    assert told.status == 0
    assert lines[0] == ("Since yesterday 09:00: 7 deploys, 2 incidents (11 and 34 min), 33 alerts, of which 31 noise.")
    assert lines[3].endswith("nobody acted on any in 4 weeks. 5m more of for would have shown 29 of 166.")
    assert "Every deploy:" in lines
    found = json.loads(run("digest", "--since", "2026-11-25", "--json").out)
    assert (found["alerts"], found["timezone"], len(found["deploys"])) == (33, "UTC", 7)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--since", "soon"], "Say since when as 24h, 7d, mon, yesterday or 2026-11-27."),
        (["--timezone", "Berlin"], "--timezone: 'Berlin' is no time zone; write it as Europe/Berlin."),
    ],
)
def test_a_digest_since_never_is_bad_usage(run: Run, args: list[str], says: str) -> None:
    told = run("digest", *args)
    assert (told.status, told.out) == (2, "")
    assert says in told.err


def test_a_sound_ledger_is_0_and_a_broken_one_is_1(run: Run, records: Records) -> None:
    for _ in range(3):
        records.ledger.append("incident.opened", actor="U0MARIA", at=NOON, incident="INC-1")
    assert run("ledger", "verify").status == 0
    assert "#1 2026-03-02 12:00:00 incident.opened by U0MARIA" in run("ledger", "show", "INC-1").out
    exported = [json.loads(line) for line in run("ledger", "export").out.splitlines()]
    assert [entry["seq"] for entry in exported] == [1, 2, 3]
    records.redis.lset("sre:ledger", 1, json.dumps({**exported[1], "actor": "somebody"}))
    broken = run("ledger", "verify")
    assert (broken.status, broken.out) == (1, "The chain breaks at entry 2: its content was changed.\n")


def test_truncation_is_found_by_a_noted_head(run: Run, records: Records) -> None:
    for _ in range(2):
        records.ledger.append("incident.opened", actor="bot", at=NOON)
    seq, digest = records.ledger.head()
    records.redis.rpop("sre:ledger")
    assert run("ledger", "verify").status == 0
    assert run("ledger", "verify", "--head", f"{seq}:{digest}").status == 1
    assert run("ledger", "verify", "--head", "nonsense").status == 2


@pytest.mark.parametrize(
    ("args", "environment", "status", "says"),
    [
        (["ledgr"], {}, 2, "Did you mean 'ledger'?"),
        (["worker", "paint"], {}, 2, "paint"),
        (["status"], {"REDIS_URL": "redis://127.0.0.1:1"}, 3, "does not answer"),
        (["status"], {"REDIS_URL": "nonsense"}, 2, "REDIS_URL is not usable"),
        (["status"], {"SRE_CONFIG": "/nowhere.yaml"}, 2, "SRE_CONFIG names /nowhere.yaml"),
        (["triage"], {"KUBECONFIG": "/nowhere"}, 2, "/nowhere"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    run: Run, args: list[str], environment: dict[str, str], status: int, says: str
) -> None:
    ran = run(*args, **environment)
    assert ran.status == status
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_every_command_of_the_table_loads() -> None:
    group = cli.cli
    for name in cli.COMMANDS:
        command = group.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert command.help


def test_recorded_cases_are_scored(run: Run, tmp_path: Path) -> None:
    pods = {
        "kind": "List", "items": [{
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "checkout-1", "namespace": "shop", "uid": "u1",
                         "creationTimestamp": "2026-03-02T11:00:00Z"},
            "spec": {"containers": [{"name": "app", "image": "checkout:9"}]},
            "status": {"phase": "Pending", "containerStatuses": [{
                "name": "app", "image": "checkout:9", "ready": False, "restartCount": 0,
                "state": {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "checkout:9"'}},
            }]},
        }],
    }  # fmt: skip
    for name, expect in (("found", {"condition": "ImagePullBackOff"}), ("other", {"condition": "OOMKilled"})):
        case = tmp_path / name
        case.mkdir()
        (case / "pods.json").write_text(json.dumps(pods))
        told = {"question": "pod/checkout-1", "namespace": "shop", "at": "2026-03-02T12:00:00Z", "expect": expect}
        (case / "case.yaml").write_text(yaml.safe_dump(told))
    ran = run("eval", str(tmp_path), "--json")
    assert ran.status == 0, ran.err
    answer = json.loads(ran.out)
    assert (answer["right"], answer["wrong"]) == (1, 1)


def test_a_folder_without_cases_is_said(run: Run, tmp_path: Path) -> None:
    ran = run("eval", str(tmp_path))
    assert ran.status == 2
    assert "holds no case.yaml" in ran.err


def test_a_postmortem_is_printed_as_markdown_as_json_and_into_a_file(
    run: Run, records: Records, tmp_path: Path
) -> None:
    happened(records)
    resolved(records)
    shown = run("postmortem", "inc-42")
    assert shown.status == 0
    assert shown.out.startswith("# Postmortem of INC-42: checkout answers 5xx\n\n**Draft, nobody has confirmed this.**")
    assert "Not read: the thread (no SLACK_BOT_TOKEN); metrics of the whole incident (no Prometheus)." in shown.out
    answer = json.loads(run("postmortem", "INC-42", "--json").out)
    assert (answer["incident"], answer["writer"], answer["still_open"]) == ("INC-42", "assembled", False)
    assert all(sentence["cites"] for section in answer["sections"] for sentence in section["sentences"])
    into = tmp_path / "draft.md"
    assert run("postmortem", "42", "-o", str(into)).out == ""
    assert into.read_text() == shown.out


def test_a_postmortem_of_nothing_is_2(run: Run) -> None:
    failed = run("postmortem", "INC-9")
    assert (failed.status, failed.err) == (
        2, "sre-bot: There is no INC-9; sre-bot status lists the incidents of the last day.\n",
    )  # fmt: skip
