"""The red line on every page while anything is shared with guests."""

from __future__ import annotations

import time

from workbench.core.workspace import Workspace
from workbench.door import link as links
from workbench.ui.notices import esc
from workbench.ui.words import Words


def banner(workspace: Workspace, words: Words) -> str:
    """The red line on every page while anything is shared."""
    found = links.all_open(workspace)
    if not found:
        return ""
    guests = sum(links.facts(workspace, each)["guests"] for each in found)
    runs = ", ".join(dict.fromkeys(each.run for each in found))
    text = words("share_banner", run=runs, n=guests, until=clock(max(each.until for each in found)))
    return f'<div id="shared" role="status"><span>{esc(text)}</span><button data-go="chat" data-open="share" data-seek="share-stop">{esc(words("share_see"))}</button></div>'


def clock(when: float) -> str:
    """A time of the day that is not far off."""
    return time.strftime("%m-%d %H:%M", time.localtime(when))
