"""A report of what left the house as an answer: the signed zip file, or its rows as CSV."""

from collections.abc import AsyncIterator
from tempfile import TemporaryFile
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from runs import egress_report
from runs.egress import check
from runs.egress_rows import Question
from tenancy import access
from tenancy.context import current_tenant, tenant_context

NO_STORE = {"Cache-Control": "no-store"}


def bundle(request: HttpRequest, question: Question) -> FileResponse:
    """The signed report. Raises EgressQuestionInvalid."""
    file = TemporaryFile()  # noqa: SIM115 - the answer closes it
    egress_report.write(question, file=file, by=access.actor_of(request))
    file.seek(0)
    name = f"egress-{question.since}-{question.until}.zip"
    return FileResponse(
        file, as_attachment=True, filename=name, content_type="application/zip", headers=NO_STORE
    )


def table(question: Question) -> HttpResponseBase:
    """The rows as CSV, sent while they are read. Raises EgressQuestionInvalid."""
    check(question)
    tenant = current_tenant()

    async def sent() -> AsyncIterator[str]:
        yield egress_report.HEADER
        after, more = None, True
        while more:
            text, after = await sync_to_async(part, thread_sensitive=False)(after)
            yield text
            more = after is not None

    def part(after: UUID | None) -> tuple[str, UUID | None]:
        try:
            with tenant_context(tenant):  # the request's own has ended by then
                return egress_report.table_part(question, after=after)
        finally:
            connections.close_all()

    name = f"egress-{question.since}-{question.until}.csv"
    headers = NO_STORE | {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(sent(), content_type="text/csv; charset=utf-8", headers=headers)
