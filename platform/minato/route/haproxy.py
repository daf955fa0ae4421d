"""HAProxy's configuration as text: fixed for the life of the process, all that changes lies in maps and servers.

One slot number has two backends, because a check's verdict is fixed in the configuration: `slot0001` (no check path:
any status means ready) and `slot0001p` (a path: 200 to 399). 1,024 numbers cost 28 MB and 60 ms at the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from minato.route import pages
from minato.route.logformat import FORMAT, LONGEST, PATH_BYTES

HOSTS, SLOTS, PATHS, CHECK_HOSTS, PAGES = "hosts.map", "slots.map", "paths.map", "checkhosts.map", "pages.map"
MAPS = (HOSTS, SLOTS, PATHS, CHECK_HOSTS)  # those that change at run time
CLOSED = ("H10", "H14", "H80", "H99")  # backends that only answer with a page
# A new server counts as half up, so its first check comes after `fastinter`; a refused request speeds checks up too.
# A starting app is down by its third check: then `downinter` is its wait for the next one, part of every push.
CHECK = "check inter 2s fastinter 100ms downinter 100ms rise 1 fall 3 observe layer4 error-limit 1 on-error fastinter"
REQUEST_ID = "^[A-Za-z0-9_=+/.:-]{1,128}$"
# Where a Host goes on after its name (`shop.example:80@evil.example`), an app may build links from the whole of it.
SANE_HOST = "^[A-Za-z0-9.-]+(:[0-9]{1,5})?$"
# What the router alone says. Servers that follow CGI read `X_Forwarded_Proto` as `X-Forwarded-Proto`.
OURS = "^(forwarded|proxy|x[-_]real[-_]ip|x[-_]forwarded[-_].*|x_request[-_]id|x-request_id)$"
# No server up is H10. The converter: the fetch `nbsrv` in a defaults section kills HAProxy 2.6.12 at its first use.
REFUSED = "be_name,nbsrv,bool,iif(H21,H10)"
# What may be asked twice without harm (RFC 9110 9.2.2): an app that dies over a POST must not get it again.
IDEMPOTENT = "GET HEAD OPTIONS TRACE PUT DELETE"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the configuration is made of. Maps are named relative to the folder that HAProxy is started in."""

    socket: str  # the admin socket's path
    binds: tuple[str, ...]  # address:port
    slots: int
    certificate: str = ""  # PEM file with chain and key, or "" for plain HTTP
    user: str = ""  # whom the worker becomes; "" stays who starts it
    first_byte: float = 30.0  # seconds until H12


def backend(number: int, check_path: str) -> str:
    """Return the backend's name of a slot with or without a check path."""
    return f"slot{number:04d}p" if check_path else f"slot{number:04d}"


def slot_number(name: str) -> int:
    """Return the slot of a backend's name, 0 for one that is no slot's."""
    digits = name.removeprefix("slot").removesuffix("p")
    return int(digits) if name.startswith("slot") and digits.isdigit() else 0


def config_text(settings: Settings, servers: Mapping[str, Mapping[str, str]]) -> str:
    """Return the whole configuration; `servers` (backend -> name -> address:port) are those it starts with."""
    sections = [_global(settings), _defaults(settings), _frontend(settings), *map(_closed, ("unknown", *CLOSED))]
    for number in range(1, settings.slots + 1):
        sections += [_slot(f"slot{number:04d}", "any", servers), _slot(f"slot{number:04d}p", "path", servers)]
    return "\n".join(sections)


def _global(settings: Settings) -> str:
    become = f"  user {settings.user}\n  group {settings.user}\n" if settings.user else ""
    # One thread: two drop a line of the log when both write at once (14 of 10,000 on a busy machine, none with one).
    return f"""global
  nbthread 1
  log stdout len {LONGEST} format raw local0
  stats socket {settings.socket} mode 600 level admin
  stats timeout 30s
  maxconn 8192
  hard-stop-after 30s
  ssl-default-bind-options ssl-min-ver TLSv1.2
  tune.ssl.default-dh-param 2048
{become}"""


