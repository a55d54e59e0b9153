"""What can go wrong, one class a cause.

A message says what happened, to what, and what to do; it may be shown to an admin as it stands.
What a rater reads is chosen by the page (`arena.web.words`), never taken from a message: messages
may name models.
"""


class ArenaError(Exception):
    """Anything that Evenhand itself reports; `exit_status` is what a command ends with."""

    exit_status = 1


class ConfigError(ArenaError):
    """A configuration or a command line that cannot be used."""

    exit_status = 2


class QuestionBankError(ConfigError):
    """A question bank that cannot be used; the message names file, line and field."""


class LogError(ArenaError):
    """A vote log that cannot be read or written; the message names file, rows and field."""


class StoreError(ArenaError):
    """A database that cannot be opened: locked by another server, damaged, newer than the code."""


class StoreConflict(StoreError):
    """Another server holds the database: a matter of usage, so commands end with 2."""

    exit_status = 2


class NotAllowed(ArenaError):
    """A rater or a token without the right to do this."""


class TooMany(ArenaError):
    """A limit on battles or prompts was reached; `retry_s` says when to come again."""

    def __init__(self, message: str, retry_s: float) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class PromptRefused(ArenaError):
    """A prompt that cannot be sent; `reason` is `empty`, `long`, `turns` or `full`."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ModelUnavailable(ArenaError):
    """Fewer than two models can respond at present."""


class VoteRefused(ArenaError):
    """A vote that was not taken; the vote in force, if any, stays."""


class BattleNotReady(VoteRefused):
    """The battle is not open for votes: still streaming, skipped or void."""


class AlreadyVoted(VoteRefused):
    """The battle has a vote in force with another outcome."""


class VoteNotSaved(VoteRefused):
    """The store failed before the vote was durable; the same press may be sent again."""
