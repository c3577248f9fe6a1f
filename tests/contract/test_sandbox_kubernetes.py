"""The official Kubernetes client against the sandbox's API: what is read, written and refused, and how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

from sandbox.company import READ_CONTEXT, WRITE_CONTEXT, Company, running, wait_until
from sandbox.faults import BAD_DEPLOY, IMAGE_TYPO
from sandbox.services import SERVICES

SPEED = 10.0


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with running(tmp_path_factory.mktemp("company"), speed=SPEED) as company:
        yield company


@pytest.fixture(autouse=True)
def _mended(company: Company) -> Iterator[None]:
    yield
    company.heal()
    wait_until(lambda: all(company.world.ready()[s.name] == s.replicas for s in SERVICES))


def api(company: Company, context: str) -> client.ApiClient:
    return config.new_client_from_config(str(company.kubeconfig), context)


@pytest.fixture
def reader(company: Company) -> Iterator[client.ApiClient]:
    with api(company, READ_CONTEXT) as found:
        yield found


@pytest.fixture
def operator(company: Company) -> Iterator[client.ApiClient]:
    with api(company, WRITE_CONTEXT) as found:
        yield found


def refusal(raised: pytest.ExceptionInfo[ApiException]) -> tuple[int, str, str]:
    """Code, reason and message of a refusal, from its Status object."""
    body = json.loads(raised.value.body)
    assert (body["kind"], body["apiVersion"], body["status"]) == ("Status", "v1", "Failure")
    assert body["code"] == raised.value.status
    return body["code"], body["reason"], body["message"]


def test_version_and_discovery(reader: client.ApiClient) -> None:
    assert client.VersionApi(reader).get_code().git_version == "v1.28.9"
    groups = {g.name: g.preferred_version.group_version for g in client.ApisApi(reader).get_api_versions().groups}
    assert groups["apps"] == "apps/v1"
    assert groups["autoscaling"] == "autoscaling/v2"
    resources = {r.name: r for r in client.AppsV1Api(reader).get_api_resources().resources}
    assert resources["deployments"].kind == "Deployment"
    assert "deploy" in resources["deployments"].short_names
    assert "deployments/scale" in resources


def test_typed_lists_of_every_kind_are_read(reader: client.ApiClient) -> None:
    core, apps = client.CoreV1Api(reader), client.AppsV1Api(reader)
    assert {p.metadata.namespace for p in core.list_pod_for_all_namespaces().items} == {"shop", "kube-system"}
    assert [n.metadata.name for n in core.list_node().items] == ["node-1", "node-2", "node-3"]
    assert all(d.status.ready_replicas == d.spec.replicas for d in apps.list_deployment_for_all_namespaces().items)
    assert apps.list_namespaced_stateful_set("shop").items[0].metadata.name == "orders-db"
    assert core.list_namespaced_endpoints("shop").items[0].subsets[0].addresses
    assert client.BatchV1Api(reader).list_namespaced_cron_job("shop").items[0].spec.schedule == "*/15 * * * *"
    (autoscaler,) = client.AutoscalingV2Api(reader).list_namespaced_horizontal_pod_autoscaler("shop").items
    assert autoscaler.status.current_replicas == autoscaler.status.desired_replicas == 2
    (budget,) = client.PolicyV1Api(reader).list_namespaced_pod_disruption_budget("shop").items
    assert budget.status.disruptions_allowed == 2
    assert client.NetworkingV1Api(reader).list_namespaced_ingress("shop").items[0].spec.rules[0].host == "shop.example"
    assert client.DiscoveryV1Api(reader).list_namespaced_endpoint_slice("shop").items
    claim = core.list_namespaced_persistent_volume_claim("shop").items[0]
    assert claim.status.phase == "Bound"
    usage = client.CustomObjectsApi(reader).list_namespaced_custom_object("metrics.k8s.io", "v1beta1", "shop", "pods")
    assert usage["items"][0]["containers"][0]["usage"]["memory"].endswith("Ki")


def test_lists_come_in_pages(reader: client.ApiClient) -> None:
    core = client.CoreV1Api(reader)
    whole = [p.metadata.name for p in core.list_namespaced_pod("shop").items]
    first = core.list_namespaced_pod("shop", limit=7)
    assert first.metadata.remaining_item_count == len(whole) - 7
    names, token = [p.metadata.name for p in first.items], first.metadata._continue
    while token:
        page = core.list_namespaced_pod("shop", limit=7, _continue=token)
        names += [p.metadata.name for p in page.items]
        token = page.metadata._continue
    assert names == whole


def test_an_old_continue_token_is_gone_and_a_broken_one_is_refused(
    company: Company, reader: client.ApiClient, operator: client.ApiClient
) -> None:
    core = client.CoreV1Api(reader)
    token = core.list_namespaced_pod("shop", limit=2).metadata._continue
    changes, kept = company.world.objects.changes, list(company.world.objects.changes)
    for value in ("1", "2", "3"):
        client.AppsV1Api(operator).patch_namespaced_deployment(
            "catalog", "shop", {"metadata": {"labels": {"x": value}}}
        )
    wait_until(lambda: changes[-1].version > kept[-1].version)
    while len(changes) > 1:
        changes.popleft()
    with pytest.raises(ApiException) as raised:
        core.list_namespaced_pod("shop", limit=2, _continue=token)
    assert refusal(raised)[:2] == (410, "Expired")
    with pytest.raises(ApiException) as raised:
        core.list_namespaced_pod("shop", limit=2, _continue="%%%")
    assert refusal(raised)[:2] == (400, "BadRequest")


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        ({"label_selector": "app=checkout"}, {"checkout"}),
        ({"label_selector": "app in (checkout, search),app!=search"}, {"checkout"}),
        ({"label_selector": "statefulset.kubernetes.io/pod-name"}, {"orders-db"}),
        # The batch runs by the clock, so its pods may or may not be there.
        ({"label_selector": "!app.kubernetes.io/part-of,app!=batch", "field_selector": "status.phase=Running"}, set()),
        ({"field_selector": "metadata.name=orders-db-0"}, {"orders-db"}),
        ({"label_selector": "app!=batch", "field_selector": "status.phase=Pending"}, set()),
        (
            {"label_selector": "app notin (checkout,batch,catalog,storefront,search,payments)"},
            {"cart-redis", "orders-db"},
        ),
    ],
)
def test_selectors(reader: client.ApiClient, selectors: dict[str, str], names: set[str]) -> None:
    found = client.CoreV1Api(reader).list_namespaced_pod("shop", **selectors).items
    assert {p.metadata.labels["app"] for p in found} == names


@pytest.mark.parametrize("selectors", [{"field_selector": "spec.color=red"}, {"label_selector": "a=b=c"}])
def test_selectors_that_cannot_be_read_are_refused(reader: client.ApiClient, selectors: dict[str, str]) -> None:
    with pytest.raises(ApiException) as raised:
        client.CoreV1Api(reader).list_namespaced_pod("shop", **selectors)
    assert refusal(raised)[:2] == (400, "BadRequest")


def test_what_is_not_there_is_not_found(reader: client.ApiClient) -> None:
    with pytest.raises(ApiException) as raised:
        client.AppsV1Api(reader).read_namespaced_deployment("basket", "shop")
    assert refusal(raised) == (404, "NotFound", 'deployments.apps "basket" not found')
    with pytest.raises(ApiException) as raised:
        client.CustomObjectsApi(reader).list_namespaced_custom_object("argoproj.io", "v1alpha1", "shop", "rollouts")
    assert raised.value.status == 404


def test_the_reader_reads_no_secrets_and_writes_nothing(reader: client.ApiClient) -> None:
    who = "system:serviceaccount:sre:reader"
    with pytest.raises(ApiException) as raised:
        client.CoreV1Api(reader).list_namespaced_secret("shop")
    place = 'in API group "" in the namespace "shop"'
    message = f'secrets is forbidden: User "{who}" cannot list resource "secrets" {place}'
    assert refusal(raised) == (403, "Forbidden", message)
    with pytest.raises(ApiException) as raised:
        client.CoreV1Api(reader).delete_namespaced_pod("orders-db-0", "shop")
    message = f'pods "orders-db-0" is forbidden: User "{who}" cannot delete resource "pods" {place}'
    assert refusal(raised) == (403, "Forbidden", message)


def test_the_operator_repairs_its_namespace_only(operator: client.ApiClient) -> None:
    with pytest.raises(ApiException) as raised:
        client.AppsV1Api(operator).patch_namespaced_deployment("coredns", "kube-system", {"spec": {"replicas": 1}})
    assert refusal(raised)[:2] == (403, "Forbidden")
    with pytest.raises(ApiException) as raised:
        client.CoreV1Api(operator).read_namespaced_secret("acquirer-key", "shop")
    assert refusal(raised)[:2] == (403, "Forbidden")


def test_who_may_do_what_can_be_asked(reader: client.ApiClient, operator: client.ApiClient) -> None:
    def may(of: client.ApiClient, verb: str, resource: str, subresource: str | None = None) -> bool:
        attributes = client.V1ResourceAttributes(
            verb=verb, resource=resource, subresource=subresource, namespace="shop"
        )
        body = client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
        )
        answer = client.AuthorizationV1Api(of).create_self_subject_access_review(body)
        return bool(answer.status.allowed)

    assert may(reader, "get", "pods", "log")
    assert not may(reader, "get", "secrets")
    assert not may(reader, "delete", "pods")
    assert may(operator, "delete", "pods")
    assert may(operator, "create", "pods", "eviction")


def test_a_wrong_token_and_none_are_told_apart(company: Company) -> None:
    settings = client.Configuration(host=company.kube_url)
    settings.verify_ssl = True
    content = config.new_client_from_config(str(company.kubeconfig), READ_CONTEXT).configuration
    settings.ssl_ca_cert = content.ssl_ca_cert
    with client.ApiClient(settings) as anonymous, pytest.raises(ApiException) as raised:
        client.CoreV1Api(anonymous).list_namespaced_pod("shop")
    assert refusal(raised)[:2] == (403, "Forbidden")
    settings.api_key = {"BearerToken": "Bearer nobody"}
    with client.ApiClient(settings) as wrong, pytest.raises(ApiException) as raised:
        client.CoreV1Api(wrong).list_namespaced_pod("shop")
    assert refusal(raised) == (401, "Unauthorized", "Unauthorized")


def crashing(company: Company) -> str:
    """The name of a pod of the new release of checkout that has crashed more than once."""
    for pod in company.world.pods_of("checkout"):
        statuses = pod["status"].get("containerStatuses") or [{"restartCount": 0}]
        if statuses[0]["restartCount"] and "waiting" in statuses[0]["state"]:
            return str(pod["metadata"]["name"])
    return ""


def test_logs_of_now_of_the_run_before_and_their_tail(company: Company, reader: client.ApiClient) -> None:
    core = client.CoreV1Api(reader)
    company.inject(BAD_DEPLOY)
    name = wait_until(lambda: crashing(company))
    before = core.read_namespaced_pod_log(name, "shop", container="checkout", previous=True)
    assert 'panic: config: CART_URL: parse "redis://cart-redis:80a/0": invalid port ":80a" after host' in before
    tail = core.read_namespaced_pod_log(name, "shop", container="checkout", previous=True, tail_lines=2)
    assert tail.splitlines() == before.splitlines()[-2:]
    stamped = core.read_namespaced_pod_log(name, "shop", container="checkout", timestamps=True, tail_lines=1)
    assert stamped.partition("Z ")[2] == "exit status 2\n"
    healthy = core.list_namespaced_pod("shop", label_selector="app=catalog").items[0].metadata.name
    assert "GET /products/" in core.read_namespaced_pod_log(healthy, "shop", since_seconds=60)
    assert len(core.read_namespaced_pod_log(healthy, "shop", limit_bytes=100)) == 100


def test_logs_that_there_are_none_of_say_why(company: Company, reader: client.ApiClient) -> None:
    core = client.CoreV1Api(reader)
    for arguments, words in (
        ({"previous": True}, 'previous terminated container "postgres"'),
        ({"container": "nginx"}, "container nginx is not valid for pod orders-db-0"),
    ):
        with pytest.raises(ApiException) as raised:
            core.read_namespaced_pod_log("orders-db-0", "shop", **arguments)
        code, _, message = refusal(raised)
        assert (code, message) == (400, message.replace("orders-db ", "")) and words.split('"')[0] in message
    company.inject(IMAGE_TYPO)
    pod = wait_until(lambda: next((p for p in company.world.pods_of("storefront") if _unpulled(p)), None))
    with pytest.raises(ApiException) as raised:
        core.read_namespaced_pod_log(pod["metadata"]["name"], "shop")
    assert refusal(raised)[2].endswith("is waiting to start: trying and failing to pull image")


def _unpulled(pod: dict[str, Any]) -> bool:
    statuses = pod["status"].get("containerStatuses") or [{"state": {}}]
    return bool(statuses[0]["state"].get("waiting", {}).get("reason") == "ImagePullBackOff")


def test_events_of_one_object(company: Company, reader: client.ApiClient) -> None:
    company.inject(BAD_DEPLOY)
    name = wait_until(lambda: crashing(company))
    chosen = f"involvedObject.name={name},type=Warning"
    (event,) = client.CoreV1Api(reader).list_namespaced_event("shop", field_selector=chosen).items
    assert (event.reason, event.involved_object.kind, event.source.component) == ("BackOff", "Pod", "kubelet")


def test_the_three_patches_change_what_they_say(operator: client.ApiClient) -> None:
    apps = client.AppsV1Api(operator)
    env = [{"name": "checkout", "env": [{"name": "PAYMENTS_TIMEOUT", "value": "3s"}, {"name": "NEW", "value": "1"}]}]
    before = apps.read_namespaced_deployment("checkout", "shop").spec.template.spec.containers[0].env
    body = {"spec": {"template": {"spec": {"containers": env}}}}
    after = apps.patch_namespaced_deployment("checkout", "shop", body, dry_run="All")
    values = {e.name: e.value for e in after.spec.template.spec.containers[0].env}
    assert values == {e.name: e.value for e in before} | {"PAYMENTS_TIMEOUT": "3s", "NEW": "1"}

    removed = [{"name": "checkout", "env": [{"name": "PAYMENTS_TIMEOUT", "$patch": "delete"}]}]
    body = {"spec": {"template": {"spec": {"containers": removed}}}}
    after = apps.patch_namespaced_deployment("checkout", "shop", body, dry_run="All")
    assert "PAYMENTS_TIMEOUT" not in {e.name for e in after.spec.template.spec.containers[0].env}

    path = "/spec/template/spec/containers/0/image"
    operations = [{"op": "test", "path": "/spec/replicas", "value": 4}, {"op": "replace", "path": path, "value": "a:b"}]
    after = apps.patch_namespaced_deployment("checkout", "shop", operations, dry_run="All")
    assert after.spec.template.spec.containers[0].image == "a:b"
    operations = [{"op": "test", "path": "/spec/replicas", "value": 5}]
    with pytest.raises(ApiException) as raised:
        apps.patch_namespaced_deployment("checkout", "shop", operations)
    assert refusal(raised)[0] == 400

    settings = operator.configuration
    token = settings.get_api_key_with_prefix("BearerToken")
    merged = requests.patch(
        f"{settings.host}/apis/apps/v1/namespaces/shop/deployments/checkout?dryRun=All",
        data=json.dumps({"metadata": {"labels": {"app": None, "team": "shop"}}}),
        headers={"Content-Type": "application/merge-patch+json", "Authorization": token},
        verify=settings.ssl_ca_cert, timeout=5,
    ).json()  # fmt: skip
    assert merged["metadata"]["labels"] == {"team": "shop"}


def test_a_dry_run_says_what_would_be_and_changes_nothing(company: Company, operator: client.ApiClient) -> None:
    apps = client.AppsV1Api(operator)
    before = apps.read_namespaced_deployment("search", "shop")
    would = apps.patch_namespaced_deployment("search", "shop", {"spec": {"replicas": 3}}, dry_run="All")
    assert (would.spec.replicas, would.metadata.generation) == (3, before.metadata.generation + 1)
    now = apps.read_namespaced_deployment("search", "shop")
    assert (now.spec.replicas, now.metadata.generation) == (2, before.metadata.generation)
    pod = company.world.pods_of("search")[0]["metadata"]["name"]
    client.CoreV1Api(operator).delete_namespaced_pod(pod, "shop", dry_run="All")
    assert client.CoreV1Api(operator).read_namespaced_pod(pod, "shop").metadata.deletion_timestamp is None


def test_a_stale_write_is_a_conflict(operator: client.ApiClient) -> None:
    apps = client.AppsV1Api(operator)
    stale = apps.read_namespaced_deployment("catalog", "shop")
    apps.patch_namespaced_deployment("catalog", "shop", {"metadata": {"annotations": {"by": "somebody"}}})
    with pytest.raises(ApiException) as raised:
        apps.replace_namespaced_deployment("catalog", "shop", stale)
    code, reason, message = refusal(raised)
    assert (code, reason) == (409, "Conflict")
    assert message.startswith(
        'Operation cannot be fulfilled on deployments.apps "catalog": the object has been modified'
    )
    body = {"metadata": {"resourceVersion": stale.metadata.resource_version}, "spec": {"replicas": 1}}
    with pytest.raises(ApiException) as raised:
        apps.patch_namespaced_deployment("catalog", "shop", body)
    assert refusal(raised)[:2] == (409, "Conflict")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"spec": {"replicas": -1}}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, "field is immutable"),
        ({"spec": {"template": {"spec": {"containers": [{"name": "search", "image": ""}]}}}}, "Required value"),
        (
            {
                "spec": {
                    "template": {
                        "spec": {"containers": [{"name": "search", "resources": {"limits": {"memory": "1Q"}}}]}
                    }
                }
            },
            "quantities must match",
        ),
        (
            {
                "spec": {
                    "template": {
                        "spec": {"containers": [{"name": "search", "resources": {"limits": {"memory": "1Mi"}}}]}
                    }
                }
            },
            "must be less than or equal to memory limit of 1Mi",
        ),
    ],
)
def test_what_is_not_valid_is_not_stored(operator: client.ApiClient, body: dict[str, Any], words: str) -> None:
    with pytest.raises(ApiException) as raised:
        client.AppsV1Api(operator).patch_namespaced_deployment("search", "shop", body)
    code, reason, message = refusal(raised)
    assert (code, reason) == (422, "Invalid")
    assert message.startswith('Deployment.apps "search" is invalid: ')
    assert words in message


def test_scaling_by_the_subresource(company: Company, operator: client.ApiClient) -> None:
    apps = client.AppsV1Api(operator)
    assert apps.read_namespaced_deployment_scale("search", "shop").spec.replicas == 2
    scaled = apps.patch_namespaced_deployment_scale("search", "shop", {"spec": {"replicas": 3}})
    assert (scaled.kind, scaled.spec.replicas) == ("Scale", 3)
    wait_until(lambda: company.world.ready()["search"] == 3)
    apps.patch_namespaced_deployment_scale("search", "shop", {"spec": {"replicas": 2}})
    wait_until(lambda: company.world.ready()["search"] == 2)


def test_rolling_back_by_the_template_of_an_older_revision(company: Company, operator: client.ApiClient) -> None:
    apps = client.AppsV1Api(operator)
    company.inject(BAD_DEPLOY)
    wait_until(lambda: crashing(company))
    sets = apps.list_namespaced_replica_set("shop", label_selector="app=checkout").items
    number = "deployment.kubernetes.io/revision"
    good = next(s for s in sets if s.spec.template.spec.containers[0].image.endswith(":1.8.3"))
    newest = max(int(s.metadata.annotations[number]) for s in sets)
    template = operator.sanitize_for_serialization(good.spec.template)
    del template["metadata"]["labels"]["pod-template-hash"]
    operations = [{"op": "replace", "path": "/spec/template", "value": template}]
    apps.patch_namespaced_deployment("checkout", "shop", operations)
    wait_until(lambda: apps.read_namespaced_replica_set(good.metadata.name, "shop").status.ready_replicas == 4)
    again = apps.read_namespaced_replica_set(good.metadata.name, "shop")
    assert again.metadata.annotations[number] == str(newest + 1)


def test_a_deleted_pod_is_replaced(company: Company, operator: client.ApiClient) -> None:
    core = client.CoreV1Api(operator)
    gone = company.world.pods_of("payments")[0]["metadata"]["name"]
    answered = core.delete_namespaced_pod(gone, "shop")
    assert answered.metadata.deletion_timestamp is not None
    names = wait_until(lambda: {p["metadata"]["name"] for p in company.world.pods_of("payments")} - {gone})
    wait_until(lambda: gone not in {p["metadata"]["name"] for p in company.world.pods_of("payments")})
    assert names
    with pytest.raises(ApiException) as raised:
        core.delete_namespaced_pod(gone, "shop")
    assert refusal(raised)[:2] == (404, "NotFound")


def test_eviction_heeds_the_disruption_budget(company: Company, operator: client.ApiClient) -> None:
    core = client.CoreV1Api(operator)
    company.inject(BAD_DEPLOY)  # leaves 2 ready pods of checkout, as many as its budget demands
    wait_until(lambda: crashing(company))
    wait_until(lambda: not company.world.objects.list("poddisruptionbudgets")[0]["status"]["disruptionsAllowed"])
    healthy = next(p for p in company.world.pods_of("checkout") if p["status"]["containerStatuses"][0]["ready"])
    name = healthy["metadata"]["name"]
    body = client.V1Eviction(metadata=client.V1ObjectMeta(name=name, namespace="shop"))
    with pytest.raises(ApiException) as raised:
        core.create_namespaced_pod_eviction(name, "shop", body)
    assert refusal(raised)[:2] == (429, "TooManyRequests")
    other = company.world.pods_of("catalog")[0]["metadata"]["name"]
    body = client.V1Eviction(metadata=client.V1ObjectMeta(name=other, namespace="shop"))
    core.create_namespaced_pod_eviction(other, "shop", body)
    wait_until(lambda: other not in {p["metadata"]["name"] for p in company.world.pods_of("catalog")})


def test_a_node_is_cordoned_and_uncordoned(operator: client.ApiClient) -> None:
    core = client.CoreV1Api(operator)
    assert core.patch_node("node-2", {"spec": {"unschedulable": True}}).spec.unschedulable is True
    assert core.patch_node("node-2", {"spec": {"unschedulable": None}}).spec.unschedulable is None


def test_a_job_is_started_by_hand(company: Company, operator: client.ApiClient) -> None:
    batch = client.BatchV1Api(operator)
    template = batch.read_namespaced_cron_job("stock-sync", "shop").spec.job_template.spec
    body = client.V1Job(metadata=client.V1ObjectMeta(name="stock-sync-by-hand"), spec=template)
    batch.create_namespaced_job("shop", body)
    with pytest.raises(ApiException) as raised:
        batch.create_namespaced_job("shop", body)
    assert refusal(raised) == (409, "AlreadyExists", 'jobs.batch "stock-sync-by-hand" already exists')
    wait_until(lambda: batch.read_namespaced_job("stock-sync-by-hand", "shop").status.succeeded == 1)
    batch.delete_namespaced_job("stock-sync-by-hand", "shop")
    pods = "job-name=stock-sync-by-hand"
    wait_until(lambda: not client.CoreV1Api(operator).list_namespaced_pod("shop", label_selector=pods).items)


def test_a_watch_tells_what_changes_and_what_no_longer_matches(company: Company, reader: client.ApiClient) -> None:
    core = client.CoreV1Api(reader)
    version = core.list_namespaced_pod("shop").metadata.resource_version
    company.inject(BAD_DEPLOY)
    seen = []
    for event in watch.Watch().stream(
        core.list_namespaced_pod, "shop", label_selector="app=checkout", resource_version=version, timeout_seconds=10
    ):
        seen.append((event["type"], event["object"].metadata.labels["app"]))
        if ("DELETED", "checkout") in seen:
            break
    assert {kind for kind, _ in seen} == {"ADDED", "MODIFIED", "DELETED"}
    assert {app for _, app in seen} == {"checkout"}


def test_a_watch_from_before_what_is_kept_is_gone(reader: client.ApiClient) -> None:
    with pytest.raises(ApiException) as raised:
        for _ in watch.Watch().stream(
            client.CoreV1Api(reader).list_namespaced_pod, "shop", resource_version="1", timeout_seconds=5
        ):
            pass
    assert raised.value.status == 410


def test_kubectl_gets_the_tables_it_prints(company: Company, reader: client.ApiClient) -> None:
    settings = reader.configuration
    company.inject(BAD_DEPLOY)
    name = wait_until(lambda: crashing(company))
    token = settings.get_api_key_with_prefix("BearerToken")
    headers = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "Authorization": token}
    address = f"{settings.host}/api/v1/namespaces/shop/pods"
    answer = requests.get(address, headers=headers, verify=settings.ssl_ca_cert, timeout=5).json()
    assert (answer["kind"], answer["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [c["name"] for c in answer["columnDefinitions"]][:4] == ["Name", "Ready", "Status", "Restarts"]
    row = next(r for r in answer["rows"] if r["object"]["metadata"]["name"] == name)
    assert row["cells"][:3] == [name, "0/1", "CrashLoopBackOff"]
    for kind in ("nodes", "namespaces"):
        found = requests.get(f"{settings.host}/api/v1/{kind}", headers=headers, verify=settings.ssl_ca_cert, timeout=5)
        assert found.json()["kind"] == "Table"
