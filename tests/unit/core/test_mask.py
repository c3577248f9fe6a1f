from __future__ import annotations

import base64
import json
import time

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.mask import MASKED, mask

_KEY_BODY = "\n".join(
    "MIIEpAIBAAKCAQEA7bq2b1nqM5lGz0vZ3xq0n7e5g0l3c8m5o5t9x2b1nqM5lGz0"[i:] + "a" * i for i in range(5)
)
_PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{_KEY_BODY}\nq83r=\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        "DB_PASSWORD=hunter2secret",
        "export PGPASSWORD=hunter2secret",
        "password: hunter2secret",
        "spring.datasource.password = hunter2secret",
        '{"password":"hunter2secret","user":"bob"}',
        '{"password" : "hunter2secret"}',
        '{\\"password\\":\\"hunter2secret\\",\\"user\\":1}',
        "{'db_password': 'hunter2secret'}",
        ':password=>"hunter2secret"',
        "- name: DB_PASSWORD\n  value: hunter2secret",
        '{"name":"DB_PASSWORD","value":"hunter2secret"}',
        '{"name": "API_KEY",\n   "value": "hunter2secret"}',
        "{Name:DB_PASSWORD Value:hunter2secret ValueFrom:nil}",
        "      DB_PASSWORD:  hunter2secret, with a comma",
        "DB_PASSWORD=a b;hunter2secret",
        "Server=db;User Id=sa;Password=hunter2secret;Encrypt=true",
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=hunter2secret==;EndpointSuffix=core",
        "host=db password=hunter2secret dbname=shop",
        "jdbc:mysql://db/shop?user=app&password=hunter2secret&ssl=true",
        "postgres://app:hunter2secret@db:5432/shop",
        "redis://:hunter2secret@redis:6379/0",
        "amqp://app:p@ss/hunter2secret@mq/vhost",
        "app:hunter2secret@tcp(db:3306)/shop",
        "mysql --password hunter2secret -h db",
        "helm upgrade --set auth.password=hunter2secret",
        "kubectl create secret generic x --from-literal=password=hunter2secret",
        "curl -u admin:hunter2secret http://x/",
        "curl -H 'Authorization: Basic aHVudGVyMnNlY3JldA=='",
        "Authorization: Bearer hunter2secret",
        "authorization=hunter2secret status=401",
        '"authorization": ["Bearer hunter2secret"]',
        "X-Api-Key: hunter2secret",
        "Cookie: session=hunter2secret; theme=dark",
        "ALTER USER app WITH PASSWORD 'hunter2secret'",
        "CREATE USER app IDENTIFIED BY 'hunter2secret'",
        "requirepass hunter2secret",
        "<password>hunter2secret</password>",
        "password: |\n    hunter2secret\n    hunter2secret\nnext: 1",
        "token=hunter2secret&x=1",
        "callback?access_token=hunter2secret",
        "password%3Dhunter2secret",
        "https://storage/x?X-Amz-Signature=hunter2secret&y=1",
        "client_secret: 'hunter2secret",
        '{"auths":{"reg.io":{"auth":"aHVudGVyMnNlY3JldA=="}}}',
        "//registry/:_authToken=hunter2secret",
        "apiVersion: v1\nkind: Secret\ndata:\n  username: aHVudGVyMnNlY3JldA==\ntype: Opaque",
        "kind: Secret\nstringData:\n  any.conf: |\n    hunter2secret\n  b: x\nmetadata: {}",
        '{"kind":"Secret","data":{"username":"aHVudGVyMnNlY3JldA=="}}',
        '{\n  "kind": "Secret",\n  "data": {\n    "username": "aHVudGVyMnNlY3JldA=="\n  }\n}',
    ],
)
def test_values_of_secret_names_are_masked_in_every_notation(text: str) -> None:
    masked = mask(text)
    assert MASKED in masked
    assert "hunter2secret" not in masked
    assert base64.b64encode(b"hunter2secret").decode() not in masked


