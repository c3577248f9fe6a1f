from dataclasses import replace
from pathlib import Path

from core.records import Records
from core.service_map import Edge
from core.settings import Config, Service
from tests.conftest import NOON
from tests.unit.core.test_backstage import CHECKOUT, write
from workers.checkup_map import said_of_map


def with_config(records: Records, config: Config) -> Records:
    return replace(records, settings=records.settings.model_copy(update={"config": config}))


def test_what_was_written_and_seen_is_counted_and_what_nobody_knows_is_named(records: Records, tmp_path: Path) -> None:
    services = {"checkout": Service(namespace="shop", depends_on=("payments",)), "payments": Service(namespace="shop"),
                "mail": Service(namespace="shop"), "cron": Service(depends_on=())}  # fmt: skip
    config = Config(services=services, backstage=(write(tmp_path, CHECKOUT),))
    seen = Edge(caller="shop/payments", called="shop/bank", source="Istio", at=NOON.timestamp())
    records.learned.note("", [seen], NOON.timestamp())
    assert list(said_of_map(with_config(records, config))) == [
        (True, "4 services (4 described by Backstage), 1 call written, 1 more seen by Istio"),
        (False, "nobody wrote or saw what calls mail or is called by it, so a repair counts nothing downstream; write "
                "depends_on, if only as []."),
        (False, "Backstage's files name component:gone, of which they have no description."),
    ]  # fmt: skip


def test_without_a_catalogue_it_says_so(records: Records) -> None:
    said = "no service is listed (services in SRE_CONFIG), so the map is only what is seen."
    assert list(said_of_map(records)) == [(False, said)]
