"""The private protocol between the original agent of 2019 and its server: the agent runs tasks of this installation.

Protobuf messages over POST /agent/<Method> (docs/contract/agent_rpc.md). An original agent takes the tasks that are
queued for it by name; its log lines become events of the task as those of our own agent do.
"""

from web_stub.agent_rpc.deployed import ModelCalls
from web_stub.agent_rpc.routes import router

__all__ = ["ModelCalls", "router"]
