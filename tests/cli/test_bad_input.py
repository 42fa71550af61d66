"""What a person can get wrong ends in one sentence with the remedy and exit code 2, what the machine lacks in one with 1."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from command_line import Answer, Call, caller

from ctc import java, settings
from ctc.errors import SessionError, SetupError
from ctc.java import require_java
from ctc.processes import free_port, is_locked, locked, queued
from ctc.session import clear, opened_session, reachable, running
from ctc.settings import load_profile, save_state

CTC = [sys.executable, "-c", "from ctc.cli.main import main; main()"]


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.json").touch()
    (tmp_path / "noise.gz").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "file").write_text("a file\n")
    (tmp_path / "folder").mkdir()
    return caller(capsys, monkeypatch)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sim --profile prod", "no profile 'prod'; choose one of: cloud, live, localstack, sim"),
        ("live --profile prod", "no profile 'prod'"),
        ("normalize --profile prod file", "no profile 'prod'"),
        ("sim --profile live", "use `ctc live` for the real exchanges"),
        ("sim --report r.json", "--report goes with --exit"),
        ("sim --exit --report nowhere/r.json", "make it first"),
        ("score --profile prod", "no profile 'prod'"),
        ("score --seeds 1-x", "write them as 7, 1-10 or 3,5,8-9"),
        ("score --seeds 9-1", "is 0 seeds"),
        ("score --symbols DOGE-USDT", "has no 'DOGE-USDT'; it has BTC-USDT"),
        ("score --plot z.pdf", ".svg or a .png"),
        ("score --plot nowhere/z.svg", "make it first"),
        ("score --report nowhere/r.json", "make it first"),
        ("sim --resume --replay file", "start a replay anew"),
        ("sim --resume --state folder", "start one with `ctc sim`"),
        ("live --resume --state folder", "start one with `ctc sim`"),
        ("status --state folder", "--state"),
        ("status --state file/inside", "--state"),
        ("alerts --state folder", "--state"),
        ("query --state folder", "--state"),
    ],
)
def test_wrong_call_is_one_sentence_and_exit_code_2(ctc: Call, words: str, said: str) -> None:
    sql = ["select 1"] if words.startswith("query") else []
    answer = ctc(*words.split(), *sql)
    assert answer.code == 2
    assert said in answer.sentence()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("drop table raw_trades", "read only"),
        ("insert into spreads values (1)", "read only"),
        ("copy (select 1) to 'out.csv'", "read only"),
        ("selec 1", "syntax error"),
        ("select 1; select 2", "one SQL statement, not 2"),
        ("", "one SQL statement, not 0"),
    ],
)
def test_sql_that_can_not_be_run_is_refused_before_anything_starts(ctc: Call, sql: str, said: str) -> None:
    answer = ctc("query", sql, "--state", "folder")
    assert (answer.code, answer.sentence().count(said)) == (2, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nonsense", "No such command 'nonsense'"),
        ("sim --nonsense", "No such option"),
        ("sim --minutes 0", "--minutes"),
        ("sim --minutes many", "--minutes"),
        ("sim --rate nan", "--rate"),
        ("sim --rate 0", "--rate"),
        ("sim --seed -1", "--seed"),
        ("sim --speed 3", "'max'"),
        ("sim --replay nowhere", "does not exist"),
        ("sim --exit --report folder", "is a directory"),
        ("sim --state file", "is a file"),
        ("alerts --type dip", "'volume_spike'"),
        ("alerts --since yesterday", "no ISO time"),
        ("alerts --limit 201", "--limit"),
        ("query", "give one question"),
        ("status --format xml", "'json'"),
    ],
)
def test_unknown_option_or_value_is_a_usage_error(ctc: Call, words: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    answer = ctc(*words.split())
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CTC_WHALES__NOPE", "1", "'whales.nope', which is not a key of this profile; [whales] has threshold, severity, tiers"),
        ("CTC_WHALES__TRESHOLD", "1", "did you mean 'whales.threshold'?"),
        ("CTC_WALES__NOPE", "1", "its tables are session, aws"),
        ("CTC_WHALES__THRESHOLD", "abc", "CTC_WHALES__THRESHOLD='abc' in the environment"),
        ("CTC_WHALES__THRESHOLD", "NaN", "CTC_WHALES__THRESHOLD='NaN' in the environment"),
        ("CTC_WHALES__THRESHOLD", "-5", "zero or more"),
        ("CTC_VOLUME__WINDOW_S", "0", "CTC_VOLUME__WINDOW_S='0' in the environment"),
        ("CTC_VOLUME__WINDOW_S", "1.5", "volume.window_s must be a whole number"),
        ("CTC_API__PORT", "99999", "<= 65535"),
        ("CTC_SESSION__EXCHANGES", "binance,kraken", "no [exchanges.kraken]"),
        ("CTC_EXCHANGES__BINANCE__WS", "localhost:9443", "ws://127.0.0.1:PORT"),
        ("CTC_EXCHANGES__BINANCE__WS", "ws://127.0.0.1", "ws://127.0.0.1:PORT"),
    ],
)
def test_wrong_value_of_the_environment_names_it(ctc: Call, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    answer = ctc("sim", "--state", "session")
    assert answer.code == 2
    assert said in answer.sentence()


@pytest.mark.parametrize(
    ("path", "said"),
    [("empty.json", "is empty"), ("noise.gz", "no known form"), ("file", "no known form"), ("folder", "no recording in")],
)
def test_unreadable_recording_is_named(ctc: Call, path: str, said: str) -> None:
    replayed = ctc("sim", "--replay", path, "--state", "session", "--free-ports")
    assert replayed.code == 1
    assert said in replayed.sentence()
    assert path in replayed.sentence()
    normalized = ctc("normalize", path)
    assert (normalized.code, normalized.out) == (1, "")
    assert said in normalized.err


def test_missing_recording_is_named(ctc: Call) -> None:
    answer = ctc("normalize", "nowhere.json")
    assert answer.code == 1
    assert "there is no file or folder nowhere.json" in answer.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_files_are_named(ctc: Call, tmp_path: Path) -> None:
    (tmp_path / "file").chmod(0)
    (tmp_path / "folder").chmod(0o500)
    assert "file" in ctc("sim", "--replay", "file", "--state", "session").err
    assert "may not be written" in ctc("sim", "--exit", "--report", "folder/r.json").sentence()
    assert "can't hold a session" in ctc("sim", "--state", "folder/session", "--free-ports").sentence()


def test_folder_that_can_not_be_made_is_named(ctc: Call) -> None:
    answer = ctc("sim", "--state", "file/session", "--free-ports")
    assert (answer.code, "name a folder that may be written to with --state" in answer.sentence()) == (1, True)


@pytest.mark.parametrize(
    ("content", "said"), [(b'{"session":', "is damaged"), (b"\xff\xfe", "is damaged"), (b'{"a":1}', "unknown field `a`"), (b"[]", "object")]
)
def test_damaged_settings_of_a_session_name_the_file(ctc: Call, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "folder" / "settings.json").write_bytes(content)
    for words in (["status"], ["alerts"], ["query", "select 1"], ["sim", "--resume"]):
        answer = ctc(*words, "--state", "folder")
        assert (answer.code, said in answer.sentence(), "settings.json" in answer.err) == (2, True, True)


@pytest.mark.parametrize("name", ["API", "INSPECTOR", "AWS"])
def test_port_in_use_is_named_before_anything_is_touched(ctc: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    kept = tmp_path / "folder" / "settings.json"
    kept.write_text("an earlier session's")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free_ports(monkeypatch)
        monkeypatch.setenv(f"CTC_{name}__{'EMULATOR_PORT' if name == 'AWS' else 'PORT'}", str(port))
        answer = ctc("sim", "--state", "folder")
    assert answer.code == 1
    assert f"port {port} for " in answer.sentence()
    assert answer.err.strip().endswith("is in use: stop what uses it, or choose another with --free-ports")
    assert kept.exists()


def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every server of the sim profile a port of its own."""
    for name in ("CTC_API__PORT", "CTC_INSPECTOR__PORT", "CTC_AWS__EMULATOR_PORT"):
        monkeypatch.setenv(name, str(free_port()))
    for name in ("BINANCE", "COINBASE"):
        monkeypatch.setenv(f"CTC_EXCHANGES__{name}__WS", f"ws://127.0.0.1:{free_port()}")


