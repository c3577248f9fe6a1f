"""The pretend company: a shop of eight services in the namespace `shop`, and what they need of one another.

Everything about them is written here once; the cluster's objects, the metrics, the logs and the service map follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NAMESPACE = "shop"
REGISTRY = "registry.shop.example"
CALLED_FROM_OUTSIDE = "storefront"
VISITS_RPS = 120.0  # requests a second that arrive at the storefront on an average hour


@dataclass(frozen=True)
class Call:
    """That one service calls another: how often for each request, and what share of requests fails without it."""

    to: str
    per_request: float
    needed: float


@dataclass(frozen=True)
class Release:
    """One revision of a workload, and how long before the company's start it was rolled out."""

    tag: str
    hours_ago: float
    note: str


@dataclass(frozen=True)
class Service:
    """One service. Amounts are for one pod, in its normal state at an average load."""

    name: str
    kind: Literal["Deployment", "StatefulSet"]
    software: Literal["go", "node", "java", "python", "redis", "postgres"]
    replicas: int
    port: int
    releases: tuple[Release, ...]  # oldest first; the last one runs
    memory_mib: int  # what the process needs once it is warm
    memory_limit_mib: int
    cpu_request_m: int
    cpu_limit_m: int
    ready_after_s: float
    capacity_rps: float
    latency_s: float  # its own share of the median, without what it calls
    error_ratio: float = 0.001
    calls: tuple[Call, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    args: tuple[str, ...] = ()
    max_unavailable: str = "25%"
    recreate: bool = False
    state: Literal["none", "memory", "persistent"] = "none"
    tags: tuple[str, ...] = ()
    team: str = "S0SHOP"

    @property
    def repository(self) -> str:
        return f"{REGISTRY}/{self.name}"

    @property
    def image(self) -> str:
        return f"{self.repository}:{self.releases[-1].tag}"

    @property
    def speaks_http(self) -> bool:
        return self.software not in ("redis", "postgres")


SERVICES = (
    Service(
        "storefront", "Deployment", "node", replicas=3, port=8080,
        releases=(
            Release("4.10.2", 431, "release 4.10.2: new product page"),
            Release("4.11.0", 170, "release 4.11.0: gift cards"),
            Release("4.11.1", 96.5, "release 4.11.1: fix currency rounding"),
        ),
        memory_mib=212, memory_limit_mib=384, cpu_request_m=250, cpu_limit_m=1000, ready_after_s=1.0,
        capacity_rps=62, latency_s=0.045, calls=(Call("catalog", 0.9, 0.25), Call("search", 0.3, 0.05),
                                                 Call("checkout", 0.2, 0.2)),
        env=(("NODE_ENV", "production"), ("CATALOG_URL", "http://catalog:8080"), ("SEARCH_URL", "http://search:8080"),
             ("CHECKOUT_URL", "http://checkout:8080"), ("LOG_LEVEL", "info")),
        tags=("tier1",),
    ),
    Service(
        "checkout", "Deployment", "go", replicas=4, port=8080,
        releases=(
            Release("1.8.1", 390, "release 1.8.1: vouchers"),
            Release("1.8.2", 122, "release 1.8.2: retry declined cards once"),
            Release("1.8.3", 27.4, "release 1.8.3: smaller image"),
        ),
        memory_mib=94, memory_limit_mib=256, cpu_request_m=200, cpu_limit_m=500, ready_after_s=0.5,
        capacity_rps=9.5, latency_s=0.06, error_ratio=0.002,
        calls=(Call("cart-redis", 2.0, 0.85), Call("payments", 0.45, 0.45), Call("catalog", 0.3, 0.0)),
        env=(("CART_ADDR", "cart-redis:6379"), ("PAYMENTS_URL", "http://payments:8080"),
             ("CATALOG_URL", "http://catalog:8080"), ("PAYMENTS_TIMEOUT", "2s")),
        max_unavailable="50%", tags=("tier1",),
    ),
    Service(
        "payments", "Deployment", "java", replicas=2, port=8080,
        releases=(
            Release("3.2.0", 720, "release 3.2.0: new acquirer"),
            Release("3.2.1", 214, "release 3.2.1: security patches"),
        ),
        memory_mib=540, memory_limit_mib=1024, cpu_request_m=300, cpu_limit_m=1000, ready_after_s=2.0,
        capacity_rps=18, latency_s=0.11, calls=(Call("orders-db", 3.0, 1.0),),
        env=(("ORDERS_DB_HOST", "orders-db"), ("ACQUIRER_URL", "https://acquirer.example/v2"),
             ("JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=75")),
        tags=("tier1", "payment-pipeline"), team="S0PAY",
    ),
    Service(
        "catalog", "Deployment", "python", replicas=3, port=8080,
        releases=(
            Release("9.1.4", 260, "release 9.1.4: faster listings"),
            Release("9.2.0", 51, "release 9.2.0: price history"),
            Release("9.2.1", 2.2, "release 9.2.1: log less"),
        ),
        memory_mib=188, memory_limit_mib=384, cpu_request_m=250, cpu_limit_m=1000, ready_after_s=1.0,
        capacity_rps=70, latency_s=0.025, calls=(Call("orders-db", 0.3, 0.3),),
        env=(("DATABASE_URL", "postgres://catalog:kx81-mira-reads@orders-db:5432/catalog"), ("WEB_CONCURRENCY", "4")),
    ),
    Service(
        "search", "Deployment", "java", replicas=2, port=8080,
        releases=(
            Release("6.0.3", 300, "release 6.0.3: synonyms"),
            Release("6.1.0", 75, "release 6.1.0: new ranking"),
        ),
        memory_mib=702, memory_limit_mib=1024, cpu_request_m=400, cpu_limit_m=2000, ready_after_s=2.0,
        capacity_rps=32, latency_s=0.07, env=(("INDEX_PATH", "/var/index"), ("JAVA_TOOL_OPTIONS", "-Xmx640m")),
        max_unavailable="1",
    ),
    Service(
        "cart-redis", "Deployment", "redis", replicas=1, port=6379,
        releases=(Release("7.2.3", 1100, "redis 7.2.3"), Release("7.2.4", 650, "redis 7.2.4")),
        memory_mib=118, memory_limit_mib=256, cpu_request_m=100, cpu_limit_m=500, ready_after_s=0.4,
        capacity_rps=4000, latency_s=0.001, error_ratio=0.0,
        args=("--maxmemory", "160mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "yes",
              "--appendfsync", "everysec"),
        recreate=True, state="memory",
    ),
    Service(
        "orders-db", "StatefulSet", "postgres", replicas=1, port=5432,
        releases=(Release("15.6", 2100, "postgres 15.6"),),
        memory_mib=610, memory_limit_mib=2048, cpu_request_m=500, cpu_limit_m=2000, ready_after_s=1.5,
        capacity_rps=2000, latency_s=0.004, error_ratio=0.0,
        env=(("PGDATA", "/var/lib/postgresql/data/pgdata"),), state="persistent", tags=("tier1",), team="S0DATA",
    ),
)  # fmt: skip
BY_NAME = {s.name: s for s in SERVICES}

BATCH = "batch"  # the eighth service: no requests, but a job that brings stock levels up to date
BATCH_CRONJOB = "stock-sync"
BATCH_EVERY_MIN = 15
BATCH_IMAGE = f"{REGISTRY}/stock-sync:2.4.0"
BATCH_TAKES_S = 24.0

# What the registry holds beside the releases above: built, and not yet rolled out before the company's start.
NEXT_TAGS = {"storefront": ("4.12.0",), "checkout": ("1.8.4",), "payments": ("3.3.0",), "catalog": ("9.3.0",),
             "search": ("6.1.1",), "cart-redis": ("7.2.5",)}  # fmt: skip


def service_of(image: str) -> Service | None:
    """The service whose repository this image is from."""
    return next((s for s in SERVICES if image.rpartition(":")[0] == s.repository), None)


def is_in_registry(image: str) -> bool:
    """Whether the image can be pulled."""
    service = service_of(image)
    if service is None:
        return image in (BATCH_IMAGE, COREDNS_IMAGE, TENANT_IMAGE)
    tags = {r.tag for r in service.releases} | set(NEXT_TAGS.get(service.name, ()))
    return image.rpartition(":")[2] in tags


TENANT_IMAGE = f"{REGISTRY}/tenant-shop:5.0.1"
COREDNS_IMAGE = "registry.k8s.io/coredns/coredns:v1.10.1"
