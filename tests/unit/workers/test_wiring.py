"""The operator's ports, as they are wired: opened without a connection, or refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from core.errors import ConfigError
from core.settings import Cluster, Config, Settings
from workers.wiring import open_operator


def written(folder: Path) -> str:
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "reader",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
        "contexts": [{"name": n, "context": {"cluster": "c", "user": "u"}} for n in ("reader", "operator")],
    }  # fmt: skip
    path = folder / "config"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_without_a_write_context_there_is_no_operator(tmp_path: Path) -> None:
    read_only = Config(clusters={"eu": Cluster(read_context="reader")})
    for config in (Config(), read_only):
        with pytest.raises(ConfigError, match="no kube context to repair with"):
            open_operator(Settings(data_dir=tmp_path, kubeconfig=written(tmp_path), config=config))


def test_the_operator_reads_and_writes_with_its_own_context(tmp_path: Path) -> None:
    config = Config(clusters={"eu": Cluster(read_context="reader", write_context="operator")})
    settings = Settings(
        data_dir=tmp_path, kubeconfig=written(tmp_path), config=config, alertmanager_url="http://127.0.0.1:1"
    )
    operator = open_operator(settings)
    assert operator.cluster("eu").name == "operator"
    assert operator.cluster(None).name == "operator"
    assert operator.writer("eu") is operator.writer("eu")
    assert operator.silences is not None
    assert open_operator(settings.model_copy(update={"alertmanager_url": None})).silences is None
    with pytest.raises(ConfigError, match="no cluster 'mars'"):
        operator.writer("mars")
