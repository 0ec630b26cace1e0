"""A provider with one deployment and the group “default”, for tests that publish."""

from compliance.labels import DataClass
from tenancy.actors import SYSTEM
from workflows import model_groups
from workflows.models import Deployment, ModelGroup
from workflows.providers import register


def make_deployment(
    *, name: str = "small-eu", base_url: str = "https://models.example/v1", micros: int = 0
) -> Deployment:
    """A deployment at its own provider, with a price."""
    provider = register.create_provider(
        name=f"{name}-provider",
        title="Example Models",
        base_url=base_url,
        egress="internal" if base_url.startswith("http:") else "external",
        region="eu",
        dpa=True,
        zero_retention=True,
        trains_on_data=False,
        by=SYSTEM,
    )
    deployment = register.create_deployment(
        provider=provider,
        name=name,
        model="small-1",
        clearance=DataClass.CONFIDENTIAL,
        by=SYSTEM,
    )
    register.set_price(
        deployment=deployment,
        input_micros_per_million=micros,
        output_micros_per_million=micros,
        by=SYSTEM,
    )
    return deployment


def make_group(name: str = "default") -> ModelGroup:
    return model_groups.create(name=name, deployments=[make_deployment()], by=SYSTEM)
