"""Everything that goes wrong here, as one tree.

    CtcError
    ├── ConfigError            a profile, option or environment value; exit code 2
    ├── SetupError             something this machine lacks (Java, a free port, the emulator)
    ├── SessionError           a session's state folder is busy, missing or not resumable
    ├── FrameError             an exchange frame that can't be read; carries the raw bytes
    ├── ExchangeError          the exchange refused or closed (451, 429, 418, error frames)
    ├── RecordingError         a recorded file that can't be read
    ├── StreamError            Kinesis, Kafka
    │   ├── Throttled          slow down; carries retry_after
    │   ├── PartialWrite       some entries were refused; carries their indexes
    │   └── DataLoss           the stream no longer holds what was asked for
    ├── EngineLost             Spark's JVM has ended under its driver; exit code 3: worth another start
    ├── StoreError             DynamoDB or S3
    └── LakeError              the Iceberg catalog or a table

A message says what happened, to what, and what to do about it.
"""


class CtcError(Exception):
    """Stops a command with one sentence and `exit_code`."""

    exit_code = 1


class ConfigError(CtcError):
    """A value that a person can correct: profile key, option, environment variable."""

    exit_code = 2


class SetupError(CtcError):
    """Something this machine lacks; the message says how to get it."""


class SessionError(CtcError):
    """A state folder that is in use, missing, or can't be resumed."""


class FrameError(CtcError):
    """An exchange frame that can't be read; goes to the dead-letter queue with its bytes."""

    def __init__(self, exchange: str, reason: str, raw: bytes) -> None:
        super().__init__(f"{exchange}: {reason}")
        self.exchange = exchange
        self.reason = reason
        self.raw = raw


class ExchangeError(CtcError):
    """The exchange refused or closed; `retry_after` in seconds when it said so, `status` the HTTP status it refused with."""

    def __init__(self, message: str, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class RecordingError(CtcError):
    """A recorded file that is missing, empty or of no known form."""


class StreamError(CtcError):
    """The stream answered with an error that is not worth another try."""


class Throttled(StreamError):
    """Too fast for the stream; try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PartialWrite(StreamError):
    """Some records of a call were refused; `failed` holds their indexes, ascending."""

    def __init__(self, message: str, failed: tuple[int, ...]) -> None:
        super().__init__(message)
        self.failed = failed


class DataLoss(StreamError):
    """Records between the checkpoint and the stream's oldest are gone; the message names them."""


class EngineLost(CtcError):
    """Spark's JVM has ended under its driver; a new driver goes on from the checkpoints."""

    exit_code = 3


class StoreError(CtcError):
    """DynamoDB or S3 refused."""


class LakeError(CtcError):
    """The catalog or an Iceberg table refused, or the table is not there."""
