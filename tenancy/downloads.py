"""The export of this host's tenant, as an answer: for the page and the API alike."""

from tempfile import TemporaryFile

from django.http import FileResponse, HttpRequest

from tenancy import access, exports
from tenancy.context import current_tenant
from tenancy.permissions import Permission


def bundle(request: HttpRequest) -> FileResponse:
    """One zip file. What is sealed stays so unless the caller may see payloads, too."""
    file = TemporaryFile()  # noqa: SIM115 - the answer closes it
    exports.write(
        file=file,
        with_content=access.can(request, Permission.PAYLOAD_VIEW),
        by=access.actor_of(request),
    )
    file.seek(0)
    name = f"{current_tenant().slug}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
