"""Recorded files of every form, told by content, as frames in the order of time."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ctc.errors import RecordingError
from ctc.model import from_us
from ctc.sources.files import OpenPiece, Piece
from ctc.sources.frames import receive_time, take_apart
from ctc.sources.recording import RecordedFrame, Recording
from ctc.sources.survey import survey

FIXTURES = Path(__file__).parents[1] / "fixtures" / "realdata"
FRAME = '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":5,"p":"2","q":"3","T":1723161255342,"m":true}}'
AGGREGATE = '{"e":"aggTrade","E":1723161255343,"s":"BTCUSDT","a":5,"f":9,"l":9,"p":"2","q":"3","T":1723161255342,"m":true}'
MATCH = '{"type":"match","trade_id":8,"side":"sell","size":"1","price":"2","product_id":"BTC-USD","time":"2024-08-08T23:54:15Z"}'


def zipped(data: bytes, name: str = "BTCUSDT-trades-2025-01-01.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def opened(*paths: Path) -> tuple[list[Recording], list[RecordedFrame]]:
    """The recordings, and all of their frames."""
    recordings = survey(paths).require().open({})
    return recordings, [frame for recording in recordings for frame in recording]


def ids(frames: Sequence[RecordedFrame]) -> list[int]:
    return [trade.trade_id for frame in frames if frame.reading for trade in frame.reading.trades]


@pytest.mark.parametrize(
    ("prefix", "received"),
    [
        ("1723161255087896568 ", datetime(2024, 8, 8, 23, 54, 15, 87896, tzinfo=UTC)),
        ("1723161255087896 ", datetime(2024, 8, 8, 23, 54, 15, 87896, tzinfo=UTC)),
        ("1723161255087 ", datetime(2024, 8, 8, 23, 54, 15, 87000, tzinfo=UTC)),
        ("1723161255 ", datetime(2024, 8, 8, 23, 54, 15, tzinfo=UTC)),
        ("1723161255.0878969: ", datetime(2024, 8, 8, 23, 54, 15, 87896, tzinfo=UTC)),
        ("1723161255.5 ", datetime(2024, 8, 8, 23, 54, 15, 500000, tzinfo=UTC)),
        ("", None),
    ],
)
def test_recording_reads_every_receive_time(tmp_path: Path, prefix: str, received: datetime | None) -> None:
    path = tmp_path / "x"
    path.write_text(f"{prefix}{FRAME}\n")
    _, (frame,) = opened(path)
    assert (frame.received, frame.raw.decode(), frame.exchange, frame.source) == (received, FRAME, "binance", "x")
    assert frame.reading is not None
    (trade,) = frame.reading.trades
    assert trade.ingestion_timestamp == (received or trade.timestamp)


@pytest.mark.parametrize(
    "packed",
    [bytes, gzip.compress, zstandard.ZstdCompressor().compress, lambda data: gzip.compress(data[:150]) + gzip.compress(data[150:])],
)
@pytest.mark.parametrize("text", [f"{FRAME}\n{MATCH}\n", f"\ufeff{FRAME}\r\n\r\n  \r\n{MATCH}\r\n", f"\n\n{FRAME}\n{MATCH}"])
def test_recording_is_told_by_content_not_name(tmp_path: Path, packed: Callable[[bytes], bytes], text: str) -> None:
    path = tmp_path / "named.png"
    path.write_bytes(packed(text.encode()))
    (recording,), frames = opened(path)
    assert ids(frames) == [5, 8]
    assert [frame.exchange for frame in frames] == ["binance", "coinbase"]
    assert (recording.counts.lines, recording.counts.trades, recording.trouble) == (2, 2, None)
    assert recording.position() <= path.stat().st_size


def test_recording_skips_and_counts_what_recorders_write_beside_frames() -> None:
    (recording,), frames = opened(FIXTURES / "cryptofeed_BINANCE_aggTrade_btc_eth_dot_20210404.txt")
    assert (recording.counts.skipped["connect"], recording.counts.skipped["http"]) == (1, 3)
    assert all(frame.received is not None and frame.error is None for frame in frames)
    assert len(frames) == recording.counts.lines - sum(recording.counts.skipped.values())


def test_recording_tells_hyperliquid_from_others_that_name_a_channel(tmp_path: Path) -> None:
    recordings, frames = opened(FIXTURES / "hyperliquid_btc_ws_20250126.excerpt.gz")
    trades = [trade for frame in frames if frame.reading for trade in frame.reading.trades]
    assert (len(frames), len(trades), recordings[0].counts.trades) == (9, 64, 64)
    assert recordings[0].counts.skipped == {"hyperliquid l2Book": 6}
    assert {trade.symbol for trade in trades} == {"BTC-PERP"}
    assert all(trade.ingestion_timestamp - trade.timestamp < timedelta(minutes=1) for trade in trades)
    path = tmp_path / "x"
    path.write_text(f'{FRAME}\n{{"channel":"market_trades","client_id":"","events":[]}}\n{{"channel":"pong"}}\n')
    (recording,), _ = opened(path)
    assert recording.counts.skipped == {"another form": 1, "hyperliquid pong": 1}


ROWS = {
    "BTCUSDT-trades-2024-01-01.csv": ("7,2.5,4,10.0,1704067200000,True,True", "spot", "trade"),
    "BTCUSDT-aggTrades-2025-01-01.csv": ("7,2.5,4,9,9,1704067200000000,true,true", "spot", "aggTrade"),
    "futures/BTCUSDT-trades-2024-01-01.csv": ("7,2.5,4,10.0,1704067200000,true", "usdm", "trade"),
    "futures/BTCUSDT-aggTrades-2024-01-01.csv": ("7,2.5,4,9,9,1704067200000,true", "usdm", "aggTrade"),
}
HEADERS = {
    7: "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match",
    8: "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match",
    6: "id,price,qty,quote_qty,time,is_buyer_maker",
}


@pytest.mark.parametrize("name", sorted(ROWS))
@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("packed", [bytes, gzip.compress, zipped])
def test_recording_reads_every_archive_layout(tmp_path: Path, name: str, header: bool, packed: Callable[[bytes], bytes]) -> None:
    row, market, kind = ROWS[name]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    head = HEADERS[8].removesuffix(",is_best_match") if "futures" in name and kind == "aggTrade" else HEADERS[row.count(",") + 1]
    path.write_bytes(packed(f"{head}\n{row}\n".encode() if header else f"{row}\n".encode()))
    _, (frame,) = opened(path)
    assert frame.reading is not None
    (trade,) = frame.reading.trades
    assert (trade.market, trade.kind, trade.native_symbol, trade.trade_id) == (market, kind, "BTCUSDT", 7)
    assert (trade.price, trade.quantity, trade.quote_volume, trade.side) == (Decimal("2.5"), Decimal(4), Decimal(10), "sell")
    assert trade.timestamp == trade.ingestion_timestamp == datetime(2024, 1, 1, tzinfo=UTC)
    assert (trade.raw_event_payload, frame.received) == (row, None)


def test_recording_mixes_milliseconds_and_microseconds_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT-trades-2024-12-31.csv").write_text("1,2,3,6,1735689599999,True,True\n")
    (tmp_path / "BTCUSDT-trades-2025-01-01.csv").write_text(
        "2,2,3,6,1735689600010866,false,True\nnonsense\n3,2,x,6,1735689600010866,no,1\n"
    )
    recordings, frames = opened(tmp_path)
    times = [frame.reading.trades[0].timestamp for frame in frames if frame.reading]
    assert times == [datetime(2024, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), datetime(2025, 1, 1, 0, 0, 0, 10866, tzinfo=UTC)]
    assert recordings[1].counts.unreadable == 2


def test_recording_of_an_archive_without_symbol_says_how_to_name_it(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text("1,2,3,6,1735689599999,True,True\n")
    with pytest.raises(RecordingError, match="name the file like BTCUSDT-trades-2025-01-01"):
        opened(path)


def test_recording_of_coin_margined_contracts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSD_PERP-trades-2024-01-01.csv"
    path.write_text("1,2,3,6,1735689599999,true\n")
    with pytest.raises(RecordingError, match="contracts and not coins"):
        opened(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n \n\xef\xbb\xbf\n", "no known form"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (bytes(range(256)) * 99, "no known form"),
        (b"\x1f\x8b" + b"garbage" * 9, "can't be read"),
        (b"\x28\xb5\x2f\xfd" + b"garbage" * 9, "can't be read"),
        (b"PK\x03\x04" + b"garbage" * 9, "can't be read"),
        (b"PAR1" + b"\x00" * 99, "no known form"),
        (b'"symbol","side","price"\n"BTC-USD","sell",1\n', "no known form"),
        (b'[{"coin":"BTC"}]', "no known form"),
        (b"{\n}\n", "no known form"),
    ],
)
def test_recording_that_is_none_is_one_clear_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=words) as caught:
        survey([path]).require()
    assert "x.gz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_survey_skips_other_files_of_a_folder_with_a_notice(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# words\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "day.jsonl").write_text(FRAME)
    found = survey([tmp_path, tmp_path / "deep"]).require()
    assert [piece.name for piece, _ in found.recordings] == ["day.jsonl"]
    assert len(found.notices) == 2


def test_survey_of_a_folder_without_recordings_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no recording in"):
        survey([tmp_path]).require()
    with pytest.raises(RecordingError, match="there is no file or folder"):
        survey([tmp_path / "none"]).require()


def test_survey_says_where_a_market_has_both_kinds(tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"
    path.write_text("\n".join([AGGREGATE, FRAME, AGGREGATE.replace("BTCUSDT", "ETHUSDT")]))
    found = survey([path])
    assert found.spaces == [("binance", "spot", *rest) for rest in (("BTCUSDT", "aggTrade"), ("BTCUSDT", "trade"), ("ETHUSDT", "aggTrade"))]
    assert set(found.held) == {("binance", "spot", "BTCUSDT")}
    assert [notice for notice in found.notices if "BTCUSDT: trade and aggTrade are here" in notice]
    _, frames = opened(path)
    assert [frame.reading and frame.reading.kind for frame in frames] == ["aggTrade", "trade", "aggTrade"]


def test_recording_time_never_runs_back_and_falls_back_to_event_time(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("\n".join(["?", FRAME, FRAME.replace("255342", "250000"), "?", f"1723161259 {FRAME}", f"1723161258 {FRAME}"]))
    _, frames = opened(path)
    assert [frame.frame_time_us for frame in frames] == [0] + [1723161255342000] * 3 + [1723161259000000] * 2


def test_recording_that_is_read_again_counts_anew_and_knows_how_far_it_came(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([FRAME, AGGREGATE.replace('"a":5', '"a":6'), "?"]))
    (recording,) = survey([path]).require().open({})
    first = list(recording)
    assert (recording.counts.lines, recording.position()) == (3, path.stat().st_size)
    assert [each.frame_time_us for each in recording] == [each.frame_time_us for each in first]
    assert (recording.counts.lines, recording.counts.unreadable) == (3, 1)


def test_piece_whose_file_ended_before_it_is_left_without_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(FRAME)
    with OpenPiece(Piece(path)) as piece:
        piece.stream.close()
    assert piece.position() == 0


def test_recording_of_rest_pages_gives_their_trades_once_each() -> None:
    (recording,), frames = opened(FIXTURES / "binance_rest_trades_pages.json")
    markets = {trade.space for frame in frames if frame.reading for trade in frame.reading.trades}
    assert "binance|spot|BTCUSDT|trade" in markets
    assert "binance|usdm|BTCUSDT|aggTrade" in markets
    assert recording.counts.unreadable == 0


def test_recording_cuts_a_line_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctc.sources.files.LONGEST_LINE", 1000)
    path = tmp_path / "x"
    path.write_text(f"{FRAME}\n" + "y" * 5000 + f"\n{MATCH}\n")
    (recording,), frames = opened(path)
    assert ids(frames) == [5, 8]
    assert recording.counts.unreadable == 1


@given(st.binary(max_size=200))
def test_line_of_any_bytes_is_taken_apart_or_refused(line: bytes) -> None:
    take_apart(line)


def test_receive_time_of_twenty_nines_is_still_in_the_calendar() -> None:
    assert from_us(receive_time(b"9" * 20, b"")).year == 5138
    assert take_apart(b"9" * 25 + b" {}") is None


def packed_frames(count: int) -> bytes:
    return "\n".join(FRAME.replace('"t":5', f'"t":{number}') for number in range(count)).encode()


def test_recording_that_was_cut_in_its_first_lines_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    whole = gzip.compress(packed_frames(200))
    path.write_bytes(whole[: len(whole) // 2])
    (recording,), frames = opened(path)
    assert ids(frames)[:20] == list(range(20))
    assert "damaged after line" in (recording.trouble or "")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_recording_that_was_cut_says_so_whatever_packed_it(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "cut"
    whole = pack(packed_frames(20_000))  # some blocks of either
    path.write_bytes(whole[: len(whole) * 2 // 3])
    (recording,), frames = opened(path)
    assert 1000 < len(frames) < 20_000
    assert ids(frames) == list(range(len(frames)))
    assert recording.trouble is not None
    assert recording.trouble.endswith("Compressed file ended before the end-of-stream marker was reached")


@pytest.mark.parametrize("borders", [(), (100,), (1, 2000, 40_000)])
def test_recording_of_several_zstd_frames_is_read_to_its_end(tmp_path: Path, borders: tuple[int, ...]) -> None:
    path, text, pack = tmp_path / "x", packed_frames(5000), zstandard.ZstdCompressor().compress
    parts = [text[first:last] for first, last in zip((0, *borders), (*borders, None), strict=True)]
    skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    path.write_bytes(skippable.join(map(pack, parts)))
    (recording,), frames = opened(path)
    assert ids(frames) == list(range(5000))
    assert recording.trouble is None
    path.write_bytes(path.read_bytes()[:-1])
    assert "damaged" in (opened(path)[0][0].trouble or "")
