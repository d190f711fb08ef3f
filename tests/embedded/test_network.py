"""It is Mistral: the numpy runtime against transformers and the network that was trained.

Opt-in, `pytest -m train` after `pip install -e '.[train]'`: shipped weights, real prompts and
nonsense, also beyond the sliding window.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from opro_cli.embedded.chat import ChatFormat
from opro_cli.embedded.checkpoint import load_checkpoint
from opro_cli.embedded.config import SHIPPED
from opro_cli.embedded.decoding import decode
from opro_cli.embedded.mistral import Mistral
from opro_cli.embedded.prompts import Prompt

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train

WINDOW = 512
LENGTH = WINDOW + 300
DATA = Path(__file__).resolve().parents[2] / "configs" / "data"
NONSENSE = np.random.default_rng(0).integers(5, 1200, LENGTH).tolist()


def questions(family: str) -> list[str]:
    lines = (DATA / f"bbh_{family}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["input"] for line in lines]


@pytest.fixture(scope="module")
def ids() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Two texts of real questions, longer than the window."""
    chat = ChatFormat(SHIPPED)
    told = ["\n".join(questions(family)) for family in ("navigate", "boolean_expressions")]
    return np.array([chat.ids(text)[:LENGTH] for text in told], dtype=np.int64)


@pytest.fixture(scope="module")
def transformers_model() -> Any:
    transformers = pytest.importorskip("transformers")
    network = transformers.MistralForCausalLM.from_pretrained(
        SHIPPED, dtype=torch.float32, attn_implementation="eager"
    )
    assert network.config.sliding_window == WINDOW
    return network


def runtime_logits(
    ids: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    model = Mistral(load_checkpoint())
    return model.logits(model.forward(ids, model.new_cache(np.zeros(len(ids), dtype=np.int64))))


def test_same_logits_as_the_training_network(
    ids: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> None:
    from safetensors.torch import load_file

    from opro_cli.embedded.training.network import Network

    network = Network(load_checkpoint().config)
    weights = load_file(SHIPPED / "model.safetensors")
    network.load_state_dict({name: weight.float() for name, weight in weights.items()})
    ids = ids[:, :WINDOW]  # it was trained on no longer ones, and has no window
    with torch.no_grad():
        expected = network(torch.tensor(ids), torch.arange(ids.size)).numpy()
    got = runtime_logits(ids).reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)


def test_same_logits_as_transformers_also_beyond_the_window(
    transformers_model: Any, ids: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> None:
    with torch.no_grad():
        expected = transformers_model(torch.tensor(ids)).logits.numpy()
    np.testing.assert_allclose(runtime_logits(ids), expected, rtol=0, atol=1e-4)


def test_the_same_greedy_text_as_transformers_a_hundred_times(transformers_model: Any) -> None:
    """Eighty real questions under an instruction, twenty beginnings beyond the window."""
    chat = ChatFormat(SHIPPED)
    instruction = "Track the position after each move. Write every intermediate result."
    prompts = [chat.ids(f"Q: {instruction}\n{text}\n\nA:") for text in questions("navigate")[:80]]
    prompts += [tuple(NONSENSE[start : start + WINDOW + 60]) for start in range(20)]
    asked = [Prompt(ids, 0.0, 200 if len(ids) < WINDOW else 30, 0) for ids in prompts]
    found = decode(Mistral(load_checkpoint()), asked)
    for prompt, answer in zip(asked, found, strict=True):
        with torch.no_grad():
            whole = transformers_model.generate(
                torch.tensor([prompt.ids]), max_new_tokens=prompt.limit, do_sample=False
            )
        written = whole[0, len(prompt.ids) :].tolist()
        end = transformers_model.config.eos_token_id
        assert [token for token in written if token != end] == list(answer.ids)
