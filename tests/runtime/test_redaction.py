"""What has the form of a secret is hidden, and looking whether a text may hold one misses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwright import redaction
from runwright.redaction import HIDDEN, Redactor

PIECES = st.sampled_from([
    "rw_", "rwt_", "sk-", "Bearer ", "bEaReR\t", "://", "u:", "@h", "a1b2c3d4", "_", "0" * 64, "x" * 20, " ", "İ", "\n",
])  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_text_that_is_not_looked_through_holds_no_form_of_a_secret(text: str) -> None:
    """The marks are a shortcut and nothing else."""
    assert Redactor()(text) == redaction._FORMS.sub(redaction._kept, text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key rw_0a1b2c3d_{'s' * 20}!", f"key rw_0a1b2c3d_{HIDDEN}!"),
        (f"ticket rwt_{'0f' * 32}", f"ticket rwt_{HIDDEN}"),
        (f"sk-{'s' * 20}", f"sk-{HIDDEN}"),
        ("Authorization: BEARER abcdefgh", f"Authorization: BEARER {HIDDEN}"),
        ("postgresql://me:word@host/db", f"postgresql://me:{HIDDEN}@host/db"),
        ("nothing of it", "nothing of it"),
    ],
)
def test_every_form_is_hidden(text: str, shown: str) -> None:
    """What names it stays."""
    assert Redactor()(text) == shown
