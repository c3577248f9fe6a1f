from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.errors import ConfigError
from core.settings import Cluster, Config, Settings
from workers.adapters import kubeconfig
from workers.adapters.kubeconfig import load, read_context, write_context


def written(folder: Path, name: str = "config", **changed: Any) -> Path:
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "dev",
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443"}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
        "contexts": [{"name": n, "context": {"cluster": "c", "user": "u"}} for n in ("dev", "prod")],
    }  # fmt: skip
    path = folder / name
    path.write_text(yaml.safe_dump({**content, **changed}))
    return path


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(data_dir=folder, **more)


def test_the_current_context_is_used_unless_one_is_named(tmp_path: Path) -> None:
    path = str(written(tmp_path))

    assert load(path, None)[0] == "dev"
    name, configuration = load(path, "prod")
    assert (name, configuration.host, configuration.api_key["BearerToken"]) == (
        "prod",
        "https://10.0.0.1:6443",
        "Bearer t0ken",
    )


def test_several_files_are_merged_and_the_first_current_context_counts(tmp_path: Path) -> None:
    first = written(
        tmp_path,
        "first",
        contexts=[{"name": "own", "context": {"cluster": "c", "user": "u"}}],
        **{"current-context": "own"},
    )
    second = written(tmp_path, "second")
    both = os.pathsep.join(map(str, (first, second)))

    assert load(both, None)[0] == "own"
    assert load(both, "prod")[0] == "prod"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("clusters: [", "is not valid YAML; write it again."),
        ("just text", "is not a kubeconfig: it has no list of contexts."),
        ("", "is not a kubeconfig: it has no list of contexts."),
        ("contexts: {}", "is not a kubeconfig: it has no list of contexts."),
        ("contexts: []", "has no current-context; set SRE_KUBE_READ_CONTEXT to one of: none."),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)

    with pytest.raises(ConfigError) as wrong:
        load(str(path), None)

    assert str(wrong.value).endswith(sentence)
    assert str(path) in str(wrong.value)


def test_a_context_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no context 'stage'; it has: dev, prod\.$"):
        load(str(written(tmp_path)), "stage")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"clusters": []}, "is not usable"),
        ({"clusters": [{"name": "c", "cluster": {"server": "10.0.0.1"}}]}, "is not an address; write https://host:port"),
        ({"clusters": [{"name": "c", "cluster": {"server": "https://a", "certificate-authority": "/nowhere/ca.crt"}}]},
         "File does not exist: /nowhere/ca.crt"),
        ({"clusters": [{"name": "c", "cluster": {"server": "https://a", "certificate-authority-data": "a"}}]},
         "a part of it is malformed"),
        ({"users": "none"}, "is not usable"),
    ],
)  # fmt: skip
def test_a_context_that_cannot_be_used_is_told(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        load(str(written(tmp_path, **changed)), None)

    assert words in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_credential_plugin_that_fails_is_told(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\necho secret >&2\nexit 1\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)}}

    with pytest.raises(ConfigError, match=r"credential plugin '.*plugin' of context 'dev' failed; run it by hand"):
        load(str(written(tmp_path, users=[{"name": "u", "user": user}])), None)


def test_without_any_file_the_sentence_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(kubeconfig, "_IN_CLUSTER_TOKEN", tmp_path / "absent")

    with pytest.raises(ConfigError, match=r"^KUBECONFIG is not set and ~/.kube/config does not exist; set KUBECONFIG"):
        load(None, None)


def test_inside_a_cluster_the_service_account_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes.config import incluster_config

    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("from-the-pod")
    authority.write_text("certificate")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(kubeconfig, "_IN_CLUSTER_TOKEN", token)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))

    name, configuration = load(None, None)

    assert (name, configuration.host) == ("in-cluster", "https://10.0.0.1:443")


def test_each_cluster_of_the_catalogue_has_its_read_context(tmp_path: Path) -> None:
    clusters = {"eu": Cluster(read_context="eu-reader"), "us": Cluster()}
    many = settings(tmp_path, kube_read_context="reader", config=Config(clusters=clusters))

    assert [read_context(many, name) for name in ("eu", "us", None)] == ["eu-reader", "reader", "reader"]
    only = settings(tmp_path, config=Config(clusters={"eu": clusters["eu"]}))
    assert read_context(only, None) == "eu-reader"
    assert read_context(settings(tmp_path), None) is None
    with pytest.raises(ConfigError, match=r"There is no cluster 'asia' under clusters in SRE_CONFIG; it has: eu, us\."):
        read_context(many, "asia")


def test_the_context_to_write_with_has_to_be_named(tmp_path: Path) -> None:
    clusters = {"eu": Cluster(write_context="eu-operator"), "us": Cluster(read_context="us-reader")}
    config = Config(clusters=clusters)
    both = settings(tmp_path, config=config)

    assert write_context(both, "eu") == "eu-operator"
    with pytest.raises(ConfigError, match=r"set clusters\.us\.write_context in SRE_CONFIG"):
        write_context(both, "us")
    with pytest.raises(ConfigError, match="set SRE_KUBE_WRITE_CONTEXT"):
        write_context(both, None)
    with pytest.raises(ConfigError, match="no cluster 'mars'"):
        write_context(both, "mars")
    named = settings(tmp_path, config=config, kube_write_context="any")
    assert (write_context(named, "eu"), write_context(named, "us"), write_context(named, None)) == (
        "eu-operator",
        "any",
        "any",
    )
    only = settings(tmp_path, config=Config(clusters={"eu": clusters["eu"]}))
    assert write_context(only, None) == "eu-operator"
    with pytest.raises(ConfigError, match="no kube context to repair with"):
        write_context(settings(tmp_path), None)