@pytest.mark.parametrize(
    "token",
    [
        "xoxb-1234567890-abcdefghij",
        "xapp-1-A0000-1111-abcdef",
        "xoxe.xoxp-1-abcdefgh",
        "sk-ant-api03-abcdefghijklmnop",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuv",
        "github_pat_abcdefghijklmnopqrst",
        "glpat-abcdefghijklmnop",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "sk_live_abcdefghij",
        "hvs.CAESIabcdefghijklmnopq",
        "SG.abcdefghijklmnop.abcdefghijklmnop",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def",
        "glsa_abcdefghijklmnopqrst_1",
        "https://hooks.slack.com/services/T0/B0/xyz",
        "$2b$12$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv",
    ],
)
@pytest.mark.parametrize("around", ["{}", "found {} here", '{{"x":"{}"}}', '{{"log":"a\\n{}\\n"}}', "x={}\ny=1"])
def test_tokens_of_known_shape_are_masked_wherever_they_stand(token: str, around: str) -> None:
    assert token.rsplit("/", 1)[-1] not in mask(around.format(token))


@pytest.mark.parametrize(
    "line",
    [
        'panic: parse CART_URL: invalid port ":80a" after host',
        'error: secret "db-creds" not found',
        'MountVolume.SetUp failed for volume "default-token-x7k2p" : secret "default-token-x7k2p" not found',
        "token: invalid signature for user 5",
        "the session token: expired. retrying",
        'password authentication failed for user "postgres"',
        "token authentication failed for service account shop/checkout",
        "basic authentication is disabled, bearer token missing",
        "may require authorization: server message: insufficient_scope: authorization failed",
        "input_tokens=53211 max_tokens: 16384 output_tokens: 812",
        "secretName: db-creds",
        "    secretKeyRef:\n      name: db\n      key: password",
        "      DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false",
        "Image pull secrets:  regcred\nMountable secrets:   app-token-1\nTokens:              app-token-1",
        "automountServiceAccountToken: false",
        "serviceAccountToken: {expirationSeconds: 3607, path: token}",
        "PWD=/srv/app OLDPWD=/ PASS: TestCheckout bypass=true passed=5",
        "http://host:8080/search?mail=a@example.com",
        "ssh git@github.com:org/repo.git user@host",
        'curl -H "Authorization: Bearer $(oc create token prometheus-k8s)"',
        "token=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)",
        "password: ${DB_PASSWORD} other: {{ .Values.password }}",
        "docker run -u 1000:1000 checkout",
        '2026-11-23T02:12:01Z level=error trace=4bf92f3577b34da6a3ce929d0e0e4736 msg="GET /cart 502" took=12ms',
        "image sha256:9b2c5f1e8d7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c",
        "auth: failed for bob; auth=true",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "cache key=user:42 primary key: id keyboard: us",
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert mask(line) == line


def test_private_keys_are_masked_whole_escaped_and_cut_off() -> None:
    assert mask(f"before\n{_PEM}\nafter") == f"before\n{MASKED}\nafter"
    indented = "tls.key: |\n" + "\n".join(f"  {line}" for line in _PEM.splitlines())
    assert "MIIE" not in mask(indented)
    escaped = json.dumps({"key": _PEM, "n": 1})
    assert json.loads(mask(escaped)) == {"key": MASKED, "n": 1}
    head, tail = _PEM[:200], _PEM[200:]
    assert "lGz0" not in mask(f"{head}\nlevel=info msg=started\n")
    assert "level=info msg=started" in mask(f"{head}\nlevel=info msg=started\n")
    assert "lGz0" not in mask(f"level=info\n{tail}\nlevel=info")
    logged = "\n".join(f"2026-11-23T02:12:01Z app {line}" for line in _PEM.splitlines())
    assert "lGz0" not in mask(logged)


def test_a_manifest_stays_valid_and_keeps_its_names() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"a": "eA==", "b": "eQ=="}}
    config = {"kind": "ConfigMap", "data": {"LOG_LEVEL": "debug"}}
    masked = mask(yaml.safe_dump_all([secret, config], sort_keys=False))
    assert list(yaml.safe_load_all(masked)) == [{**secret, "data": {"a": MASKED, "b": MASKED}}, config]
    assert json.loads(mask(json.dumps(secret)))["metadata"] == {"name": "db"}


def test_known_values_are_masked_in_every_encoding() -> None:
    known = ('p"w/ä+secret', "tiny")
    encoded = base64.b64encode(known[0].encode()).decode()
    text = f"{known[0]} {json.dumps(known[0])} p%22w%2F%C3%A4%2Bsecret {encoded} tiny"
    assert mask(text, known) == f'{MASKED} "{MASKED}" {MASKED} {MASKED}{"=" * encoded.count("=")} tiny'


