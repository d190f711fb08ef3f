"""The numpy forward pass, piece by piece, worked by hand; then the cache and the padding."""

from __future__ import annotations

import math

import numpy as np
import pytest

from opro_cli.embedded.checkpoint import load_checkpoint
from opro_cli.embedded.mistral import (
    Cache,
    Ints,
    Mistral,
    rms_norm,
    rotary_table,
    rotate,
    silu,
    softmax,
)


@pytest.fixture(scope="module")
def model() -> Mistral:
    return Mistral(load_checkpoint())


def alone(count: int = 1) -> Ints:
    return np.zeros(count, dtype=np.int64)


def random_ids(model: Mistral, rows: int, tokens: int) -> Ints:
    rng = np.random.default_rng(3)
    return rng.integers(5, model.config.vocab_size, (rows, tokens), dtype=np.int64)


def test_rms_norm() -> None:
    x = np.array([[3.0, 4.0]], dtype=np.float32)
    # mean of squares 12.5; 3 / sqrt(12.5) = 0.8485, 4 / sqrt(12.5) = 1.1314, doubled in the second
    out = rms_norm(x, np.array([1.0, 2.0], dtype=np.float32), 0.0)
    np.testing.assert_allclose(out, [[0.8485281, 2.2627417]], rtol=1e-6)


def test_rope_turns_a_pair_by_position_times_frequency() -> None:
    # head_dim 4: pairs (0, 2) and (1, 3), frequencies 1 and theta ** -0.5 = 0.1
    cos, sin = rotary_table(np.array([2]), 4, 100.0)
    out = rotate(np.array([[1.0, 1.0, 0.0, 0.0]], dtype=np.float32), cos, sin)
    expected = [[math.cos(2.0), math.cos(0.2), math.sin(2.0), math.sin(0.2)]]
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_rope_scores_depend_on_distance_alone() -> None:
    rng = np.random.default_rng(0)
    query, key = rng.normal(size=(2, 1, 32)).astype(np.float32)

    def score(query_at: int, key_at: int) -> float:
        turned = rotate(query, *rotary_table(np.array([query_at]), 32, 10000.0))
        other = rotate(key, *rotary_table(np.array([key_at]), 32, 10000.0))
        return float((turned * other).sum())

    assert score(7, 3) == pytest.approx(score(104, 100), abs=1e-4)
    assert score(7, 3) != pytest.approx(score(8, 3), abs=1e-2)


def test_softmax_and_silu() -> None:
    out = softmax(np.array([[0.0, math.log(3.0), -1e30]], dtype=np.float32))
    np.testing.assert_allclose(out, [[0.25, 0.75, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(
        silu(np.array([0.0, 1.0, -100.0], dtype=np.float32)), [0.0, 0.7310586, 0.0], atol=1e-6
    )


def test_mask_is_causal_and_hides_padding_and_what_left_the_window(model: Mistral) -> None:
    window = model.config.sliding_window
    hidden = model._mask(np.arange(window + 2), np.array([0, 1]))
    assert hidden.shape == (2, 1, window + 2, window + 2)
    assert not hidden[0, 0, 5, :6].any()
    assert hidden[0, 0, 5, 6:].all()
    # a token sees itself and the window - 1 tokens before it
    assert (~hidden[0, 0, window + 1]).sum() == window
    assert hidden[0, 0, window + 1, :2].all()
    assert hidden[1, 0, 5, 0]
    assert not hidden[1, 0, 5, 1]


def test_grouped_heads_share_keys_and_values(model: Mistral) -> None:
    """Against attention written the long way, each query head with the key head of its group."""
    config = model.config
    heads, shared, size = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    width = (heads + 2 * shared) * size
    qkv = np.random.default_rng(1).normal(size=(1, 3, width)).astype(np.float32)
    cos, sin = rotary_table(np.arange(3)[None], size, config.rope_theta)
    hidden = model._mask(np.arange(3), alone())
    out = model._attend(0, qkv, cos, sin, hidden, Cache(1, alone()))
    split = qkv[0].reshape(3, heads + 2 * shared, size)
    for head in range(heads):
        group = head // (heads // shared)
        query = rotate(split[:, head], cos[0], sin[0])
        key = rotate(split[:, heads + group], cos[0], sin[0])
        value = split[:, heads + shared + group]
        for at in range(3):
            weights = softmax((query[at] @ key[: at + 1].T) / np.float32(math.sqrt(size)))
            expected = weights @ value[: at + 1]
            got = out[0, at, head * size : (head + 1) * size]
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_cache_equals_no_cache_also_past_the_window(model: Mistral) -> None:
    ids = random_ids(model, 1, model.config.sliding_window + 20)
    whole = model.forward(ids, model.new_cache(alone()))
    cache = model.new_cache(alone())
    model.forward(ids[:, :-12], cache)
    for at in range(ids.shape[1] - 12, ids.shape[1]):
        step = model.forward(ids[:, at : at + 1], cache)
        np.testing.assert_allclose(step[:, 0], whole[:, at], atol=2e-4)


def test_left_padding_changes_nothing(model: Mistral) -> None:
    ids = random_ids(model, 2, 30)
    ids[1, :11] = model.config.pad_token_id
    both = model.forward(ids, model.new_cache(np.array([0, 11])))
    single = model.forward(ids[1:, 11:], model.new_cache(alone()))
    np.testing.assert_allclose(both[1, 11:], single[0], atol=2e-4)


def test_dropped_rows_leave_the_others_alone(model: Mistral) -> None:
    ids = random_ids(model, 3, 20)
    cache = model.new_cache(alone(3))
    model.forward(ids[:, :19], cache)
    cache.keep(np.array([True, False, True]))
    left = model.forward(ids[[0, 2], 19:], cache)
    whole = model.forward(ids, model.new_cache(alone(3)))
    np.testing.assert_allclose(left[:, 0], whole[[0, 2], 19], atol=2e-4)
