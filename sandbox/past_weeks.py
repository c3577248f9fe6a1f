"""Four weeks that the pretend company had before it was opened: what digests compare with. Written by the real stores,
and every id says that it was made up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from core.change_events import ChangeEvent
from core.firings import Firing
from core.observation import FieldChange
from core.records import Records

DAYS = 28
_SEED = 20  # any; the same weeks each time
_SHIPPED = ("storefront", "search", "catalog", "batch", "checkout")
NOISY, FLAPPING = "KubePodNotReady", "HighLatency"  # rules that the company's Prometheus has


def seed(records: Records) -> None:
    """Fill the weeks up to now. Safe to repeat within a day."""
    now = records.now()
    records.firings.note(firings(now))
    for event in deploys(now):
        records.changes.note(event)
    records.changes.note(
        ChangeEvent(id="sandbox-certificate", kind="certificate", at=now - timedelta(days=1), namespace="shop",
                    target="Certificate/shop.example", title="ends in 9 days", due=now + timedelta(days=9, hours=4))
    )  # fmt: skip


def firings(now: datetime) -> Iterator[Firing]:
    """Pods of the batch that take minutes to start, some seven times a day; a search that is slow for hours, but for a
    minute or two in between. All went by themselves."""
    chance = random.Random(_SEED)
    for day in range(DAYS, 0, -1):
        midnight = now - timedelta(days=day)
        for number in range(chance.randint(5, 9) if day > 1 else 31):
            begin = midnight + timedelta(minutes=chance.uniform(0, 1380))
            lasted_s = chance.uniform(30, 340) if number % 15 else chance.uniform(700, 1500)
            yield _firing(NOISY, "batch", begin, lasted_s, f"sandbox-{day}-{number}")
        begin = midnight + timedelta(hours=11)
        for _ in range(chance.randint(2, 4)):
            yield _firing(FLAPPING, "search", begin, 3900, "sandbox-search")
            begin += timedelta(seconds=3900 + chance.uniform(60, 170))


def deploys(now: datetime) -> Iterator[ChangeEvent]:
    """Two a day, of which nothing came."""
    chance = random.Random(_SEED)
    for day in range(DAYS, 0, -1):
        for turn in (5, 8):
            service, patch = chance.choice(_SHIPPED), DAYS - day
            image = FieldChange(
                field="image", verb="changed", before=f"shop/{service}:1.{patch}.0", after=f"shop/{service}:1.{patch}.1"
            )
            yield ChangeEvent(
                id=f"sandbox-{day}-{turn}", kind="deploy", at=now - timedelta(days=day) + timedelta(hours=turn),
                namespace="shop", target=f"Deployment/{service}", service=service, fields=(image,),
                title=f"image 1.{patch}.0 → 1.{patch}.1", version=f"1.{patch}.1", by="jonas",
            )  # fmt: skip


def _firing(alert: str, service: str, begin: datetime, lasted_s: float, fingerprint: str) -> Firing:
    began = begin.timestamp()
    return Firing(
        alert=alert, service=service, severity="SEV3", cluster="", incident="", fingerprint=fingerprint,
        began=began, ended=began + lasted_s,
    )  # fmt: skip
