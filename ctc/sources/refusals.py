"""What an exchange means when it refuses or hangs up, in words, and how long to stay away."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from ctc.errors import ExchangeError

# (what to do, seconds to stay away unless Retry-After says otherwise)
_STATUSES: dict[int, tuple[str, float]] = {
    400: ("it did not understand the request: check the symbols and the kind in the profile", 30.0),
    403: ("its firewall blocks this address: wait, and open fewer connections", 60.0),
    404: ("there is no such endpoint: check exchanges.{exchange}.{key} in the profile", 30.0),
    418: ("this address is banned for going on after HTTP 429: stay away until the ban ends, don't restart in a loop", 300.0),
    429: ("too many connections or requests from this address: wait, and open fewer", 60.0),
    451: (
        "it does not serve this place for legal reasons: use a host that does (exchanges.{exchange}.ws; Binance's public market "
        "data is also at wss://data-stream.binance.vision), take {exchange} out of session.exchanges, or use `ctc sim`",
        300.0,
    ),
}


def explain(exchange: str, url: str, error: BaseException) -> ExchangeError:
    """The ExchangeError for anything a connection raises; an ExchangeError stays as it is."""
    if isinstance(error, ExchangeError):
        return error
    if isinstance(error, InvalidStatus):
        return _status(exchange, url, error)
    if isinstance(error, ConnectionClosed):
        said = error.rcvd and f"{error.rcvd.code} {error.rcvd.reason}".strip()
        return ExchangeError(f"{exchange} closed the connection ({said or 'without a word'}); connecting again")
    if isinstance(error, InvalidURI):
        return ExchangeError(f"{url} is not a websocket address: correct exchanges.{exchange}.ws in the profile", 30.0)
    if isinstance(error, InvalidHandshake):
        return ExchangeError(f"{exchange} at {url} does not speak websocket ({error}): check exchanges.{exchange}.ws in the profile", 5.0)
    if isinstance(error, TimeoutError):
        return ExchangeError(f"{exchange} at {url} does not answer in time; trying again")
    return ExchangeError(f"{exchange} at {url} can't be reached ({error}): is the network, or the simulator, up? Trying again")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, in either of its forms; None where there is none that can be read."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value.strip())
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - now).total_seconds())


def _status(exchange: str, url: str, error: InvalidStatus) -> ExchangeError:
    return refused(exchange, url, error.response.status_code, error.response.headers.get("Retry-After"))


def refused(exchange: str, url: str, code: int, retry_after: str | None, key: str = "ws") -> ExchangeError:
    """The ExchangeError for an HTTP status; `key` names the setting that the address is of."""
    remedy, stay_s = _STATUSES.get(code, ("its servers have trouble: trying again", 5.0 if code >= 500 else 30.0))
    asked = retry_after_s(retry_after, datetime.now(UTC))
    wait_s = stay_s if asked is None else asked
    said = f"{exchange} refused {url} with HTTP {code}: {remedy.format(exchange=exchange, key=key)} (next try in {wait_s:.0f} s)"
    return ExchangeError(said, wait_s, code)
