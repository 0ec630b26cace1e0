"""Destinations of tool calls: each change leaves a ledger entry and a register entry. Never a secret, only its name."""

import re
from collections.abc import Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from compliance.labels import DataClass
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.errors import GroveError
from tenancy.events import EventType
from workflows.errors import DestinationInvalid, NameTaken
from workflows.models import Destination, Egress, RegisterKind, Scheme
from workflows.providers import faults, register
from workflows.tools import connections
from workflows.tools.declarations import METHODS

HEADER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
FACTS: Final = (
    "title",
    "scheme",
    "host",
    "port",
    "methods",
    "egress",
    "region",
    "clearance",
    "answer_class",
    "secret_name",
    "secret_header",
    "secret_prefix",
    "baa",
    "dpa",
    "zero_retention",
    "papers_expire_on",
    "enabled",
)


@transaction.atomic
def create(*, name: str, host: str, by: Actor, **facts: Any) -> Destination:
    """A host that tool calls may reach from now on. Raises DestinationInvalid, NameTaken."""
    _check_known(facts)
    destination = Destination(name=name, host=host, **facts)
    if "port" not in facts:
        destination.port = connections.PORTS.get(str(destination.scheme), 443)
    _check(destination)
    _write(destination, insert=True)
    _record(destination, EventType.DESTINATION_CREATED, by)
    return destination


@transaction.atomic
def change(*, destination: Destination, by: Actor, **facts: Any) -> None:
    """Change what is known of a destination; the next call goes by it. What changes nothing leaves no trace."""
    _check_known(facts)
    destination = Destination.objects.select_for_update().get(pk=destination.pk)
    if all(getattr(destination, name) == value for name, value in facts.items()):
        return
    for name, value in facts.items():
        setattr(destination, name, value)
    _check(destination)
    _write(destination, insert=False)
    _record(destination, EventType.DESTINATION_CHANGED, by)


def _record(destination: Destination, event: EventType, by: Actor) -> None:
    values = {name: getattr(destination, name) for name in FACTS}
    facts = {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in values.items()
    }
    register.write_entry(
        RegisterKind.DESTINATION,
        subject_id=destination.pk,
        name=destination.name,
        facts=facts,
        by=by,
    )
    ledger.append(event, subject=destination, by=by, name=destination.name, **facts)


def _check_known(facts: dict[str, Any]) -> None:
    if unknown := sorted(set(facts).difference(FACTS)):
        raise DestinationInvalid(f"There is no such fact: {', '.join(unknown)}.")


def _check(destination: Destination) -> None:
    inside = destination.egress == Egress.INTERNAL
    destination.host = _host(destination)
    destination.methods = _methods(destination.methods)
    if not inside and destination.scheme != Scheme.HTTPS:
        raise DestinationInvalid("What leaves the house leaves encrypted: use https.")
    if not inside and connections.is_literal(destination.host):
        raise DestinationInvalid("A destination outside is called by its name, not by an address.")
    if destination.region and not faults.REGION.fullmatch(destination.region):
        raise DestinationInvalid(
            "A region is a word of small letters, digits and hyphens, such as eu."
        )
    if destination.secret_name and not HEADER.fullmatch(destination.secret_header):
        raise DestinationInvalid("A destination with a secret names the header that carries it.")
    if not destination.secret_prefix.isprintable() or not destination.secret_prefix.isascii():
        raise DestinationInvalid("What stands before the secret is plain text, such as “Bearer ”.")
    for level in (destination.clearance, destination.answer_class):
        if level not in list(DataClass):
            raise DestinationInvalid("There is no such data class.")
    try:
        destination.clean_fields(exclude=["tenant"])
    except ValidationError as error:
        field, sentences = next(iter(error.message_dict.items()))
        raise DestinationInvalid(f"{field}: {sentences[0]}") from error


def _host(destination: Destination) -> str:
    """In the form in which calls are compared with it: what is written must be a host and nothing else."""
    written = destination.host.strip()
    shown = f"[{written}]" if written.count(":") > 1 and "[" not in written else written
    sentence = "The host is a name such as api.example.org, without scheme, port or path."
    try:
        url = connections.read_url(f"{destination.scheme}://{shown}:{destination.port}/")
    except GroveError as error:
        raise DestinationInvalid(sentence) from error
    plain = {shown.lower().removesuffix("."), shown.strip("[]").lower(), url.host}
    if (
        not written
        or url.target != "/"
        or url.port != destination.port
        or any(sign in written for sign in "/?#@\\ ")
        or url.host not in plain
    ):
        raise DestinationInvalid(sentence)
    return url.host


def _methods(written: Sequence[str]) -> list[str]:
    wanted = {str(method).upper() for method in written}
    if not wanted or not wanted <= set(METHODS):
        raise DestinationInvalid(f"Name at least one of the methods: {', '.join(METHODS)}.")
    return [method for method in METHODS if method in wanted]


def _write(destination: Destination, *, insert: bool) -> None:
    try:
        with transaction.atomic():
            destination.save(force_insert=insert)
    except IntegrityError as error:
        told = (
            f"There is already a destination “{destination.name}” or one at {destination.origin}."
        )
        raise NameTaken(told) from error
