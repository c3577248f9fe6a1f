"""What status tells of rollouts."""

from __future__ import annotations

from core.rolled import summed
from tests.unit.core.test_aftermath import change, incident


def test_rollouts_are_told_newest_first_with_what_came_of_them() -> None:
    changes = (
        change(version="1.8.4"), change("rollback", 6, version="1.8.3"),
        change("deploy", -60, service="search", target="Deployment/search", version="9.2.1"),
        change("scale", 3), change("deploy", 50, service=None, target="Deployment/batch", title="removed"),
    )  # fmt: skip
    found = summed(changes, (incident(1, 2),))
    assert [(r.name, r.version, r.how) for r in found] == [
        ("batch", "", "removed"), ("checkout", "1.8.3", "back"), ("checkout", "1.8.4", "broke"),
        ("search", "9.2.1", ""),
    ]  # fmt: skip
    assert [r.name for r in summed(changes, (), "Search")] == ["search"]