def test_port_of_a_simulated_exchange_in_use_is_named(ctc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    free_ports(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("CTC_EXCHANGES__COINBASE__WS", f"ws://127.0.0.1:{taken.getsockname()[1]}")
        assert "for simulated coinbase is in use" in ctc("sim", "--state", "session").sentence()


@pytest.mark.parametrize("words", [("sim",), ("sim", "--resume"), ("live",)])
def test_second_session_on_a_folder_is_refused(ctc: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    save_state(load_profile("sim"), tmp_path / "folder")
    with locked(tmp_path / "folder"):
        answer = ctc(*words, "--state", "folder")
    assert answer.code == 1
    assert f"a session already runs on folder (pid {os.getpid()}): stop it, or choose another folder with --state" in answer.sentence()


def dead_session(state: Path) -> None:
    port = free_port()
    save_state(load_profile("sim", {"aws.endpoint": f"http://127.0.0.1:{port}", "aws.emulator_port": port}), state)


@pytest.mark.parametrize("words", [("alerts",), ("query", "select 1")])
def test_dead_emulator_of_a_running_session_is_named(ctc: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    dead_session(tmp_path / "folder")
    with locked(tmp_path / "folder"):
        answer = ctc(*words, "--state", "folder")
    assert answer.code == 1
    assert "does not answer: start a session with `ctc sim`" in answer.sentence()


def test_unknown_symbol_names_the_known(ctc: Call, tmp_path: Path) -> None:
    dead_session(tmp_path / "folder")
    answer = ctc("alerts", "--symbol", "DOGE-USDT", "--state", "folder")
    assert answer.code == 2
    assert "no symbol 'DOGE-USDT'; choose one of: BTC-USDT, ETH-USDT, SOL-USDT, USDT-USD" in answer.sentence()


def java_that_says(tmp_path: Path, words: str) -> str:
    program = tmp_path / "jdk" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\nprintf '{words}'\n")
    program.chmod(0o755)
    return str(program.parent.parent)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("java.base@11.0.2\\njdk.incubator.vector@11\\n", "is version 11"),
        ("Unrecognized option: --list-modules\\n", "is not one or older"),
        ("java.base@17.0.1\\n", "module jdk.incubator.vector"),
    ],
)
def test_unfit_java_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, said: str) -> None:
    home = java_that_says(tmp_path, words)
    monkeypatch.setattr(java, "java_home", lambda: home)
    with pytest.raises(SetupError, match=rf"{said}.*`make setup`.*openjdk-17-jre-headless"):
        require_java()


@pytest.mark.parametrize("words", ["java.base@17.0.1\\njdk.incubator.vector@17.0.1\\n", "java.base@21\\njdk.incubator.vector@21\\n"])
def test_fitting_java_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    home = java_that_says(tmp_path, words)
    monkeypatch.setattr(java, "java_home", lambda: home)
    require_java()


def test_missing_java_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(load_profile("sim"), tmp_path)
    monkeypatch.setattr(java, "java_home", lambda: str(tmp_path / "nowhere"))
    opening = opened_session(load_profile("live"), tmp_path, print, resume=False)
    with pytest.raises(SetupError, match=r"can't be run.*`make setup`"):
        opening.__enter__()
    assert (tmp_path / "settings.json").exists()


def test_folder_of_other_things_is_left_alone(ctc: Call, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "mine.log").write_text("precious")
    answer = ctc("sim", "--state", tmp_path, "--free-ports")
    assert answer.code == 1
    assert "is no session's folder, but holds logs" in answer.err
    assert (tmp_path / "logs" / "mine.log").read_text() == "precious"


def test_clear_takes_a_sessions_things_only(tmp_path: Path) -> None:
    save_state(load_profile("sim"), tmp_path)
    for name in ("emulator/state", "logs", "tape-1"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("plan.json", "tape.zst", "mine.txt"):
        (tmp_path / name).touch()
    clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_no_java_at_all_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "java_home", lambda: "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="there is none on this machine: run `make setup`"):
        require_java()


def test_java_of_the_project_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/of/the/machine")
    monkeypatch.setattr(settings, "JAVA", tmp_path / "absent")
    assert settings.child_environment(tmp_path)["JAVA_HOME"] == "/of/the/machine"
    monkeypatch.setattr(settings, "JAVA", tmp_path)
    assert settings.child_environment(tmp_path)["JAVA_HOME"] == str(tmp_path)


def test_asking_whether_a_session_runs_does_not_disturb_one(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert not running(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with locked(tmp_path):
        assert running(tmp_path)
    assert not running(tmp_path)


def test_calls_on_a_stopped_session_wait_for_each_other(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\nfrom ctc.processes import queued\nprint('asking', flush=True)\n"
        "with queued(pathlib.Path(sys.argv[1])): print((pathlib.Path(sys.argv[1]) / 'log').read_text(), flush=True)\n"
    )
    log = tmp_path / "log"
    with queued(tmp_path):
        log.write_text("too early")
        waiting = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "asking\n"
        assert not select.select([waiting.stdout], [], [], 0.2)[0]
        log.write_text("after")
    with waiting:
        assert waiting.stdout.read() == "after\n"


def test_resumed_session_may_take_other_ports(ctc: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_session(tmp_path / "folder")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("CTC_API__PORT", str(taken.getsockname()[1]))
        save_state(load_profile("sim"), tmp_path / "folder")
        assert "--free-ports" in ctc("sim", "--resume", "--state", "folder").sentence()
        assert "plan.json is missing" in ctc("sim", "--resume", "--free-ports", "--state", "folder").sentence()


def test_profile_without_an_emulator_needs_no_lock(tmp_path: Path) -> None:
    save_state(load_profile("localstack"), tmp_path)
    with reachable(tmp_path) as found:
        assert found == load_profile("localstack")
    assert not (tmp_path / "lock").exists()


def test_error_of_the_operating_system_is_a_sentence(ctc: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("ctc.cli.status.show_status", full)
    answer: Answer = ctc("status")
    assert (answer.code, "No space left on device: 'somewhere'" in answer.sentence()) == (1, True)


def test_process_ends_with_the_code_and_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run([*CTC, "status", "--state", str(tmp_path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"ctc: no session in {tmp_path}: start one with `ctc sim`, or name another folder with --state\n"


def test_interrupt_ends_quietly_with_130(tmp_path: Path) -> None:
    pipe = tmp_path / "recording.json"
    os.mkfifo(pipe)
    code = "import ctc.sources.survey, signal\nfrom ctc.cli.main import main\n" + (
        "ctc.sources.survey.expand = lambda _: signal.raise_signal(signal.SIGINT)\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code, "normalize", str(pipe)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("words", [["status", "--format", "csv"], ["--help"]])
def test_reader_that_has_gone_is_no_traceback(tmp_path: Path, words: list[str]) -> None:
    save_state(load_profile("sim"), tmp_path)
    (tmp_path / "status").mkdir()
    (tmp_path / "status" / "producer.json").write_bytes(msgspec.json.encode({"written_at": "2026-01-15T12:00:00Z"}))
    reading, writing = os.pipe()
    os.close(reading)
    state = ["--state", str(tmp_path)] if words[0] == "status" else []
    with os.fdopen(writing, "wb") as out:
        done = subprocess.run(
            [*CTC, *words, *state],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN),
        )
    assert done.stderr == ""
    assert done.returncode in (0, 1)


@pytest.mark.emulator
def test_stopped_session_answers_on_another_port_when_its_own_is_taken(ctc: Call, tmp_path: Path) -> None:
    from ctc.wiring import create_resources
    from sim.emulator import MiniStack

    state = tmp_path / "folder"
    dead_session(state)
    with reachable(state) as found:
        create_resources(found)
    with socket.create_server(("127.0.0.1", found.aws.emulator_port)):
        assert ctc("query", "select count(*) as n from raw_trades", "--format", "json", "--state", state).out == '[\n{"n":0}\n]\n'
        with reachable(state):  # another command, whose emulator is up already
            assert ctc("alerts", "--format", "json", "--state", state).out == "[]\n"
        unknown = ctc("query", "select * from trades", "--state", state)
    assert (unknown.code, "Tables: anomalies, " in unknown.err, "Traceback" in unknown.err) == (2, True, False)
    assert (state / "emulator" / "clean").exists()

    killed = MiniStack(found, state)
    killed.start()
    assert killed.pid is not None
    os.killpg(killed.pid, signal.SIGKILL)
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # until it has ended
    with pytest.raises(SessionError, match="the emulator died"):
        killed.check()
    with pytest.raises(SessionError):
        killed.stop()
    assert "can't be resumed" in ctc("alerts", "--state", state).sentence()
