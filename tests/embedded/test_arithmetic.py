"""The numpy forward pass, piece by piece, worked by hand; then the cache and the padding."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from opro_cli.embedded.decoding import Row, draw_uniform, perturb
from opro_cli.embedded.mistral import (
    CHUNK,
    MORE_ROWS,
    MOST_PADDING,
    Cache,
    Ints,
    Mistral,
    load_checkpoint,
    rms_norm,
    rotary_table,
    rotate,
    silu,
    softmax,
)
from opro_cli.embedded.prompts import Prompt


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
    # mean of squares 12.5; 3 / sqrt(12.5) = 0.8485, 4 / sqrt(12.5) = 1.1314
    np.testing.assert_allclose(rms_norm(x, 0.0), [[0.8485281, 1.1313708]], rtol=1e-6)
    np.testing.assert_allclose(rms_norm(x, 12.5), [[0.6, 0.8]], rtol=1e-6)


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
    out = model._attend(0, qkv, cos, sin, hidden, Cache(1, alone(), config.sliding_window))
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
    cache.drop(0)  # the last one takes its place
    left = model.forward(ids[[2, 1], 19:], cache)
    whole = model.forward(ids, model.new_cache(alone(3)))
    np.testing.assert_allclose(left[:, 0], whole[[2, 1], 19], atol=2e-4)
    cache.drop(1)
    assert len(cache.starts) == 1


def tokens_of(*numbers: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One row, one head of one channel: (1, 1, tokens, 1)."""
    return np.array(numbers, dtype=np.float32).reshape(1, 1, -1, 1)


def test_the_rolling_buffer_keeps_what_a_window_sees() -> None:
    """A window of 3: a token sees two before it, so of 1 2 3 4 5 the last two stay."""
    cache = Cache(1, alone(), window=3)
    keys, values = cache.extend(0, tokens_of(1, 2), tokens_of(-1, -2))
    cache.advance(2)
    assert (keys.ravel().tolist(), values.ravel().tolist()) == ([1, 2], [-1, -2])
    keys, _ = cache.extend(0, tokens_of(3, 4, 5), tokens_of(-3, -4, -5))
    assert keys.ravel().tolist() == [1, 2, 3, 4, 5]  # 3 sees 1 and 2, which are still there
    cache.advance(3)
    # As many as a window and window - 1 may be there; at the sixth the first four are let go.
    assert (cache.used, cache.starts.tolist()) == (5, [0])
    keys, _ = cache.extend(0, tokens_of(6), tokens_of(-6))
    cache.advance(1)
    assert (cache.used, cache.starts.tolist()) == (2, [-4])
    keys, values = cache.extend(0, tokens_of(7), tokens_of(-7))
    assert (keys.ravel().tolist(), values.ravel().tolist()) == ([5, 6, 7], [-5, -6, -7])
    # 7 is the seventh token of its row: slot 2, 4 of whose 6 predecessors have been let go.
    assert cache.used - cache.starts[0] == 6


def test_a_buffer_never_grows_beyond_two_windows_and_what_is_read_at_once(model: Mistral) -> None:
    window = model.config.sliding_window
    ids = random_ids(model, 1, 5 * window)
    whole = model.forward(ids, model.new_cache(alone()))
    hidden, cache = model.read(ids.tolist())
    np.testing.assert_allclose(hidden[0], whole[0, -1], atol=2e-4)
    assert cache.used < 2 * window + CHUNK
    step = random_ids(model, 1, 1)
    again = model.forward(np.concatenate([ids, step], axis=1), model.new_cache(alone()))
    np.testing.assert_allclose(model.forward(step, cache)[0, 0], again[0, -1], atol=2e-4)