def _answer(status: int, code: str) -> str:
    """Return an answer of HAProxy's own; `code` is an expression that yields a page's code."""
    body = f"%[{code},concat(:,txn.form),map({PAGES})]\\n"
    return (
        f'status {status} content-type "text/html; charset=utf-8" lf-string "{body}"'
        f' hdr X-Minato-Error %[{code}] hdr X-Request-ID "%[var(txn.id)]" hdr Cache-Control no-store'
    )


def _defaults(settings: Settings) -> str:
    request = f"""  http-request set-timeout server 1h if {{ req.hdr(accept) -m sub text/event-stream }}
  http-request disable-l7-retry unless {{ method {IDEMPOTENT} }}"""
    check = f'ver HTTP/1.1 hdr Host "%[be_name,map({CHECK_HOSTS},localhost)]" hdr User-Agent minato-check'
    return f"""defaults base
  mode http
  log global
  log-format '{FORMAT}'
  balance leastconn
  option dontlognull
  option http-ignore-probes
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response
  timeout connect 300ms
  timeout queue 5s
  timeout server {settings.first_byte * 1000:.0f}ms
  timeout client 60s
  timeout http-request 15s
  timeout http-keep-alive 60s
  timeout tunnel 1h
  timeout client-fin 10s
  timeout server-fin 10s
  timeout check 2s
  http-error {_answer(502, "str(H13)")}
  http-error {_answer(503, REFUSED)}
  http-error {_answer(504, "str(H12)")}

defaults any from base
{request}
  option httpchk
  http-check send meth GET uri / {check}
  http-check expect status 100-599

defaults path from base
{request}
  option httpchk
  http-check send meth GET uri-lf "%[be_name,map({PATHS},/)]" {check}
  http-check expect status 200-399
"""


def _frontend(settings: Settings) -> str:
    tls = f" ssl crt {settings.certificate} alpn h2,http/1.1" if settings.certificate else ""
    scheme = "https" if tls else "http"
    binds = "\n".join(f"  bind {address}{tls}" for address in settings.binds)
    return f"""frontend apps from base
{binds}
  http-request set-var(txn.form) str(text)
  http-request set-var(txn.form) str(html) if {{ req.hdr(accept) -m sub text/html }}
  http-request set-var(txn.scheme) str({scheme})
  http-request set-var(txn.method) method
  http-request set-var(txn.path) pathq,bytes(0,{PATH_BYTES})
  http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.),bytes(0,253)
  acl one-id req.hdr_cnt(x-request-id) 1
  acl sane-id req.hdr(x-request-id) -m reg {REQUEST_ID}
  acl text var(txn.form) -m str text
  acl sane-host req.hdr(host) -m reg {SANE_HOST}
  http-request set-header X-Request-ID %[uuid()] unless one-id sane-id
  http-request set-var(txn.id) req.hdr(x-request-id)
  http-request set-var(txn.came) req.fhdr(x-forwarded-for)
  http-request del-header '{OURS}' -m reg
  http-request set-header X-Forwarded-For "%[var(txn.came)], %[src]" if {{ var(txn.came) -m found }}
  http-request set-header X-Forwarded-For %[src] unless {{ var(txn.came) -m found }}
  http-request set-header X-Forwarded-Proto {scheme}
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-var(txn.fwd) req.fhdr(x-forwarded-for),bytes(0,256)
  http-request set-var(txn.slot) var(txn.host),map({HOSTS}) if sane-host
  http-request set-var(txn.who) var(txn.slot),map({SLOTS})
  http-request set-var(txn.who) var(txn.host),map({SLOTS}) if sane-host !{{ var(txn.who) -m found }}
  http-response del-header X-Minato-Error
  acl our-page res.hdr(x-minato-error) -m found
  http-after-response set-header Content-Type "text/plain; charset=utf-8" if our-page text
  use_backend %[var(txn.slot)] if {{ var(txn.slot) -m found }}
  default_backend unknown
"""


def _closed(code: str) -> str:
    return f"backend {code} from base\n  http-request return {_answer(pages.PAGES[code].status, f'str({code})')}\n"


def _slot(name: str, kind: str, servers: Mapping[str, Mapping[str, str]]) -> str:
    lines = [f"  server {server} {address} {CHECK}" for server, address in sorted(servers.get(name, {}).items())]
    return "\n".join((f"backend {name} from {kind}", *lines, ""))
