"""Every error that Runwright raises on purpose.

One root with a stable `code` and whether trying again can help. The docstring of a class is the
message for people; what is known about the case is appended to it. HTTP status is decided at the
HTTP edge, never here. Broken invariants are `assert`, outside this family.
"""

from __future__ import annotations

from typing import ClassVar


class RunwrightError(Exception):
    """Something went wrong inside Runwright."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, hint: str | None = None) -> None:
        self.detail = detail
        self.hint = hint
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """One line for a person: the detail where there is one, else what the class says of itself."""
        return self.detail or (self.__doc__ or self.code).strip().splitlines()[0]


class Invalid(RunwrightError):
    """What was sent cannot be used as it is; correct it and send it again."""

    code = "invalid"


class InvalidRef(Invalid):
    """A reference to a step's output is not written correctly."""

    code = "invalid_ref"


class InvalidInput(Invalid):
    """A value does not fit what was asked for."""

    code = "invalid_input"


class NotUnderstood(Invalid):
    """No part of the request may be guessed at, and this part was not understood."""

    code = "not_understood"


class Missing(RunwrightError):
    """Nothing has that name."""

    code = "not_found"


class RunMissing(Missing):
    """There is no run with this id."""

    code = "run_not_found"


class ToolMissing(Missing):
    """There is no tool with this name."""

    code = "tool_not_found"


class Conflict(RunwrightError):
    """Someone else was first, or the run is not in a state that allows this."""

    code = "conflict"


class StaleAppend(Conflict):
    """The run's journal has moved on; read it again before writing."""

    code = "stale_append"

    def __init__(self, expected_seq: int, actual_seq: int) -> None:
        self.expected_seq, self.actual_seq = expected_seq, actual_seq
        super().__init__(f"the journal is at seq {actual_seq}, not at {expected_seq}")


class ClaimLost(Conflict):
    """Another worker owns this run now."""

    code = "claim_lost"

    def __init__(self, epoch: int, actual_epoch: int | None = None) -> None:
        self.epoch, self.actual_epoch = epoch, actual_epoch
        now = (
            f"the run's epoch is not {epoch} any more"
            if actual_epoch is None
            else (f"the run's epoch is {actual_epoch}, not {epoch}")
        )
        super().__init__(f"{now}: another worker owns it now")


class KeyReused(Conflict):
    """This Idempotency-Key was used before with another body."""

    code = "idempotency_key_reused"


class IllegalTransition(Conflict):
    """The run's state does not allow this event."""

    code = "illegal_transition"


class RunCorrupt(Conflict):
    """The run's journal is damaged: a record is missing or was changed."""

    code = "run_corrupt"


class LimitReached(RunwrightError):
    """A limit was hit."""

    code = "limit_reached"

    def __init__(self, limit: str, value: float, value_max: float, *, setting: str | None = None) -> None:
        self.limit, self.value, self.value_max, self.setting = limit, value, value_max, setting
        tail = f" (setting {setting})" if setting else ""
        super().__init__(f"{limit} is {value:g}, the limit is {value_max:g}{tail}")


class ToolFailed(RunwrightError):
    """A tool said no."""

    code = "tool_failed"


class ToolTerminal(ToolFailed):
    """A tool said no, and asking again will not change its mind."""


class ToolRetryable(ToolFailed):
    """A tool could not do its work just now; asking again may help."""

    retryable = True

    def __init__(
        self, detail: str = "", *, retry_after_s: float | None = None, hint: str | None = None
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(detail, hint=hint)


class ToolTimedOut(ToolFailed):
    """A tool did not answer in its time."""

    code = "tool_timed_out"
    retryable = True

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        super().__init__(f"the tool did not answer within {timeout_s:g} s")


class DatabaseInUse(Conflict):
    """Another process drives this database file."""

    code = "database_in_use"

    def __init__(self, path: object, pid: int | None, address: str | None) -> None:
        self.pid, self.address = pid, address
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{path} is in use by {who}",
            hint="stop that process, talk to it with --server, or set RUNWRIGHT_DATABASE_URL to another file",
        )


class Unavailable(RunwrightError):
    """Something that Runwright needs is not reachable just now; try again."""

    code = "unavailable"
    retryable = True


class JournalUnavailable(Unavailable):
    """The journal cannot be written or read just now."""

    code = "journal_unavailable"


class LimitsUnavailable(Unavailable):
    """Nobody can say just now how often this caller has come, so it is not let in; try again."""

    code = "limits_unavailable"


class JournalFault(RunwrightError):
    """The journal refused a record that ought to fit; this is a fault of Runwright, not of the store."""

    code = "journal_fault"


class Overloaded(Unavailable):
    """The server has as much work as it may hold; try again later."""

    code = "overloaded"
