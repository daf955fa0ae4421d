"""GitCli: git as a sub-process, for what is short: refs, trees, archives."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from minato.drivers.git import commands
from minato.drivers.git.commands import COMMIT, ZERO
from minato.errors import PlatformError
from minato.values.source import RefChange

MEMORY = 2 * 1024**3
SHORT = 60.0


def limit(pid: int, *, cpu: int = 300) -> None:
    """Bound one git process and its children: address space, CPU seconds, file size. Called before it gets input."""
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.prlimit(pid, resource.RLIMIT_CPU, (cpu, cpu))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (MEMORY, MEMORY))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


class Output(io.RawIOBase):
    """A process's output as a file. The end of the file raises PlatformError if the process failed."""

    def __init__(self, argv: list[str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=commands.environment(),
            start_new_session=True,
        )
        limit(self._process.pid)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        chunk = os.read(self.fileno(), len(buffer))
        if not chunk:
            self._judge()
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _judge(self) -> None:
        if self._process.wait() != 0:
            self._errors.seek(0)
            raise failed(self._process.args, self._errors.read()[-2000:])

    def close(self) -> None:
        if self.closed:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()
        super().close()


def failed(argv: object, errors: bytes) -> PlatformError:
    """Return the error of a git command that ended badly; the words are git's."""
    words = [str(a) for a in argv] if isinstance(argv, list) else []
    verb = next((w for w in words if w in VERBS), "git")
    return PlatformError(
        code="git:platform:failed",
        message=f"git {verb} failed.",
        evidence=errors.decode("utf-8", "replace").strip(),
    )


VERBS = frozenset({"init", "rev-parse", "update-ref", "ls-tree", "archive"})


class GitCli:
    """The real Git: one short process per question."""

    def create(self, repository: Path) -> None:
        """Make it aside and rename: two first pushes at once make one repository."""
        if (repository / "HEAD").exists():
            return
        repository.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = repository.with_name(f".{repository.name}.{secrets.token_hex(6)}")
        try:
            self._run(commands.git({}, "init", "--bare", "--quiet", "--template=", "--initial-branch=main", str(aside)))
            (aside / "info").mkdir(exist_ok=True)
            (aside / "info" / "attributes").write_text(commands.ATTRIBUTES)
            aside.rename(repository)
        except OSError as error:
            if not (repository / "HEAD").exists():
                raise PlatformError(code="git:platform:create", message="No repository could be made.") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def remove(self, repository: Path) -> None:
        """Rename first: what is half removed is never taken for a repository."""
        gone = repository.with_name(f".{repository.name}.{secrets.token_hex(6)}.gone")
        with contextlib.suppress(FileNotFoundError):
            repository.rename(gone)
            shutil.rmtree(gone)

    def ref(self, repository: Path, name: str) -> str:
        found = self._try(commands.inside(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", name))
        value = found.stdout.decode().strip()
        return value if COMMIT.match(value) else ZERO

    def update_ref(self, repository: Path, change: RefChange) -> bool:
        what = ["-d", change.ref, change.old] if change.deletes else [change.ref, change.new, change.old]
        done = self._try(commands.inside(repository, "update-ref", *what))
        if done.returncode == 0:
            return True
        if self.ref(repository, change.ref) != change.old:
            return False
        raise failed(done.args, done.stderr)

    def is_commit(self, repository: Path, name: str) -> bool:
        """Say whether an object is a commit itself, not a tag of one."""
        asked = f"{_checked(name)}^{{commit}}"
        found = self._try(commands.inside(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", asked))
        return found.stdout.decode().strip() == name

    def entries(self, repository: Path, commit: str) -> BinaryIO:
        tree = ["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", _checked(commit)]
        return io.BufferedReader(Output(commands.inside(repository, *tree)))

    def archive(self, repository: Path, commit: str) -> BinaryIO:
        return io.BufferedReader(Output(commands.inside(repository, "archive", "--format=tar", _checked(commit))))

    def _run(self, argv: list[str]) -> None:
        done = self._try(argv)
        if done.returncode != 0:
            raise failed(argv, done.stderr)

    def _try(self, argv: list[str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, env=commands.environment(), timeout=SHORT, check=False
        )


def sweep(repositories: Path, *, older: float = 3600.0) -> int:
    """Remove what killed pushes left in quarantine more than `older` seconds ago; return how many."""
    before = time.time() - older
    left = [path for path in repositories.glob("*.git/objects/tmp_objdir-*") if path.stat().st_mtime < before]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return len(left)


def _checked(commit: str) -> str:
    """Return a full object name; anything else never becomes an argument."""
    if not COMMIT.match(commit):
        raise PlatformError(code="git:platform:name", message="Not an object name.")
    return commit
