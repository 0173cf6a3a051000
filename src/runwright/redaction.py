"""What must not be read in a log, whoever wrote it there: keys, tickets and passwords become `…`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

HIDDEN = "…"
SECRET_CHARACTERS_MIN = 6  # what is shorter is a word, and hiding it everywhere would hide half of the log
_FORMS = re.compile(
    r"\b(rw_[0-9a-z]{4,64}_)[0-9A-Za-z_-]{16,}"  # our API keys: the part in front names them
    r"|\b(rwt_)[0-9a-f]{64}"  # our tickets
    r"|\b(sk-)[0-9A-Za-z_-]{16,}"  # keys of model providers
    r"|((?i:\bbearer\s+))[0-9A-Za-z._~+/=-]{8,}"
    r"|(://[^\s/:@\"']{0,200}:)[^\s/@\"']{1,200}(?=@)"  # the password of an address
)


class Redactor:
    """Hides what has the form of a secret, and the secrets that are known to this process.

    secrets   as they are set; addresses are looked through for their passwords
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets for form in _spellings(secret)}
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return _FORMS.sub(_kept, text) if _may_hold(text) else text


def _may_hold(text: str) -> bool:
    """Whether a form may be in a text: each has one of these in it, and few lines do.

    To look for them takes a fiftieth of what the forms take.
    """
    return "rw_" in text or "rwt_" in text or "sk-" in text or "://" in text or "bearer" in text.lower()


def _kept(match: re.Match[str]) -> str:
    return f"{match[match.lastindex or 0]}{HIDDEN}"


def _spellings(secret: str) -> list[str]:
    """How a secret may be written; of an address, its password alone."""
    if "://" in secret:
        userinfo = secret.partition("://")[2].partition("/")[0].rpartition("@")[0]
        secret = unquote(userinfo.partition(":")[2])
    forms = {secret, quote(secret, safe="")}
    return [form for form in forms if len(form) >= SECRET_CHARACTERS_MIN]
