"""Sessions are Django's, kept in the database. Every request asks for one, so what asks is prepared."""

from datetime import datetime
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils.timezone import now

from tenancy.prepared import Prepared

BY_KEY: Prepared[Session] = Prepared(
    lambda key, at: Session.objects.filter(session_key=key, expire_date__gt=at),
    key=str,
    at=datetime,
)


class SessionStore(db.SessionStore):
    """Named so because Django looks for this name in settings.SESSION_ENGINE."""

    def _get_session_from_db(self) -> Any:
        found = BY_KEY.find(key=self.session_key, at=now())
        if found is None:
            self._session_key = None
        return found
