"""What tests of reviews need: members, a workflow that was saved by Ann, and votes."""

from tenancy.actors import Actor
from tenancy.models import Membership, Tenant
from tenancy.permissions import Role
from tests.factories import make_member
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_group
from workflows import checklist, definitions, governance, reviews
from workflows.governance import Rules
from workflows.models import Review, Vote, VoteChoice, Workflow

YES = {control.code: "yes" for control in checklist.CONTROLS}


class Bank:
    """Acme with an author, two reviewers, a compliance officer, and a draft of the author's."""

    def __init__(self, tenant: Tenant, **rules: object) -> None:
        self.tenant = tenant
        self.members: dict[str, Membership] = {
            "ann": make_member(tenant=tenant, role=Role.AUTHOR),
            "rob": make_member(tenant=tenant, role=Role.REVIEWER),
            "rita": make_member(tenant=tenant, role=Role.REVIEWER),
            "olga": make_member(tenant=tenant, role=Role.COMPLIANCE_OFFICER),
        }
        make_group()
        if rules:
            governance.set_rules(
                rules=Rules(**rules),  # type: ignore[arg-type]
                reason="For the test.",
                by=self.actor("olga"),
            )
        self.workflow = self.save()

    def actor(self, name: str) -> Actor:
        return Actor.of_user(self.members[name].user)

    def save(self, prompt: str = "Be brief:", *, by: str = "ann", **facts: str) -> Workflow:
        workflow = getattr(self, "workflow", None)
        text = small(prompt=prompt, **facts)
        definitions.save(workflow=workflow, text=text, by=self.actor(by))
        return Workflow.objects.with_pointers().get(slug="small-one")

    def submit(self) -> Review:
        workflow = Workflow.objects.with_pointers().get(slug="small-one")
        return reviews.submit(workflow=workflow, by=self.actor("ann"), message="Please look.")

    def approve(self, review: Review, name: str) -> Vote:
        return reviews.vote(
            review=review, choice=VoteChoice.APPROVE, by=self.actor(name), answers=YES
        )

    def object_to(self, review: Review, name: str, reason: str = "Too curt.") -> Vote:
        return reviews.vote(
            review=review, choice=VoteChoice.REQUEST_CHANGES, by=self.actor(name), reason=reason
        )
