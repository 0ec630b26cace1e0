"""The models behind a group, as the register knew them at a moment. Pure."""

from compliance.labels import DataClass
from workflows.document_facts import DeploymentFacts, papers_in_words
from workflows.models import RegisterKind
from workflows.providers.register import Known


def deployments(group: str, known: Known) -> tuple[DeploymentFacts, ...]:
    """The deployments of a model group in the order they are tried, with how each stood."""
    found = []
    for name in known.get((RegisterKind.MODEL_GROUP, group), {}).get("deployments", ()):
        deployment = known.get((RegisterKind.DEPLOYMENT, name), {})
        provider_name = str(deployment.get("provider") or "")
        provider = known.get((RegisterKind.PROVIDER, provider_name), {})
        found.append(
            DeploymentFacts(
                name=name,
                model=str(deployment.get("model") or ""),
                clearance=DataClass(deployment.get("clearance", 0)),
                provider=str(provider.get("title") or provider_name),
                region=str(provider.get("region") or ""),
                is_external=provider.get("egress") != "internal",
                papers=papers_in_words(provider, of_model=True),
                enabled=bool(deployment.get("enabled")) and bool(provider.get("enabled")),
            )
        )
    return tuple(found)