_NAMES = st.sampled_from(
    ["password", "api_key", "authorization", "x-api-key", "cookie", "auth", "tokens", "name", "kind", "data", "value"]
)
_TEXTS = st.sampled_from(
    ["hunter2secret", "Secret", "Bearer abc12345", "a: b", "token=abc12345", "it's \"quoted\"", "C:\\x", "postgres://a:b@c/d",
     _PEM, _PEM[:120], _PEM[90:], "DB_PASSWORD", "password: |\n  x\n", "[masked]", "İ", "x=1 -u a:b"]
)  # fmt: skip
_VALUES = st.recursive(
    _TEXTS | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from([None, 2]))
@example({"x-api-key": 12345, "a": 1}, None)
@example({"password": 123456, "tokens": [1, 2], "api_keys": ["abc", "def"]}, None)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_json_stays_json(value: object, indent: int | None) -> None:
    json.loads(mask(json.dumps(value, indent=indent)))


def test_numbers_and_lists_of_secrets_are_masked_in_json() -> None:
    masked = mask('{"password": 123456, "api_keys": ["abc", "def"], "tokens": [1, 2], "token": true}')
    assert json.loads(masked) == {"password": MASKED, "api_keys": [MASKED], "tokens": [1, 2], "token": True}


_PIECES = st.sampled_from(
    [
        "password",
        "token",
        "SECRET_KEY",
        "api-key",
        "=",
        ": ",
        '"',
        "'",
        "\\",
        "\n",
        "  ",
        "value",
        "name",
        "<",
        ">",
        "://",
        "@",
        "x",
        "abc123",
        "Bearer ",
        "Authorization: ",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "[masked]",
        "|",
        "kind: Secret",
        "data:",
        "{",
        "}",
        ",",
        "--",
        "$(",
        "İ",
        "eyJ",
        ".",
        "xoxb-12345678",
        "auth",
        "pass",
    ],
)


@given(st.lists(_PIECES, max_size=25).map("".join))
@example('authorization: server message: x"')
@settings(max_examples=300, deadline=None, derandomize=True)
def test_masking_again_changes_nothing(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "password",
        "password=",
        'password="',
        "password='\\",
        "token: ",
        "token:\n",
        "eyJ",
        "eyJ.",
        "sk-",
        "xox",
        "://",
        "://a:",
        "://a@",
        "-u a:",
        "@tcp(",
        "Bearer ",
        "bearer a",
        "authorization:",
        "x-key",
        "cookie",
        "$2b$",
        "AKIA",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nabc\n",
        "kind: Secret\n",
        "kind: Secret\ndata:\n",
        "password: |\n",
        "name: password value",
        "password   ",
        "<password>",
        "<token",
        '\\"',
        "password\\\\",
        "pass ",
        "--token ",
        "identified by '",
        "hooks.slack.com/",
        "sig=",
        "&sig=",
        " secret=a b=",
        "A_TOKEN=x y\n",
        "token-",
    ],
)
def test_time_grows_with_the_length_whatever_the_text(unit: str) -> None:
    def seconds(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        started = time.process_time()
        mask(text)
        return time.process_time() - started

    seconds(1_000)
    # Quadratic work would take 64 times as long for eight times the text; twice the linear share allows for noise.
    small = max(min(seconds(20_000) for _ in range(3)), 0.002)
    assert min(seconds(160_000) for _ in range(2)) < small * 8 * 2.5


@pytest.mark.parametrize(
    "text",
    [
        "token is xo\u200bxb-9999888\u00ad87777-ZYXWV\u2060UTSrqpo",
        "ghp_abcdefghij\x1b[31mklmnopqrstuvwxyz\x1b[0m0123456789",
        "pass\u200bword=hunter2-Zq9",
        "known-of-the-\u200dsettings",
    ],
)
def test_what_nobody_sees_hides_no_secret(text: str) -> None:
    shown = mask(text, ("known-of-the-settings",))
    assert shown.endswith(MASKED)
    assert mask(shown) == shown


def test_text_without_a_secret_keeps_what_nobody_sees() -> None:
    assert mask("right\u202e to left, \x1b[31mred\x1b[0m") == "right\u202e to left, \x1b[31mred\x1b[0m"
