"""The door to the API of Kubernetes: how it is found, what is sent, and what its refusals mean.

lightkube finds clusters and accounts as kubectl does, in a tenth of the official client's size.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from agent.clusters import ClusterUnavailable, JobRefused
from agent.errors import AgentError
from agent.fs.names import visible

if TYPE_CHECKING:
    from agent.settings import Settings

ANSWER_S = 30.0
_EXTRA = "the cluster kubernetes needs an extra package: pip install 'supervisely-local[kubernetes]'"


class Missing(AgentError):
    """There is no such object."""


class Present(AgentError):
    """There is an object of that name already."""


@contextmanager
def answered(*, may_refuse: bool = False) -> Iterator[None]:
    """Kubernetes' refusals as ours. Raises ClusterUnavailable; Missing and Present, of an object.

    Also JobRefused with `may_refuse`: elsewhere a refusal is of our account, and says nothing about a job.
    """
    import httpx2
    import msgspec
    from lightkube import ApiError
    from lightkube.core.exceptions import ConfigError, NotReadyError

    try:
        yield
    except ApiError as error:
        code, said = error.response.status_code, visible(str(error.status.message or error))[:500]
        if code == 404 and "namespaces" not in said:
            raise Missing(said) from None
        if code == 409 and error.status.reason == "AlreadyExists":
            raise Present(said) from None
        if may_refuse and code in (400, 403, 404, 409, 413, 422):
            raise JobRefused(f"Kubernetes refuses: {said}") from None
        if code == 401:
            raise ClusterUnavailable(f"Kubernetes does not know this account: {said}") from None
        does = "refuses" if code == 403 else "does not answer"
        raise ClusterUnavailable(f"Kubernetes {does}: {said}") from None
    except ConfigError as error:
        raise ClusterUnavailable(f"there is no way to Kubernetes: {error}") from None
    except (
        KeyError,
        ValueError,
        NotReadyError,
        msgspec.MsgspecError,
    ) as error:  # an answer of something that stands before it
        raise ClusterUnavailable(f"Kubernetes does not answer as it should: {visible(str(error))[:200]}") from None
    except (httpx2.HTTPError, OSError) as error:
        said = visible(str(error) or type(error).__name__)
        raise ClusterUnavailable(f"Kubernetes does not answer: {said}") from None


def merge() -> Any:
    from lightkube.types import PatchType

    return PatchType.MERGE


@cache
def kinds() -> Mapping[str, Any]:
    """Objects as plain maps: what a template says is sent as it is, whatever release of the API the client knows."""
    from lightkube.generic_resource import create_global_resource, create_namespaced_resource

    namespaced = {
        kind: create_namespaced_resource("", "v1", kind, plural)
        for kind, plural in (("Pod", "pods"), ("Secret", "secrets"))
    }
    review = "SelfSubjectAccessReview"
    return {
        **namespaced,
        "Node": create_global_resource("", "v1", "Node", "nodes"),
        review: create_global_resource("authorization.k8s.io", "v1", review, "selfsubjectaccessreviews"),
    }


def connect(settings: Settings) -> Any:
    """The client of the context that is meant. Raises ClusterUnavailable."""
    try:
        import httpx2
        import yaml
        from lightkube import Client, KubeConfig
        from lightkube.core.exceptions import ConfigError
    except ImportError:
        raise ClusterUnavailable(_EXTRA) from None
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line for each request would bury what happens to tasks
    try:
        config = KubeConfig.from_env().get(settings.kubernetes_context or None)
        namespace = settings.kubernetes_namespace or (config.namespace if config is not None else "")
        return Client(config=config, namespace=namespace or "default", timeout=httpx2.Timeout(ANSWER_S))
    except (
        ConfigError,
        yaml.YAMLError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        AssertionError,
        OSError,
    ) as error:
        said = visible(" ".join(str(error).split()))[:300] or type(error).__name__
        raise ClusterUnavailable(f"there is no way to Kubernetes: {said}; KUBECONFIG names the configuration") from None
