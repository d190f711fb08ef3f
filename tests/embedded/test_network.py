"""It is Mistral: the numpy runtime against transformers and the network that was trained.

Opt-in, `pytest -m train` after `pip install -e '.[train]'`: shipped weights, real prompts and
nonsense, also beyond the sliding window.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from opro_cli.embedded.config import CHECKPOINTS, OPTIMIZER
from opro_cli.embedded.decoding import decode
from opro_cli.embedded.mistral import Mistral, load_checkpoint
from opro_cli.embedded.prompts import ChatFormat, Prompt
from opro_cli.embedded.training.metaprompts import optimizer_turns

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train

Ids = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
BEYOND = 300
DATA = Path(__file__).resolve().parents[2] / "configs" / "data"


def questions(family: str) -> list[str]:
    lines = (DATA / f"bbh_{family}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["input"] for line in lines]


@dataclass(frozen=True)
class Loaded:
    """A checkpoint of the package, in both runtimes."""

    folder: Path
    chat: ChatFormat
    ours: Mistral
    theirs: Any

    @property
    def window(self) -> int:
        return self.chat.config.sliding_window

    def logits(self, ids: Ids) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """Of the numpy runtime."""
        cache = self.ours.new_cache(np.zeros(len(ids), dtype=np.int64))
        return self.ours.logits(self.ours.forward(ids, cache))


@pytest.fixture(scope="module", params=CHECKPOINTS.values(), ids=list(CHECKPOINTS))
def loaded(request: pytest.FixtureRequest) -> Loaded:
    transformers = pytest.importorskip("transformers")
    folder = request.param
    network = transformers.MistralForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    chat = ChatFormat(folder)
    assert network.config.sliding_window == chat.config.sliding_window
    return Loaded(folder, chat, Mistral(load_checkpoint(folder)), network)


@pytest.fixture(scope="module")
def ids(loaded: Loaded) -> Ids:
    """Two texts of real questions, longer than the window."""
    told = ["\n".join(questions(family)) for family in ("navigate", "object_counting")]
    length = loaded.window + BEYOND
    return np.array([loaded.chat.ids(text)[:length] for text in told], dtype=np.int64)


def test_same_logits_as_the_training_network(loaded: Loaded, ids: Ids) -> None:
    from safetensors.torch import load_file

    from opro_cli.embedded.training.network import Network

    network = Network(loaded.chat.config)
    weights = load_file(loaded.folder / "model.safetensors")
    network.load_state_dict({name: weight.float() for name, weight in weights.items()})
    ids = ids[:, : loaded.window]  # it was trained on no longer ones, and has no window
    with torch.no_grad():
        expected = network(torch.tensor(ids), torch.arange(ids.size)).numpy()
    got = loaded.logits(ids).reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)


def test_same_logits_as_transformers_also_beyond_the_window(loaded: Loaded, ids: Ids) -> None:
    with torch.no_grad():
        expected = loaded.theirs(torch.tensor(ids)).logits.numpy()
    np.testing.assert_allclose(loaded.logits(ids), expected, rtol=0, atol=1e-4)


def asked_of(loaded: Loaded) -> list[str]:
    """Eighty texts of the kind that the checkpoint is for."""
    if loaded.folder == OPTIMIZER:
        return [turn.prompt for turn in islice(optimizer_turns(1), 80)]
    told = "Track the position after each move. Apply every turn. Show every detail."
    return [f"Q: {told}\n{text}\n\nA:" for text in questions("navigate")[:80]]


def test_the_same_greedy_text_as_transformers_a_hundred_times(loaded: Loaded) -> None:
    """Eighty texts of its kind, twenty beginnings beyond the window."""
    nonsense = np.random.default_rng(0).integers(5, 1200, loaded.window + 80).tolist()
    prompts = [loaded.chat.ids(text) for text in asked_of(loaded)]
    prompts += [tuple(nonsense[start : start + loaded.window + 60]) for start in range(20)]
    limits = [200 if len(ids) < loaded.window else 30 for ids in prompts]
    asked = [Prompt(ids, 0.0, limit, 0) for ids, limit in zip(prompts, limits, strict=True)]
    found = decode(loaded.ours, asked)
    for prompt, answer in zip(asked, found, strict=True):
        with torch.no_grad():
            whole = loaded.theirs.generate(
                torch.tensor([prompt.ids]), max_new_tokens=prompt.limit, do_sample=False
            )
        written = whole[0, len(prompt.ids) :].tolist()
        end = loaded.theirs.config.eos_token_id
        assert [token for token in written if token != end] == list(answer.ids)
