"""From nothing to a checkpoint: tokenizer, weights, config; a fixed function of the seed."""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from opro_cli.embedded.config import MistralConfig
from opro_cli.embedded.training.batches import BOS, EOS, PAD, Batch, batches
from opro_cli.embedded.training.corpus import turns
from opro_cli.embedded.training.network import Network
from opro_cli.embedded.training.vocabulary import train_tokenizer

SEED = 20230907  # the day the OPRO paper appeared; nothing was chosen by it
STEPS = 4200
PRACTICE = 0.7  # of the steps
PEAK_RATE = 2.5e-3
WARM_UP = 100
SCORER_ROWS = 24
OPTIMIZER_ROWS = 6
OPTIMIZER_WEIGHT = 0.3
REPLY_TOKENS = 24  # of an ordinary reply

CHAT_TEMPLATE = (
    "{{ '<s>' }}{% for m in messages %}{% if m['role'] == 'assistant' %}{{ m['content'] + '</s>' }}"
    "{% elif m['role'] == 'system' %}{{ '[INST]' + m['content'] + '\n' }}"
    "{% else %}{{ ('' if loop.index0 and messages[loop.index0 - 1]['role'] == 'system'"
    " else '[INST]') + m['content'] + '[/INST]' }}{% endif %}{% endfor %}"
)


def shape(vocabulary: int) -> MistralConfig:
    """About 0.9 million parameters; the window is also the longest training sequence."""
    return MistralConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        sliding_window=512,
        max_position_embeddings=4096,
        rope_theta=10000.0,
        rms_norm_eps=1e-5,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
    )


def rate(step: int, steps: int) -> float:
    """Learning rate: warm-up, constant, linear decay over the last third."""
    return PEAK_RATE * min(1.0, (step + 1) / WARM_UP, 3 * (steps - step) / steps)


def loss_of(network: Network, batch: Batch) -> Tensor:
    """Weighted cross-entropy, in nats; its sum over an ordinary batch's number of tokens.

    A mean would let the few tokens of a batch of short, unpredictable answers count for more.
    """
    logits = network(batch.ids, batch.where)
    losses = functional.cross_entropy(logits, batch.targets, reduction="none")
    return (losses * batch.weights).sum() / (REPLY_TOKENS * len(batch.ids))


def train(folder: Path, steps: int = STEPS, seed: int = SEED) -> None:
    """Train and write the checkpoint to `folder`; progress goes to stderr."""
    torch.manual_seed(seed)
    torch.set_num_threads(2)
    folder.mkdir(parents=True, exist_ok=True)
    sample = [turn.prompt + turn.reply for turn in islice(turns(seed, 0.8), 6000)]
    tokenizer = train_tokenizer(sample)
    config = shape(tokenizer.get_vocab_size())
    network = Network(config)
    decayed = [weight for weight in network.parameters() if weight.ndim == 2]
    plain = [weight for weight in network.parameters() if weight.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
        fused=True,
    )
    window = config.sliding_window
    practice = batches(tokenizer, seed, "scorer", SCORER_ROWS, window, "practice")
    scorer = batches(tokenizer, seed, "scorer", SCORER_ROWS, window)
    proposer = batches(tokenizer, seed, "optimizer", OPTIMIZER_ROWS, window)
    began = time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        practising = step < PRACTICE * steps
        scorer_loss = loss_of(network, next(practice if practising else scorer))
        scorer_loss.backward()
        proposer_loss = torch.zeros(())
        if not practising:
            proposer_loss = loss_of(network, next(proposer))
            (OPTIMIZER_WEIGHT * proposer_loss).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == steps - 1:
            line = (
                f"step {step} scorer {scorer_loss.item():.4f} proposer {proposer_loss.item():.4f}"
            )
            print(line, f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if step % 500 == 499 or step == steps - 1:
            save(folder, network, config, tokenizer)


def save(folder: Path, network: Network, config: MistralConfig, tokenizer: Tokenizer) -> None:
    """The standard layout: config.json, model.safetensors (float16), tokenizer files."""
    weights = {name: weight.detach().half() for name, weight in network.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config.write(folder / "config.json")
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "model_max_length": config.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