def test_batches_that_join_go_on_as_they_would_alone(model: Mistral) -> None:
    short, long = random_ids(model, 2, 9), random_ids(model, 1, 70)
    _, cache = model.read(short.tolist())
    _, other = model.read(long.tolist())
    cache.join(other)
    step = random_ids(model, 3, 1)
    together = model.forward(step, cache)
    for row, ids in enumerate([*short, *long]):
        _, own = model.read([ids.tolist()])
        alone_again = model.forward(step[row : row + 1], own)
        np.testing.assert_allclose(alone_again[0], together[row], atol=2e-4)


def test_padding_that_no_row_needs_is_let_go() -> None:
    cache = Cache(1, np.array([0, MOST_PADDING + 1]), window=500)
    both = np.zeros((2, 1, 80, 1), dtype=np.float32)
    both[1, 0, :, 0] = np.arange(80)
    cache.extend(0, both, both)
    cache.advance(80)
    assert cache.used == 80
    cache.drop(0)
    keys, _ = cache.extend(0, tokens_of(80), tokens_of(80))
    cache.advance(1)
    assert (cache.used, cache.starts.tolist()) == (81 - MOST_PADDING - 1, [0])
    assert keys.shape == (1, 1, 81, 1)
    keys, _ = cache.extend(0, tokens_of(81), tokens_of(81))
    assert keys.ravel().tolist() == [float(n) for n in range(MOST_PADDING + 1, 82)]


def test_a_buffer_that_grows_in_length_does_not_grow_in_rows(model: Mistral) -> None:
    _, cache = model.read([[5, 6]])
    for _ in range(200):
        model.forward(np.array([[7]]), cache)
    assert {len(buffer) for layer in cache._buffers for buffer in layer} == {1}
    cache.join(model.read([[5, 6]])[1])
    assert {len(buffer) for layer in cache._buffers for buffer in layer} == {2 + MORE_ROWS}


def test_a_row_can_be_taken_more_than_once(model: Mistral) -> None:
    ids = random_ids(model, 2, 50)
    ids[1, :] = ids[0, :]
    ids[1, :45] = model.config.pad_token_id
    prompts = [ids[0].tolist(), ids[1, 45:].tolist()]
    _, cache = model.read(prompts)
    cache.repeat(np.array([1, 1]))
    _, own = model.read(prompts[1:])
    step = random_ids(model, 1, 1)
    twice = model.forward(np.repeat(step, 2, axis=0), cache)
    once = model.forward(step, own)
    np.testing.assert_allclose(twice, np.repeat(once, 2, axis=0), atol=2e-4)


def test_the_noise_is_a_function_of_seed_and_place_that_no_version_changes() -> None:
    """The numbers of Python 3.11, so that another Python cannot quietly write other answers."""
    assert draw_uniform(7, 2, 3).tolist() == [
        0.7249440585082841,
        0.28125885948006824,
        0.26979727207069537,
    ]
    assert draw_uniform(7, 3, 3).tolist() != draw_uniform(7, 2, 3).tolist()
    assert draw_uniform(8, 2, 3).tolist() != draw_uniform(7, 2, 3).tolist()
    assert draw_uniform(2, 7, 3).tolist() != draw_uniform(7, 2, 3).tolist()


def test_no_noise_is_infinite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero is drawn once in 2**53 times; its logarithm would choose no token ever after."""
    monkeypatch.setattr(random.Random, "random", lambda _self: 0.0)
    assert np.isfinite(-np.log(-np.log(draw_uniform(1, 1, 2)))).all()


def test_tokens_are_drawn_as_often_as_softmax_says() -> None:
    logits = np.log(np.array([1.0, 2.0, 5.0], dtype=np.float32))
    for temperature, shares in ((1.0, (1 / 8, 2 / 8, 5 / 8)), (0.5, (1 / 30, 4 / 30, 25 / 30))):
        drawn = [
            int(perturb(logits, Row(0, Prompt((1,), temperature, 5, seed))).argmax())
            for seed in range(6000)
        ]
        for token, share in enumerate(shares):
            spread = (share * (1 - share) / 6000) ** 0.5
            assert abs(drawn.count(token) / 6000 - share) < 4 * spread
