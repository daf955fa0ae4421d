"""The sample app of a first start: a git repository of its own, and a real `git push platform main`."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from launch import runjson
from launch.steps import Steps, say
from minato.errors import PlatformError
from minato.values.config import Config

NAME = "hello"
SOURCE = Path(__file__).with_name("sample")
VERBS = ("init", "add", "commit", "remote", "push")
TRUST = ("GIT_SSL_CAINFO", "SSL_CERT_FILE")  # whom the machine trusts is no setting of the caller's git
WHO = ("-c", "user.name=Minato", "-c", "user.email=minato@localhost")


def deploy_once(config: Config, steps: Steps) -> None:
    """Deploy the sample app unless an earlier start did; its failure leaves the platform up."""
    done = config.var / "data" / "sample.json"
    if done.exists():
        return
    with steps.step(f"app {NAME}"):
        create(config)
    with steps.step("git push platform main"):
        push(config)
    with steps.step("first answer"):
        say(f"$ curl {config.app_url(NAME)}")
        say(answer(config))
    done.write_text(json.dumps({"app": NAME}))


def create(config: Config) -> None:
    """Create the app by the API, as anybody would; an app of that name is taken as it is."""
    token = runjson.token_file(config).read_text().strip()
    parts = urlsplit(config.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    web = kind(parts.hostname or "", parts.port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        web.request("POST", "/api/v1/apps", json.dumps({"name": NAME}), headers)
        reply = web.getresponse()
    except OSError as error:
        raise PlatformError(
            code="launch:platform:sample",
            message=f"The sample app was not created. {error}",
            hint="This machine must reach MINATO_URL and trust its certificate (SSL_CERT_FILE names what it trusts).",
        ) from error
    if reply.status not in (201, 409):
        raise PlatformError(
            code="launch:platform:sample",
            message=f"The sample app was not created (status {reply.status}).",
            evidence=reply.read(2000).decode(errors="replace"),
        )


def push(config: Config) -> None:
    """Make the repository and push it; git's own output is shown. The token lies in a file for this one push."""
    with tempfile.TemporaryDirectory(prefix="minato-sample-") as folder:
        work, credentials = Path(folder) / NAME, Path(folder) / "credentials"
        shutil.copytree(SOURCE, work)
        parts = urlsplit(config.url)
        token = runjson.token_file(config).read_text().strip()
        credentials.touch(mode=0o600)
        credentials.write_text(f"{parts.scheme}://operator:{token}@{parts.netloc}\n")
        git = ["git", *WHO, "-c", f"credential.helper=store --file={credentials}"]
        for words in (
            ["init", "--quiet", "--initial-branch", "main"],
            ["add", "--all"],
            ["commit", "--quiet", "--message", "A first app"],
        ):
            _git([*git, *words], work)
        _git([*git, "remote", "add", "platform", config.git_url(NAME)], work)
        say(f"$ git remote add platform {config.git_url(NAME)}")
        say("$ git push platform main")
        sys.stdout.flush()
        _git([*git, "push", "platform", "main"], work)


def _git(argv: list[str], work: Path) -> None:
    """Run git away from the caller's own settings; raises PlatformError `launch:platform:sample`."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(work.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LANG": "C.UTF-8",
        **{name: os.environ[name] for name in TRUST if name in os.environ},
    }
    done = subprocess.run(argv, cwd=work, env=environment, stderr=subprocess.STDOUT)
    if done.returncode:
        raise PlatformError(
            code="launch:platform:sample",
            message=f"git {next(word for word in argv if word in VERBS)} ended with {done.returncode}.",
            hint="The platform is up; `make doctor` checks its parts.",
        )


def answer(config: Config) -> str:
    """Return what curl gets from the sample app. Names below .localhost resolve by themselves, others may not."""
    host = config.app_host(NAME)
    pin = [] if host.endswith(".localhost") else ["--resolve", f"{host}:{config.ports.router}:{config.bind}"]
    argv = ["curl", "--silent", "--show-error", "--max-time", "30", *pin, config.app_url(NAME)]
    done = subprocess.run(argv, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip()
