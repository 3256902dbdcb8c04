"""What plugins import from the package of the private protocol. The protocol itself is left out."""

from supervisely_lib._lazy import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {name: f"worker_api.{name}" for name in ("agent_rpc", "interfaces", "rpc_servicer")},
)
