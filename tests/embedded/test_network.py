"""The numpy runtime against the network that was trained (extra `train`), shipped weights."""

from __future__ import annotations

import numpy as np
import pytest

from opro_cli.embedded.checkpoint import SHIPPED, load_checkpoint
from opro_cli.embedded.mistral import Mistral

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def ids() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.random.default_rng(0).integers(5, 1200, (3, 200), dtype=np.int64)


def runtime_logits(
    ids: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    model = Mistral(load_checkpoint())
    cache = model.new_cache(np.zeros(len(ids), dtype=np.int64))
    return model.logits(model.forward(ids, cache))


@pytest.mark.train
def test_same_logits_as_the_training_network(
    ids: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> None:
    from safetensors.torch import load_file

    from opro_cli.embedded.training.network import Network

    network = Network(load_checkpoint().config)
    weights = load_file(SHIPPED / "model.safetensors")
    network.load_state_dict({name: weight.float() for name, weight in weights.items()})
    with torch.no_grad():
        expected = network(torch.tensor(ids), torch.arange(ids.size)).numpy()
    got = runtime_logits(ids).reshape(expected.shape)
    np.testing.assert_allclose(got, expected, atol=1e-3)


@pytest.mark.train
def test_same_logits_as_transformers(
    ids: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> None:
    transformers = pytest.importorskip("transformers")
    network = transformers.MistralForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32)
    with torch.no_grad():
        expected = network(torch.tensor(ids)).logits.numpy()
    np.testing.assert_allclose(runtime_logits(ids), expected, atol=1e-3)
