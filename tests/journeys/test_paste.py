"""The commands that a new app's page shows, pasted as they are: in an empty HOME, without a prompt."""

from __future__ import annotations

import html
import re
import secrets
import subprocess
from pathlib import Path

import httpx
import pytest
from person import Person, eventually, plain_app

PASSWORD = "a long sentence for a short visit"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
COMMANDS = re.compile(r'<pre[^>]* id="commands"[^>]*>(.*?)</pre>', re.S)


class Browser:
    """Somebody with cookies: gets pages, and sends their forms back with the token of the page."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, follow_redirects=True, timeout=60)

    def get(self, path: str) -> str:
        return self.http.get(path).raise_for_status().text

    def send(self, path: str, **fields: str) -> str:
        token = TOKEN.search(self.get(path))
        assert token, f"no form on {path}"
        data = {"csrfmiddlewaretoken": token[1], **fields}
        answer = self.http.post(path, data=data, headers={"Referer": str(self.http.base_url)})
        return answer.raise_for_status().text


@pytest.fixture
def newcomer(person: Person) -> Browser:
    """Somebody who was invited to a team of their own and has just followed the link."""
    unique = secrets.token_hex(3)
    person.team = f"pier-{unique}"
    assert person.api.post("/teams", json={"name": person.team}).status_code == 201
    invited = person.api.post(f"/teams/{person.team}/invites", json={"name": f"dora-{unique}", "role": "admin"})
    assert invited.status_code == 201, invited.text
    browser = Browser(person.platform.url)
    link = httpx.URL(invited.json()["url"]).path
    assert "Apps" in browser.send(link, password=PASSWORD)
    return browser


def created(browser: Browser, person: Person) -> tuple[str, list[str]]:
    """Create an app by the page; return its name and the lines that the page tells to paste."""
    name = f"paste-{secrets.token_hex(3)}"
    team = re.search(rf'<option value="(\w+)"[^>]*>{person.team}<', browser.get("/apps/new"))
    assert team, "the new team cannot be chosen"
    page = browser.send("/apps/new", name=name, team=team[1])
    person.apps.append(name)
    shown = COMMANDS.search(page)
    assert shown, page
    return name, html.unescape(shown[1]).strip().splitlines()


def repository(person: Person) -> Path:
    where = person.folder / "code"
    where.mkdir()
    person.git("init", "-q", "-b", "main", where=where)
    person.commit(where, plain_app("pasted"))
    return where


def paste(line: str, where: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Type one line into bash with nothing but a HOME; a question has nobody to answer it."""
    env = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
    argv = ["bash", "--noprofile", "--norc", "-c", line]
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.run(
        argv, cwd=where, env=env, stdin=subprocess.DEVNULL, start_new_session=True, timeout=300, **out
    )


def test_pasting_the_commands_of_the_page_is_a_first_push(newcomer: Browser, person: Person):
    name, lines = created(newcomer, person)
    where = repository(person)
    home = person.folder / "empty"
    home.mkdir()
    for line in lines:
        done = paste(line, where, home)
        assert done.returncode == 0, f"{line}\n{done.stdout}"
        assert "Username" not in done.stdout and "Password" not in done.stdout
    assert lines[-1] == "git push platform main"
    assert "deployed to Minato" in done.stdout
    eventually(lambda: person.platform.visit(name).text == "pasted")
    again = paste("git commit -q --allow-empty -m again && git push platform main", where, configured(home))
    assert again.returncode == 0, again.stdout


def configured(home: Path) -> Path:
    """Give git a name to commit with; the credential that was pasted stays as it is."""
    with (home / ".gitconfig").open("a") as file:
        file.write("[user]\n\tname = Dora\n\temail = dora@example.org\n")
    return home


def test_the_token_is_kept_for_this_one_host_and_shown_once(newcomer: Browser, person: Person):
    name, lines = created(newcomer, person)
    where, home = repository(person), person.folder / "empty"
    home.mkdir()
    for line in lines[:-1]:
        assert paste(line, where, home).returncode == 0, line
    host = httpx.URL(person.platform.url).netloc.decode()
    kept = (home / ".git-credentials").read_text().splitlines()
    assert [line.rpartition("@")[2].replace("%3a", ":") for line in kept] == [host]
    assert f'[credential "{person.platform.url}"]' in (home / ".gitconfig").read_text()
    secret = re.search(r"password=(mnt_pat_\w+)", "\n".join(lines))
    assert secret and secret[1] not in newcomer.get(f"/apps/{name}")
