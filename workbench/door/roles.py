"""Who somebody is, and what that allows. Decided here and nowhere else; what no rule names is refused.

Two applications have rules: the owner's (the whole page) and the guests' (one shared run, ui/guest). A rule is a pattern over
"METHOD path", below the place where the application is mounted; the first that matches counts. Handlers of the owner's page have rules
as well (ui/access.py): a handler answers a raw call whether or not its button can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from workbench.door.peer import Caller


class Role(str, Enum):
    """ANONYMOUS has shown nothing yet; GUEST may talk with the one shared run; VIEWER may look at runs; OWNER may do all but what only an
    owner who is LOCAL, at this very machine, may: share, and consent to code that comes with a model."""

    ANONYMOUS = "anonymous"
    GUEST = "guest"
    VIEWER = "viewer"
    OWNER = "owner"
    LOCAL = "local"


Roles = frozenset[Role]
"""What somebody is, or whom a rule lets in: who has any of its roles. Guests of a link may be GUEST, VIEWER or both."""
NOBODY: Roles = frozenset()
EVERYBODY: Roles = frozenset(Role)
UNKNOWN: Roles = frozenset({Role.ANONYMOUS})
OWNERS: Roles = frozenset({Role.OWNER})
LOCALS: Roles = frozenset({Role.LOCAL})
AT_HOME: Roles = OWNERS | LOCALS
GUESTS: Roles = frozenset({Role.GUEST})
VIEWERS: Roles = frozenset({Role.VIEWER})


@dataclass(frozen=True)
class Rule:
    """Who may ask for what matches `pattern`, whole."""

    pattern: str
    roles: Roles

    def covers(self, asked: str) -> bool:
        """Whether "METHOD path" is what this rule is about."""
        return re.fullmatch(self.pattern, asked) is not None


GRADIO = r"/(en|zh)"
API = GRADIO + r"/gradio_api"
OWNER_RULES = (
    Rule(r"(GET|POST) /login", EVERYBODY),
    Rule(r"GET /(favicon\.ico|login\.css)", EVERYBODY),
    Rule(r"POST /logout", EVERYBODY),
    Rule(r"GET /(health|en|zh|)", OWNERS),
    Rule(rf"GET {GRADIO}/(news|hints|config/?|theme\.css|favicon\.ico|manifest\.json|robots\.txt|)", OWNERS),
    Rule(rf"HEAD {GRADIO}/", OWNERS),
    Rule(rf"GET {GRADIO}/(assets|static|svelte)/.*", OWNERS),
    Rule(rf"POST {API}/queue/join/?", OWNERS),
    Rule(rf"GET {API}/(queue/data|heartbeat/[^/]*|upload_progress|startup-events|app_id|theme\.css)", OWNERS),
    Rule(rf"(GET|HEAD) {API}/file=.*", OWNERS),
    Rule(rf"POST {API}/run/.*", OWNERS),
    Rule(rf"POST {API}/(upload/?|cancel/?|reset/?|component_server/?)", OWNERS),
)  # fmt: skip
"""The owner's page. Gradio's routes that nothing here uses (its own login, the second API, monitoring, deep links, remote files, streams,
vibe, reload …) match none."""

GUEST_RULES = (
    Rule(r"GET /in/[A-Za-z0-9_-]+", EVERYBODY),
    Rule(r"GET /(favicon\.ico|guest\.css|guest\.js)", EVERYBODY),
    Rule(r"GET /(|about)", GUESTS | VIEWERS),
    Rule(r"POST /(chat|try)", GUESTS),
    Rule(r"GET /(runs|runs/[^/]+|plotly\.js)", VIEWERS),
)
"""The guests' page: chat with one run, and where the link says so, runs to look at."""


def allowed(rules: tuple[Rule, ...], method: str, path: str) -> Roles:
    """Who may ask for `path` (without what it is mounted under); nobody where no rule matches."""
    asked = f"{method} {path}"
    return next((rule.roles for rule in rules if rule.covers(asked)), NOBODY)


PASSED_ON = re.compile(
    r"forwarded|via|x-forwarded-.*|x-real-ip|x-client-ip|true-client-ip|cf-.*|fly-.*|x-original-.*", re.IGNORECASE
)
"""Headers of which a proxy leaves at least one."""


def is_local(caller: Caller, headers: Mapping[str, str]) -> bool:
    """Whether a request was made at this machine, by its owner: as `seems_local` says, and, where the system tells it, by a program of the
    same user (a proxy of another user is another). As long as nobody has looked, it was not."""
    return caller.ours is True and seems_local(caller, headers)


def seems_local(caller: Caller, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from loopback, asks for a name of loopback, and was passed on by nobody that says so."""
    host = host_name(headers.get("host", ""))
    return caller.client[0] in LOOPBACK and host in LOOPBACK and not any(map(PASSED_ON.fullmatch, headers))


LOOPBACK = ("localhost", "127.0.0.1", "::1")


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets; "" for one that is none."""
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        return name if re.fullmatch(r"(:\d+)?", rest) else ""
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()
