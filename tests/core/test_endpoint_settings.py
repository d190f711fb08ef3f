"""`scorer.endpoints` and `optimizer.endpoints`: what they accept, and what may change of them."""

from __future__ import annotations

from typing import Any

import pytest

from opro_cli.core.settings.differences import convert_to_plain, find_changes
from opro_cli.core.settings.models import EndpointSettings
from opro_cli.core.settings.read import read_settings
from tests.core.test_settings import NAMES, minimal, problems, read

A, B, C = (f"http://gpu{n}:8000/v1" for n in range(3))


def config(*endpoints: Any, **scorer: Any) -> dict[str, Any]:
    raw = minimal()
    raw["scorer"] = {"model": "hosted_vllm/m", "endpoints": list(endpoints), **scorer}
    return raw


def test_without_them_the_record_is_that_of_before_there_were_any() -> None:
    settings = read(minimal())
    assert settings.scorer.endpoints is None
    assert "endpoints" not in convert_to_plain(settings)["scorer"]
    assert settings.scorer.deployments == (settings.scorer,)
    assert settings.scorer.at_once == 32


def test_the_keys_and_their_defaults() -> None:
    settings = read(config({"api_base": A}, {"api_base": B, "weight": 2, "concurrency": 3}))
    assert settings.scorer.endpoints == (EndpointSettings(A), EndpointSettings(B, 2.0, 3))
    assert read(convert_to_plain(settings)) == settings


@pytest.mark.parametrize(
    ("concurrency", "weights", "parts"),
    [
        (32, [1, 1], [16, 16]),
        (32, [1, 1, 1], [11, 10, 11]),  # ends at 10.67, 21.33 and 32
        (9, [2, 1], [6, 3]),
        (2, [1, 1, 1], [1, 1, 1]),  # at least one
        (10, [0.001, 1], [1, 10]),
    ],
)
def test_concurrency_is_shared_out_by_weight(
    concurrency: int, weights: list[float], parts: list[int]
) -> None:
    given = [{"api_base": f"http://gpu{n}", "weight": w} for n, w in enumerate(weights)]
    scorer = read(config(*given, concurrency=concurrency)).scorer
    assert [each.concurrency for each in scorer.deployments] == parts
    assert scorer.at_once == sum(parts)


def test_a_deployment_is_the_model_at_one_address() -> None:
    given = config({"api_base": A, "concurrency": 4}, {"api_base": B}, timeout=7, concurrency=10)
    first, second = read(given).scorer.deployments
    assert (first.model, first.api_base, first.concurrency) == ("hosted_vllm/m", A, 4)
    assert (second.api_base, second.concurrency, second.timeout) == (B, 5, 7.0)
    assert first.endpoints is None


@pytest.mark.parametrize(
    ("endpoints", "path", "words"),
    [
        ([], "scorer.endpoints", "expected a list of sections with keys, at least one, found []"),
        ({"api_base": A}, "scorer.endpoints", "expected a list of sections"),
        ([A], "scorer.endpoints.0", "expected a section with keys, found 'http://gpu0:8000/v1'"),
        ([{}], "scorer.endpoints.0.api_base", "missing; this key must be given"),
        ([{"api_base": "gpu0"}], "scorer.endpoints.0.api_base", "expected a URL such as"),
        ([{"api_base": "http://u:p@gpu0"}], "scorer.endpoints.0.api_base", "without a user name"),
        ([{"api_base": A, "weight": 0}], "scorer.endpoints.0.weight", "a number above 0"),
        ([{"api_base": A, "weight": 1e300}], "scorer.endpoints.0.weight", "at most 1000"),
        ([{"api_base": A, "concurrency": 0}], "scorer.endpoints.0.concurrency", "at least 1"),
        ([{"api_base": A, "wieght": 2}], "scorer.endpoints.0.wieght", 'did you mean "weight"?'),
        (
            [{"api_base": A}, {"api_base": B}, {"api_base": f"{A}/"}],
            "scorer.endpoints.2.api_base",
            "the same address as scorer.endpoints.0",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(endpoints: Any, path: str, words: str) -> None:
    raw = config()
    raw["scorer"]["endpoints"] = endpoints
    told = problems(raw)
    assert list(told) == [path]
    assert words in told[path]


def test_they_stand_in_place_of_an_address_and_of_no_embedded_model() -> None:
    told = problems(config({"api_base": A}, api_base=B))
    assert "beside api_base" in told["scorer.endpoints"]
    told = problems(config({"api_base": A}, model="embedded/tiny-mistral"))
    assert "has no address" in told["scorer.endpoints"]


def test_a_fault_in_a_further_role_is_told_at_its_place() -> None:
    raw = minimal()
    twice = [{"api_base": A}, {"api_base": A}]
    raw["roles"] = {
        "judge": {"model": "openai/gpt-5", "endpoints": twice, "gguf": {"threads": 2}},
        "second": {"model": "control/random"},
    }
    told = problems(raw)
    assert sorted(told) == [
        "roles.judge.endpoints.1.api_base",
        "roles.judge.gguf",
        "roles.second.model",
    ]
    assert "as roles.judge.endpoints.0" in told["roles.judge.endpoints.1.api_base"]


def test_the_optimizer_has_them_too() -> None:
    raw = minimal()
    raw["optimizer"]["endpoints"] = [{"api_base": A}, {"api_base": B}]
    settings = read(raw)
    assert [each.concurrency for each in settings.optimizer.deployments] == [4, 4]
    assert type(settings.optimizer.deployments[0]) is type(settings.optimizer)


def test_a_server_may_be_replaced_between_two_sessions() -> None:
    def operational(before: Any, after: Any) -> list[bool]:
        plain = [convert_to_plain(read(raw)) for raw in (before, after)]
        return [change.is_operational for change in find_changes(*plain)]

    two = config({"api_base": A}, {"api_base": B})
    assert operational(two, config({"api_base": A}, {"api_base": C, "weight": 3})) == [True]
    assert operational(two, two) == []
    # Without any, the name alone would say who is asked.
    assert operational(two, {**two, "scorer": {"model": "hosted_vllm/m"}}) == [False]
    other = config({"api_base": A}, {"api_base": B}, model="hosted_vllm/n")
    assert operational(two, other) == [False]


def test_a_config_that_was_recorded_before_reads_as_it_did() -> None:
    plain = convert_to_plain(read(minimal()))
    assert read_settings(plain, NAMES).settings == read(minimal())
