"""Training of a checkpoint from nothing: tokenizer, weights, config, a function of the seed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from opro_cli.embedded.config import MistralConfig
from opro_cli.embedded.training.batches import BOS, EOS, PAD, Batch, batches
from opro_cli.embedded.training.corpus import Turn
from opro_cli.embedded.training.muon import Muon
from opro_cli.embedded.training.network import Network
from opro_cli.embedded.training.vocabulary import train_tokenizer

SEED = 20230907  # the day the OPRO paper appeared; nothing was chosen by it
MUON_RATE = 0.02  # of the weight matrices
ADAM_RATE = 2.5e-3  # of the embeddings and norms
WARM_UP = 50
HELD = 200  # steps until the rates begin to fall


@dataclass(frozen=True, slots=True)
class Stage:
    """A number of steps on endless text.

    Attributes:
        turns: Returns the text for a seed.
        steps: How many batches are learned from.
        cools: Whether the learning rates go to zero at its end.
        rate: A factor on the learning rates.
    """

    turns: Callable[[int], Iterator[Turn]]
    steps: int
    cools: bool = True
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """The recipe of one checkpoint.

    Attributes:
        stages: What is learned from, in order.
        phrases: Texts that are one token each.
        rows: Turns in a step.
        window: Tokens of the sliding window, and of the longest training sequence.
        reply_tokens: Tokens of an ordinary reply, see `compute_loss`.
    """

    stages: tuple[Stage, ...]
    phrases: tuple[str, ...]
    rows: int
    window: int
    reply_tokens: int


CHAT_TEMPLATE = (
    "{{ '<s>' }}{% for m in messages %}{% if m['role'] == 'assistant' %}{{ m['content'] + '</s>' }}"
    "{% elif m['role'] == 'system' %}{{ '[INST]' + m['content'] + '\n' }}"
    "{% else %}{{ ('' if loop.index0 and messages[loop.index0 - 1]['role'] == 'system'"
    " else '[INST]') + m['content'] + '[/INST]' }}{% endif %}{% endfor %}"
)


def build_config(vocabulary: int, window: int) -> MistralConfig:
    """Build the config of a network with about 0.9 million parameters."""
    return MistralConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        sliding_window=window,
        max_position_embeddings=4096,
        rope_theta=10000.0,
        rms_norm_eps=1e-5,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
    )


def compute_rate(step: int, end: int | None) -> float:
    """Return the share of the learning rates at a step.

    It rises during WARM_UP, falls with the inverse square root, because batches this small need a
    lower rate the longer they are learned from, and goes to zero in the last quarter before `end`;
    with None it does not.
    """
    decay: float = (HELD / max(HELD, step + 1)) ** 0.5
    cooled = 1.0 if end is None else min(1.0, 4 * (end - step) / end)
    return min(1.0, (step + 1) / WARM_UP) * decay * cooled


def compute_loss(network: Network, batch: Batch, reply_tokens: int) -> Tensor:
    """Return the sum of the weighted cross-entropy in nats over an ordinary batch's tokens.

    A mean would give more weight to the few tokens of a batch of short, unpredictable answers.
    """
    logits = network(batch.ids, batch.where, batch.replies)
    losses = functional.cross_entropy(logits, batch.targets, reduction="none")
    return (losses * batch.weights).sum() / (reply_tokens * len(batch.ids))


def train(recipe: Recipe, folder: Path, steps: int | None = None, seed: int = SEED) -> None:
    """Train and write the checkpoint to `folder`; progress goes to stderr.

    It uses one thread, because the two checkpoints are trained side by side, and because sums then
    do not depend on the number of cores. `steps` replaces those of each stage.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    sample = islice(recipe.stages[0].turns(seed), 6000)
    texts = [turn.prompt + "".join(turn.replies) for turn in sample]
    tokenizer = train_tokenizer(texts, recipe.phrases)
    network = Network(build_config(tokenizer.get_vocab_size(), recipe.window))
    lengths = [steps or stage.steps for stage in recipe.stages]
    for number, stage in enumerate(recipe.stages):
        if number:
            load(folder, network)
        rows = batches(tokenizer, stage.turns(seed + number), seed, recipe.rows, recipe.window)
        first, end = sum(lengths[:number]), sum(lengths[: number + 1])
        cooled = end if stage.cools else None
        rates = [stage.rate * compute_rate(step, cooled) for step in range(first, end)]
        for step, loss in learn(network, recipe.reply_tokens, rows, rates):
            print(f"{folder.name}: step {step} loss {loss:.4f}", file=sys.stderr, flush=True)
            save(folder, network, tokenizer)


def learn(
    network: Network, reply_tokens: int, rows: Iterator[Batch], rates: list[float]
) -> Iterator[tuple[int, float]]:
    """Take a step for each of `rates`; yield its number and the loss every 500 steps and last.

    rates are shares of the learning rates. The loss is a mean over some fifty steps.
    """
    named = dict(network.named_parameters())
    matrices = [each for name, each in named.items() if each.ndim == 2 and "embed" not in name]
    others = [each for name, each in named.items() if each.ndim < 2 or "embed" in name]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    (group,) = adam.param_groups
    mean = 0.0
    for step, rate in enumerate(rates, 1):
        group["lr"] = ADAM_RATE * rate
        loss = compute_loss(network, next(rows), reply_tokens)
        loss.backward()
        adam.step()
        muon.step(MUON_RATE * rate)
        network.zero_grad()
        mean += (loss.item() - mean) / min(step, 50)
        if step % 500 == 0 or step == len(rates):
            yield step, mean


def load(folder: Path, network: Network) -> None:
    """Load the saved weights; they are rounded, so that a stage can be repeated alone."""
    saved = load_file(folder / "model.safetensors")
    network.load_state_dict({name: weight.float() for name, weight in saved.items()})


def save(folder: Path, network: Network, tokenizer: Tokenizer) -> None:
    """Write the standard layout: config.json, model.safetensors (float16), tokenizer files."""
    weights = {name: weight.detach().half() for name, weight in network.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    network.config.write(folder / "config.json")
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "model_max_length": network.config.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
