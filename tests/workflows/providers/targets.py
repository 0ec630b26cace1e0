"""Makes targets and requests that need no database."""

from typing import Any

from tenancy.models import new_id
from workflows.providers.contract import ModelRequest, Permit, Target

PERMIT = Permit(decision_id=new_id(), call_id=new_id())


def make_target(**facts: Any) -> Target:
    return Target(
        **{
            "deployment_id": new_id(),
            "name": "small-eu",
            "model": "small-1",
            "clearance": 2,
            "deployment_timeout_seconds": 30.0,
            "provider": "example",
            "kind": "openai",
            "base_url": "https://models.example/v1",
            "auth": "none",
            "secret_name": "",
            "egress": "external",
            "region": "EU",
            "baa": False,
            "dpa": True,
            "zero_retention": True,
            "trains_on_data": False,
            "papers_expire_on": None,
            **facts,
        }
    )


def make_request(**facts: Any) -> ModelRequest:
    return ModelRequest(
        **{
            "messages": ({"role": "user", "content": "Say hello."},),
            "max_tokens": 20,
            "timeout_seconds": 5,
            **facts,
        }
    )
