"""What images do with their configuration, whatever the service and the mistake."""

from __future__ import annotations

import pytest

from sandbox.kubernetes.resources import Json
from sandbox.manifests import template
from sandbox.programs import start
from sandbox.services import BY_NAME, SERVICES, Service, is_in_registry


def container(name: str) -> Json:
    service = BY_NAME[name]
    found: Json = template(service, service.releases[-1])["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_every_release_runs_as_it_is_configured(service: Service) -> None:
    for release in service.releases:
        run = start(template(service, release)["spec"]["containers"][0])
        assert (run.ends_after_s, run.last_words) == (None, ())


@pytest.mark.parametrize(
    ("service", "variable", "value", "words"),
    [
        (
            "checkout",
            "PAYMENTS_URL",
            "http://payments:http",
            'PAYMENTS_URL: parse "http://payments:http": invalid port',
        ),
        ("payments", "ACQUIRER_URL", "https://", "ACQUIRER_URL: missing host"),
        ("catalog", "DATABASE_URL", "postgres://db:99999/x", 'DATABASE_URL: invalid port ":99999"'),
        ("storefront", "SEARCH_URL", "http://search:80 80", "SEARCH_URL: invalid port"),
    ],
)
def test_an_address_that_cannot_be_used_ends_the_program(service: str, variable: str, value: str, words: str) -> None:
    broken = container(service)
    broken["env"] = [e if e["name"] != variable else {"name": variable, "value": value} for e in broken["env"]]
    run = start(broken)
    assert (run.reason, run.exit_code > 0) == ("Error", True)
    assert words in "\n".join(run.last_words)


@pytest.mark.parametrize("service", ["checkout", "payments", "catalog", "storefront"])
def test_a_variable_that_is_gone_ends_the_program(service: str) -> None:
    broken = container(service)
    gone = broken["env"].pop(0)["name"]
    assert f"{gone}: " in "\n".join(start(broken).last_words)


def test_redis_refuses_values_that_it_does_not_know() -> None:
    broken = container("cart-redis")
    broken["args"][broken["args"].index("--maxmemory-policy") + 1] = "lru"
    words = start(broken).last_words
    assert words[0].startswith("*** FATAL CONFIG FILE ERROR")
    assert 'maxmemory-policy "lru"' in words[2]


def test_memory_decides_by_what_the_program_needs() -> None:
    for limit, reason in (("600Mi", "OOMKilled"), ("703Mi", "Completed")):
        held = container("search")
        held["resources"]["limits"]["memory"] = limit
        assert start(held).reason == reason


def test_the_registry_has_what_was_built() -> None:
    assert is_in_registry("registry.shop.example/checkout:1.8.4")
    assert not is_in_registry("registry.shop.example/checkout:1.8.5")
    assert not is_in_registry("registry.shop.example/checkuot:1.8.4")
    assert not is_in_registry("nginx")
