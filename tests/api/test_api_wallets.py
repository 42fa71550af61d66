"""`GET /wallets` and `/wallets/{address}` over the fake and the emulator alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app_client import AppClient
from fakes_hot import MemoryAlerts, MemoryMetrics, MemoryWallets
from samples_wallets import RUN, SCORES, a_score, address

from ctc.api import wallets as routes
from ctc.api.app import create_app
from ctc.api.health import SessionHealth
from ctc.api.models import DISCLAIMER
from ctc.aws.hot import create_tables
from ctc.aws.wallets import DynamoWallets
from ctc.errors import StoreError
from ctc.ports import WalletStore
from ctc.settings import Settings, load_profile
from ctc.wallets import ScoreRun, WalletScore


class Api:
    """The endpoints with their store."""

    def __init__(self, store: WalletStore, state: Path) -> None:
        self.store, metrics = store, MemoryMetrics()
        self.http = AppClient(create_app(MemoryAlerts(), metrics, SessionHealth(state, metrics), load_profile("sim"), wallets=store))

    def get(self, path: str = "/wallets", **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"]
        return answer.json()


@pytest.fixture(params=["memory", "dynamodb"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Api:
    if request.param == "memory":
        return Api(MemoryWallets(), tmp_path)
    own: Settings = request.getfixturevalue("emulator")
    create_tables(own)
    return Api(DynamoWallets(own), tmp_path)


def listed(answer: Any) -> list[tuple[int, str]]:
    return [(int(score["wallet"], 16), score["role"]) for score in answer["scores"]]


def test_wallets_before_the_first_run_are_none_and_say_what_they_would_be(api: Api) -> None:
    answer = api.get()
    assert (answer["scored"], answer["scores"], answer["has_more"], answer["next"]) == (None, [], False, None)
    assert "Binance's and Coinbase's tapes carry no identities" in answer["caveat"]
    assert "nothing here follows or copies a wallet" in answer["caveat"]
    assert answer["disclaimer"] == DISCLAIMER
    assert api.http.get(f"/wallets/{address(1)}").status_code == 404


def test_scores_come_by_address_with_their_interval_and_verdict(api: Api) -> None:
    api.store.put(RUN, SCORES)
    answer = api.get()
    assert listed(answer) == [(1, "maker"), (1, "taker"), (2, "taker")]
    without, score, _ = answer["scores"]
    assert (score["alpha_bp"], score["low_bp"], score["high_bp"], score["flagged"]) == (5.1, 2.7, 7.5, True)
    assert (score["mean_bp"], score["p_value"], score["episodes"], score["days"]) == (6.12345678, 1.234e-15, 61, 14)
    assert without["verdict"] == "no detectable skill"
    assert [without[name] for name in ("alpha_bp", "low_bp", "high_bp", "p_positive", "flagged")] == [None] * 4 + [False]
    assert not any("rank" in name for name in score)
    told = answer["scored"]
    assert [(each["role"], each["verdict"], each["too_few"]) for each in told["reports"]] == [
        ("taker", "wallets differ", 40),
        ("maker", "no detectable skill", 40),
    ]
    assert (told["false_discovery_rate"], told["tape"]["coins"]) == (0.1, ["BTC", "ETH"])
    assert (told["tape"]["since"], told["tape"]["until"]) == ("2026-01-01T00:00:00Z", "2026-01-14T23:59:59.500000Z")


def test_filters(api: Api) -> None:
    api.store.put(RUN, [*SCORES, a_score(3, horizon_s=3600)])
    assert listed(api.get(role="maker")) == [(1, "maker")]
    assert listed(api.get(horizon_s=3600)) == [(3, "taker")]
    assert listed(api.get(flagged=True)) == [(1, "taker"), (3, "taker")]
    assert listed(api.get(flagged=False, role="taker")) == [(2, "taker")]
    assert api.get(horizon_s=60)["scores"] == []


def test_pages_hold_each_score_once(api: Api) -> None:
    api.store.put(RUN, [each for n in range(450) for each in (a_score(n, role="maker"), a_score(n, flagged=n % 3 == 0))])
    for params in ({"limit": 200}, {"limit": 70, "flagged": True}):
        found, pages, answer = [], 0, {"next": None, "has_more": True}
        while answer["has_more"]:
            answer = api.get(**params, **({"cursor": answer["next"]} if answer["next"] else {}))
            assert answer["count"] == len(answer["scores"])
            assert len({wallet for wallet, _ in listed(answer)}) <= params["limit"]
            found += listed(answer)
            pages += 1
        step = 3 if "flagged" in params else 1
        roles = ("taker",) if "flagged" in params else ("maker", "taker")
        assert (found, pages) == ([(n, role) for n in range(0, 450, step) for role in roles], 3)


def test_page_ends_after_wallets_that_do_not_match(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "EXAMINED", 10)
    api.store.put(RUN, [a_score(n, flagged=n == 14) for n in range(15)])
    answer = api.get(flagged=True)
    assert (answer["scores"], answer["has_more"], answer["next"]) == ([], True, address(9))
    answer = api.get(flagged=True, cursor=answer["next"])
    assert (listed(answer), answer["has_more"]) == ([(14, "taker")], False)


def test_one_wallet_is_all_of_its_scores(api: Api) -> None:
    api.store.put(RUN, [*SCORES, a_score(0xAB)])
    answer = api.get(f"/wallets/{address(1)}")
    assert (answer["wallet"], listed(answer)) == (address(1), [(1, "maker"), (1, "taker")])
    assert answer["scored"] == api.get()["scored"]
    assert api.get(f"/wallets/{address(0xAB).replace('ab', 'AB')}")["wallet"] == address(0xAB)
    refused = api.http.get(f"/wallets/{address(9)}")
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/unknown-wallet")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/wallets?role=holder", "role"),
        ("/wallets?horizon_s=0", "horizon_s"),
        ("/wallets?flagged=some", "flagged"),
        ("/wallets?limit=201", "limit"),
        ("/wallets?cursor=0x1", "cursor"),
        ("/wallets/vitalik", "address"),
    ],
)
def test_bad_parameter_is_named(api: Api, path: str, parameter: str) -> None:
    answer = api.http.get(path)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, parameter)


def test_store_that_is_away_is_503(tmp_path: Path) -> None:
    class Away(MemoryWallets):
        def wallets(self, run: str, after: str = "") -> Iterator[list[WalletScore]]:
            raise StoreError("secret host")

        def run(self) -> ScoreRun | None:
            return RUN

    answer = Api(Away(), tmp_path).http.get("/wallets")
    assert (answer.status_code, "secret" in answer.text) == (503, False)
