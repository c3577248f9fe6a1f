"""Objects of the Kubernetes API, one or many. Secrets and values of environment variables are never shown."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from pydantic import Field

from workers.tools.kinds import MOST_OBJECTS, TIMEOUT_S, Kind, Named, Space, answer, resolve, served
from workers.tools.manifest import as_yaml
from workers.tools.registry import Amount, ToolContext, need_cluster, tool
from workers.tools.results import Result
from workers.tools.rows import is_troubled, row


@tool(source="kubernetes", doing="Reading {kind} {name}", timeout_s=TIMEOUT_S)
def kubernetes_get(ctx: ToolContext, kind: Kind, name: Named, namespace: Space = "") -> Result:
    """The whole manifest and status of one object, as YAML.

    Args:
        kind: Kind, plural or short name, as "Deployment"; for custom resources also as "rollouts.argoproj.io".
        name: The object's name.
        namespace: Its namespace; empty for cluster-wide objects.

    Returns: values of environment variables hidden; secrets masked. For what is wrong, `kubernetes_describe` says more.
    """
    cluster = need_cluster(ctx)
    path = served(cluster, kind, namespace).path(namespace, name)
    return answer(cluster, path, as_yaml(cluster.get(path)))


@tool(source="kubernetes", doing="Listing {kind} in {namespace}", timeout_s=TIMEOUT_S)
def kubernetes_list(
    ctx: ToolContext,
    kind: Kind,
    namespace: Space = "",
    label_selector: Annotated[str, Field(max_length=500)] = "",
    limit: Annotated[int, Amount(), Field(ge=1, le=1000)] = 200,
) -> Result:
    """Objects of one kind, one line each with its state, those in trouble first.

    Args:
        kind: Kind, plural or short name, as "Pod" or "rollouts.argoproj.io".
        namespace: One namespace; empty for all.
        label_selector: As "app=checkout,tier!=batch"; empty for all.
        limit: How many lines at most.
    """
    cluster = need_cluster(ctx)
    found = resolve(cluster, kind)
    path = found.path(namespace)
    query: dict[str, str | int] = {"labelSelector": label_selector} if label_selector else {}
    objects = list(islice(cluster.items(path, **query), MOST_OBJECTS))
    objects.sort(key=lambda obj: not is_troubled(found.kind, obj))
    troubled = sum(is_troubled(found.kind, obj) for obj in objects)
    lines = [f"{len(objects)} {found.plural}, {troubled} of them in trouble"]
    lines += [row(found.kind, obj, ctx.now()) for obj in objects[:limit]]
    if len(objects) > limit:
        lines.append(f"and {len(objects) - limit} more")
    asked = path + (f"?labelSelector={label_selector}" if label_selector else "")
    return answer(cluster, asked, "\n".join(lines))
