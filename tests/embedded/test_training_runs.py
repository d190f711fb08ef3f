"""Training is a fixed function of its seed (extra `train`): the beginning of it, twice."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

pytestmark = pytest.mark.train

COMMAND = [sys.executable, "-m", "opro_cli.embedded.training", "--steps", "3", "--into"]


def trained(folder: Path) -> dict[str, bytes]:
    subprocess.run([*COMMAND, str(folder)], check=True)
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    """In processes of their own, which hash strings differently."""
    one = trained(tmp_path / "one")
    assert {"scorer/model.safetensors", "optimizer/model.safetensors"} <= set(one)
    assert trained(tmp_path / "again") == one


@pytest.mark.parametrize("role", ["scorer", "optimizer"])
def test_another_seed_gives_other_weights(tmp_path: Path, role: str) -> None:
    from opro_cli.embedded.training.recipes import RECIPES
    from opro_cli.embedded.training.train import SEED, train

    for seed in (SEED, SEED + 1):
        train(RECIPES[role], tmp_path / str(seed), 1, seed)
    one, other = ((tmp_path / str(s) / "model.safetensors").read_bytes() for s in (SEED, SEED + 1))
    assert one != other


def test_replies_packed_behind_one_prompt_are_what_each_is_alone() -> None:
    """Each sees the prompt and itself: the logits are those of the turn with this reply only."""
    import torch

    from opro_cli.embedded.training.batches import collate, encode
    from opro_cli.embedded.training.corpus import Turn
    from opro_cli.embedded.training.network import Network
    from opro_cli.embedded.training.train import build_config
    from opro_cli.embedded.training.vocabulary import train_tokenizer

    turns = [Turn("one two three", ("four", "five six")), Turn("seven", ("eight nine ten", "two"))]
    words = [turn.prompt + " ".join(turn.replies) for turn in turns]
    tokenizer = train_tokenizer(words, ())
    torch.manual_seed(0)
    network = Network(build_config(tokenizer.get_vocab_size(), 64)).double()
    rows = [encode(tokenizer, turn) for turn in turns]
    batch = collate(random.Random(0), rows)
    everywhere = torch.arange(batch.ids.numel())
    packed = network(batch.ids, everywhere, batch.replies).view(*batch.ids.shape, -1)
    for at, turn in enumerate(turns):
        for number, reply in enumerate(turn.replies, 1):
            single = encode(tokenizer, Turn(turn.prompt, (reply,)))
            ids = torch.tensor([single.ids])
            alone = network(ids, torch.arange(ids.numel()))[[v == 1 for v in single.replies]]
            here = packed[at, : len(rows[at].ids)][[v == number for v in rows[at].replies]]
            assert (alone - here).abs().max() < 1e-12
