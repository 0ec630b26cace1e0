"""What machines did, as rows."""

from runs.models.claim import RunClaim, Worker
from runs.models.governed import Decision, ModelCall, RunFacts
from runs.models.node_execution import NodeExecution, RunEvent
from runs.models.run import Run
from runs.models.saved_view import DefaultView, SavedView, ViewOf
from runs.models.selection import Deed, Selection, SelectionResult
from runs.models.states import TERMINAL, CallStatus, NodeStatus, RunPurpose, RunStatus
from runs.models.tool_call import ToolCall
from runs.models.wait import Wait, WaitKind

__all__ = [
    "TERMINAL",
    "CallStatus",
    "Decision",
    "Deed",
    "DefaultView",
    "ModelCall",
    "NodeExecution",
    "NodeStatus",
    "Run",
    "RunClaim",
    "RunEvent",
    "RunFacts",
    "RunPurpose",
    "RunStatus",
    "SavedView",
    "Selection",
    "SelectionResult",
    "ToolCall",
    "ViewOf",
    "Wait",
    "WaitKind",
    "Worker",
]
