"""POST /webhooks/deploy: each report is kept once, joined with the rollout that was seen, or refused in a sentence."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from core.change_events import ChangeEvent
from core.joining import note_change
from tests.conftest import NOON
from tests.flow.conftest import Face, Starter

TOKEN = "deploys-come-here"
SHA = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"


@pytest.fixture
def face(start: Starter) -> Face:
    return start("none", deploy_webhook_token=SecretStr(TOKEN))


def send(face: Face, body: Any, **headers: str) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = requests.post(f"{face.url}/webhooks/deploy", data=data, headers=headers, timeout=10)
    said = answer.json()
    return answer.status_code, said.get("says") or said.get("error")


def plain(face: Face, body: Any, token: str = TOKEN) -> tuple[int, str]:
    return send(face, body, Authorization=f"Bearer {token}")


def github(face: Face, body: Any, delivery: str, event: str = "deployment_status", key: str = TOKEN) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = "sha256=" + hmac.new(key.encode(), data, hashlib.sha256).hexdigest()
    named = {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": signature}
    return send(face, data, **named)


def deployment(state: str = "success", repository: str = "acme/checkout", ref: str = "v1.8.4") -> dict[str, Any]:
    return {
        "deployment": {"id": 77, "sha": SHA, "ref": ref, "environment": "production", "creator": {"login": "maria"},
                       "created_at": "2026-03-02T11:50:00Z", "payload": {}, "description": None},
        "deployment_status": {"state": state, "created_at": "2026-03-02T11:55:00Z", "creator": {"login": "maria"},
                              "target_url": "", "log_url": "https://github.test/acme/checkout/actions/runs/9"},
        "repository": {"full_name": repository, "html_url": f"https://github.test/{repository}"},
    }  # fmt: skip


def argo(phase: str = "Succeeded", name: str = "checkout") -> dict[str, Any]:
    return {"app": {
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {"destination": {"namespace": "shop"}},
        "status": {"summary": {"images": ["registry.test/shop/checkout:1.8.4", "envoy:1"]},
                   "operationState": {"phase": phase, "startedAt": "2026-03-02T11:54:00Z",
                                      "finishedAt": "2026-03-02T11:56:00Z", "syncResult": {"revision": SHA},
                                      "operation": {"initiatedBy": {"username": "li"}}}},
    }, "link": "https://argocd.test/applications/checkout"}  # fmt: skip


def seen(version: str = "1.8.4", minutes: float = -6) -> ChangeEvent:
    return ChangeEvent(
        id="seen", kind="deploy", at=NOON + timedelta(minutes=minutes), namespace="shop", service="checkout",
        target="Deployment/checkout", title=f"image 1.8.3 → {version}", version=version, by="argocd-controller",
    )  # fmt: skip


def kept(face: Face) -> list[ChangeEvent]:
    return list(face.records.changes.between(NOON - timedelta(days=2), NOON + timedelta(days=1)))


def brief(face: Face) -> list[tuple[str, str | None, str, str, str]]:
    return [(e.source, e.service, e.version, e.by, e.link) for e in kept(face)]


def test_each_format_is_read(face: Face) -> None:
    assert github(face, deployment(), "d1") == (202, "Noted.")
    assert plain(face, argo()) == (202, "Noted.")
    link = "https://ci.test/1"
    ours = {"service": "checkout", "version": "1.9", "at": "2026-03-02T11:00:00Z", "by": "jonas", "link": link}
    assert plain(face, ours) == (202, "Noted.")
    assert brief(face) == [
        ("ci", "checkout", "1.9", "jonas", link),
        ("github", "checkout", "v1.8.4", "maria", "https://github.test/acme/checkout/actions/runs/9"),
        ("argocd", "checkout", "1.8.4", "li", "https://argocd.test/applications/checkout"),
    ]


@pytest.mark.parametrize("first", ["seen", "told"])
def test_a_report_and_the_rollout_that_was_seen_are_one_change(face: Face, first: str) -> None:
    if first == "seen":
        note_change(face.records.changes, seen())
        assert github(face, deployment(), "d1") == (202, "Noted, as the rollout that was seen in the cluster.")
    else:
        assert github(face, deployment(), "d1") == (202, "Noted.")
        note_change(face.records.changes, seen())
    note_change(face.records.changes, seen())  # the collector tells it again after a restart
    [one] = kept(face)
    assert (one.id, one.title, one.by, one.link) == (
        "seen", "image 1.8.3 → 1.8.4", "maria", "https://github.test/acme/checkout/actions/runs/9",
    )  # fmt: skip


@pytest.mark.parametrize(("version", "minutes", "joined"), [
    ("main-1a2b3c4", -6, True), ("1.8.5", -6, False), ("1.8.4", -60, False), ("main-9f9f9f9", -6, False),
])  # fmt: skip
def test_they_are_joined_by_version_or_commit_and_time(face: Face, version: str, minutes: float, joined: bool) -> None:
    note_change(face.records.changes, seen(version, minutes))
    github(face, deployment(), "d1")
    assert len(kept(face)) == (1 if joined else 2)


def test_a_delivery_that_comes_again_is_taken_once(face: Face) -> None:
    assert github(face, deployment(), "d1") == (202, "Noted.")
    assert github(face, deployment(), "d1") == (200, "This delivery was taken before.")
    assert github(face, deployment(), "d2") == (202, "Noted.")  # another status of the same deployment
    assert len(kept(face)) == 1


def test_what_is_no_change_is_said_to_be_none(face: Face) -> None:
    assert github(face, {}, "d1", "ping") == (200, "The webhook is set up.")
    assert github(face, {}, "d2", "push") == (200, "Only deployment and deployment_status events are read.")
    assert github(face, deployment("queued"), "d3") == (200, "A deployment that is queued is no change.")
    assert plain(face, argo("Running")) == (200, "A sync that is Running is no change yet.")
    assert kept(face) == []


def test_an_unknown_service_is_kept_by_its_name_and_said(face: Face) -> None:
    says = "Noted, but no service here is called 'billing'; name the repository under services.….repository."
    assert github(face, deployment(repository="acme/billing"), "d1") == (202, says)
    assert [(e.service, e.target) for e in kept(face)] == [(None, "Repository/billing")]


@pytest.mark.parametrize(("body", "status", "sentence"), [
    (b"{", 400, "The body is not JSON."),
    (b"[]", 400, "The body is not a JSON object."),
    ({"service": "checkout"}, 400, "version is missing or not a text."),
    ({"service": "checkout", "version": "1", "sevrice": 1},
     400, "The key 'sevrice' is not known; there are at, by, link, service, version."),
    ({"service": "checkout", "version": "1", "at": "yesterday"}, 400, "The time is neither RFC 3339 nor Unix seconds."),
    ({"service": "checkout", "version": "1", "at": "2027-01-01T00:00:00Z"},
     400, "The time is in the future; check the sender's clock."),
    ({"service": "checkout", "version": "1", "at": 0}, 400, "The time is more than 30 days ago."),
    ({"app": {"metadata": {}}}, 400, "name is missing or not a text."),
    (b" " * (2**20 + 1), 413, "The body is larger than 1 MB."),
    (b" " * (16 * 2**20 + 1), 413, "The body is larger than 1 MB."),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_in_a_sentence(face: Face, body: Any, status: int, sentence: str) -> None:
    assert plain(face, body) == (status, sentence)
    assert kept(face) == []


def test_strangers_are_refused(face: Face, start: Starter) -> None:
    wrong = "The bearer token is missing or wrong; it is DEPLOY_WEBHOOK_TOKEN."
    assert plain(face, argo(), "guess") == (401, wrong)
    assert send(face, argo()) == (401, wrong)
    unsigned = "The signature is not GitHub's; set the webhook's secret to DEPLOY_WEBHOOK_TOKEN."
    assert github(face, deployment(), "d1", key="guess") == (401, unsigned)
    assert send(face, deployment(), **{"X-GitHub-Event": "deployment", "Authorization": f"Bearer {TOKEN}"}) == (
        401,
        unsigned,
    )
    assert plain(start("none"), argo()) == (503, "No deploys are taken until DEPLOY_WEBHOOK_TOKEN is set here.")


def test_secrets_in_texts_and_links_that_are_none_are_left_out(face: Face) -> None:
    body = deployment()
    body["deployment"]["description"] = "password=hunter2hunter2 rotated"
    body["deployment_status"]["log_url"] = "javascript:alert(1)"
    github(face, body, "d1")
    [one] = kept(face)
    assert "hunter2" not in one.model_dump_json()
    assert one.link == f"https://github.test/acme/checkout/commit/{SHA}"
