"""A deployed model and its server: the private protocol between them (contract: agent_rpc.md)."""

from supervisely_lib._lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {name: f"worker_api.{name}" for name in ("agent_api", "agent_rpc", "chunking", "interfaces", "rpc_servicer")},
)
