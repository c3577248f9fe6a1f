"""Specifics out of messages and log lines as programs really write them."""

from __future__ import annotations

import pytest

from workers.reasoners.details import exit_in, host_in, image_in, key_line, limit_in, missing_in, plain


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["Traceback (most recent call last):", '  File "a.py", line 3, in f', "    raise Bad('x')", "ValueError: x"],
         "ValueError: x"),
        (["INFO up", "Exception in thread main java.lang.IllegalStateException: no context", "\tat com.a.B(B.java:3)",
          "Caused by: java.net.UnknownHostException: db", "\tat com.a.C(C.java:9)"],
         "Caused by: java.net.UnknownHostException: db"),
        (["2026-03-02T11:55:01.123Z panic: boom", "goroutine 1 [running]:"], "panic: boom"),
        (["2025-02-25 10:18:48,952 - ERROR - SSL certificate expired"], "ERROR - SSL certificate expired"),
        (['{"level":"error","ts":1,"msg":"boot failed","error":"dial tcp 10.0.0.1:5432: connect: connection refused"}'],
         "dial tcp 10.0.0.1:5432: connect: connection refused"),
        (["Environment variable DEPLOY_ENV is undefined"], "Environment variable DEPLOY_ENV is undefined"),
        (["INFO payment exception handled", "DEBUG 0 errors", "listening on :80"], None),
        (['{"level":"info","msg":"started"}', "{not json", ""], None),
        ([], None),
    ],
)  # fmt: skip
def test_the_line_that_says_why(lines: list[str], said: str | None) -> None:
    assert key_line(lines) == said


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("dial tcp: lookup ticketing-db-prod on 10.96.0.10:53: no such host", "ticketing-db-prod"),
        ('could not translate host name "db-x" to address: Name or service not known', "db-x"),
        ("Error: connect ECONNREFUSED 10.0.0.1:5432", "10.0.0.1:5432"),
        ("ConnectionError: HTTPConnectionPool(host='memcom', port=443): Max retries exceeded: timed out", "memcom"),
        ("GET http://payments:8080/pay failed: connection refused", "payments:8080"),
        ("All host(s) tried for db query failed (tried: prod-db:3333) - no available connection", "prod-db:3333"),
        ("postgres://user:[masked]@db.internal:5432/x: connection refused", "db.internal:5432"),
        ("user 12:30 logged in", None),
    ],
)
def test_the_host_of_a_connection_error(line: str, host: str | None) -> None:
    assert host_in(line) == host


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ('container app: configmap "settings" not found', "ConfigMap settings"),
        ("couldn't find key DB_URL in Secret shop/db-creds", "key DB_URL of Secret db-creds"),
        ("references non-existent config key: nginx.conf", "key nginx.conf"),
        ('storageclass.storage.k8s.io "gold" not found', "StorageClass gold"),
        ("its storage class gold does not exist", "storage class gold"),
        ("/cart is sent to service cart, which does not exist", "service cart"),
        ('exec: "wge": executable file not found in $PATH: unknown', "command wge"),
        ("/bin/sh: wge: not found", "command wge"),
        ("page not found", None),
    ],
)
def test_what_is_not_there(text: str, missing: str | None) -> None:
    assert missing_in(text) == missing


def test_figures_of_messages() -> None:
    assert exit_in("container app exited with 137 (killed); restarted 5 times") == "137"
    assert exit_in("container app keeps ending with exit code 0") is None
    assert exit_in('{"lastState":{"terminated":{"exitCode":2}}}') == "2"
    assert limit_in("was OOM-killed at its memory limit of 64Mi; restarted") == "64Mi"
    assert limit_in("memory limit: 5") is None, "a bare number may count anything"
    assert image_in('Back-off pulling image "nginx:tpyo"') == "nginx:tpyo"


def test_a_long_line_is_not_looked_at_whole() -> None:
    assert len(plain("x" * 100_000)) <= 500
