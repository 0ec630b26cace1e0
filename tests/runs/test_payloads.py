"""Content of runs: readable in its place with its run's key, and nowhere else."""

from uuid import uuid4

import orjson
import pytest
from django.db import connection

from compliance import disposal
from compliance.models import LegalBasis
from runs import payloads
from runs.errors import PayloadGone
from runs.models import ModelCall, NodeExecution, Run
from tenancy import actors, commitments, keys, sealing
from tenancy.context import tenant_context
from tenancy.errors import KeyNotFound, SealBroken
from tenancy.models import Tenant
from tests.runs import definitions
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
SECRET = 20_261_121_077  # a number that can be searched for


@pytest.fixture
def done(in_acme: Tenant) -> Run:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        return execute(make_run(make_version(definitions.TALK), n=SECRET))


def test_every_kind_of_content_opens_in_its_place(done: Run) -> None:
    ask = NodeExecution.objects.get(run=done, node_id="ask")
    call = ModelCall.objects.get(run=done, node_id="ask")

    assert payloads.open_payload(done, "input_sealed") == {"n": SECRET}
    said = payloads.open_payload(done, "output_sealed")
    assert said == {"said": f"echo: again echo: ask {SECRET}"}
    assert payloads.open_payload(ask, "output_sealed") == {"text": f"echo: ask {SECRET}"}
    assert f"ask {SECRET}" in str(payloads.open_payload(call, "request_sealed"))
    assert payloads.open_payload(call, "response_sealed") == {"text": f"echo: ask {SECRET}"}


def test_what_is_not_there_yet_is_nothing(chain: WorkflowVersion) -> None:
    assert payloads.open_payload(make_run(chain), "output_sealed") is None


def test_nothing_of_it_is_stored_in_clear(done: Run) -> None:
    with connection.cursor() as cursor:
        for model in (Run, NodeExecution, ModelCall):
            cursor.execute(f"SELECT t::text FROM {model._meta.db_table} t")
            stored = "\n".join(row[0] for row in cursor.fetchall())
            assert str(SECRET) not in stored
            assert str(SECRET).encode().hex() not in stored


def test_ciphertext_in_another_column_row_or_table_does_not_open(
    done: Run, chain: WorkflowVersion
) -> None:
    ask, again = (NodeExecution.objects.get(run=done, node_id=name) for name in ("ask", "again"))
    other = make_run(chain)

    done.output_sealed = done.input_sealed  # another column
    again.output_sealed = ask.output_sealed  # another row of the same run
    other.input_sealed = done.input_sealed  # another run, with another key
    call = ModelCall.objects.get(run=done, node_id="ask")
    call.response_sealed = ask.output_sealed  # another table

    for record, column in (
        (done, "output_sealed"),
        (again, "output_sealed"),
        (other, "input_sealed"),
        (call, "response_sealed"),
    ):
        with pytest.raises((SealBroken, KeyNotFound)):
            payloads.open_payload(record, column)


def test_ciphertext_moved_by_sql_does_not_open(done: Run) -> None:
    ask = NodeExecution.objects.get(run=done, node_id="ask")
    NodeExecution.objects.filter(run=done, node_id="again").update(output_sealed=ask.output_sealed)

    with pytest.raises((SealBroken, KeyNotFound)):
        payloads.open_payload(NodeExecution.objects.get(run=done, node_id="again"), "output_sealed")


def test_ciphertext_moved_to_another_tenant_does_not_open(done: Run, beta: Tenant) -> None:
    stolen, key_id = bytes(done.input_sealed), done.data_key_id
    with tenant_context(beta):
        theirs = make_run(make_version(definitions.CHAIN))

        theirs.input_sealed = stolen
        with pytest.raises((SealBroken, KeyNotFound)):
            payloads.open_payload(theirs, "input_sealed")

        theirs.data_key_id = key_id  # and the key's id with it
        with pytest.raises((SealBroken, KeyNotFound)):
            payloads.open_payload(theirs, "input_sealed")


def test_a_changed_bit_does_not_open(done: Run) -> None:
    for at in (0, 5, 20, -1):
        changed = bytearray(bytes(Run.objects.get(pk=done.pk).input_sealed))
        changed[at] ^= 1
        done.input_sealed = bytes(changed)

        with pytest.raises((SealBroken, KeyNotFound)):
            payloads.open_payload(done, "input_sealed")


def test_the_commitment_is_salted_and_opens_with_the_salt_that_is_sealed(in_acme: Tenant) -> None:
    key, row = keys.take_data_key(), uuid4()
    place = {"tenant_id": in_acme.pk, "table": "runs_run", "row": row, "column": "input_sealed"}

    first, second = (payloads.seal(key, {"ssn": "078-05-1120"}, **place) for _ in range(2))

    assert first.commitment != second.commitment
    plain = sealing.unseal(key, first.payload, place=sealing.Place(**place))
    salt, content = plain[: payloads.SALT_BYTES], plain[payloads.SALT_BYTES :]
    assert orjson.loads(content) == {"ssn": "078-05-1120"}
    assert commitments.digest(salt, content).hex() == first.commitment


def test_payload_is_gone_after_disposal(done: Run) -> None:
    copy = Run.objects.get(pk=done.pk)  # as a replica or a dump would have it
    planned = disposal.plan(kind="run", target_id=done.pk, by=actors.SYSTEM)
    disposal.execute(
        plan_id=planned.pk,
        by=actors.SYSTEM,
        legal_basis=LegalBasis.RETENTION_ENDED,
        reason="The test is over.",
    )
    done.refresh_from_db()

    for column in ("input_sealed", "output_sealed"):
        with pytest.raises(PayloadGone):
            payloads.open_payload(done, column)
        with pytest.raises(keys.KeyDestroyed):
            payloads.open_payload(copy, column)
    for row in (*NodeExecution.objects.filter(run=done), *ModelCall.objects.filter(run=done)):
        column = "output_sealed" if isinstance(row, NodeExecution) else "request_sealed"
        with pytest.raises(PayloadGone):
            payloads.open_payload(row, column)
