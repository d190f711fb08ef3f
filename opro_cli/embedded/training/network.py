"""The network that is trained: `MistralForCausalLM` in torch, parameters named as there.

Same arithmetic as `opro_cli.embedded.mistral` (the numpy runtime), which tests hold against it.
Training sequences are never longer than the sliding window, so plain causal attention is exact.
"""
# mypy: disable-error-code="misc"
# torch is not installed where the checks run, so its base classes are unknown there

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from opro_cli.embedded.config import MistralConfig


class RMSNorm(nn.Module):
    """x / rms(x) * weight over the last axis (Zhang & Sennrich 2019)."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return x of the same shape, normed."""
        return functional.rms_norm(x, self.weight.shape, self.weight, self.eps)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply RoPE as transformers does: the halves of a head are the two coordinates."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def apart(replies: Tensor) -> tuple[Tensor, Tensor]:
    """Return positions (batch, tokens) and a mask (batch, tokens, tokens) for several replies.

    Each reply sees the prompt and itself, at the positions that it would have as the only one.
    """
    index = torch.arange(replies.shape[1])
    prompt = (replies == 0).cumprod(1).sum(1, keepdim=True)
    same = replies[:, :, None] == replies[:, None, :]
    before = (same & (index < index[:, None])).sum(2)
    at = torch.where(replies == 0, index, prompt + before)
    seen = (same | (replies == 0)[:, None, :]) & (index <= index[:, None])
    return at, seen


class Attention(nn.Module):
    """Grouped-query attention: (batch, tokens, hidden) to the same shape."""

    def __init__(self, config: MistralConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.kv_heads = config.num_key_value_heads
        self.head_dim = config.head_dim
        hidden = config.hidden_size
        self.q_proj = nn.Linear(hidden, self.heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(hidden, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(hidden, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.head_dim, hidden, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, seen: Tensor | None) -> Tensor:
        """Attend where `seen` (batch, 1, tokens, tokens) is true; None is causal attention."""
        batch, tokens, _ = x.shape
        groups = self.heads // self.kv_heads

        def split(projected: Tensor, heads: int) -> Tensor:
            return projected.view(batch, tokens, heads, self.head_dim).transpose(1, 2)

        query = rotate(split(self.q_proj(x), self.heads), cos, sin)
        key = rotate(split(self.k_proj(x), self.kv_heads), cos, sin)
        value = split(self.v_proj(x), self.kv_heads)
        mixed = functional.scaled_dot_product_attention(
            query,
            key.repeat_interleave(groups, dim=1),
            value.repeat_interleave(groups, dim=1),
            attn_mask=seen,
            is_causal=seen is None,
        )
        projected: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, tokens, -1))
        return projected


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x)) (Shazeer 2020)."""

    def __init__(self, config: MistralConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, config: MistralConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = SwiGLU(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, seen: Tensor | None) -> Tensor:
        """Add attention and the gated layer to x; see `Attention.forward`."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, seen)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Body(nn.Module):
    """Embeddings, layers and the last norm: token ids to hidden states."""

    def __init__(self, config: MistralConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        powers = torch.arange(0, config.head_dim, 2).float() / config.head_dim
        inverse = 1.0 / config.rope_theta**powers
        angles = torch.arange(config.sliding_window).float()[:, None] * inverse
        self.register_buffer("cos", torch.cat((angles, angles), -1).cos(), persistent=False)
        self.register_buffer("sin", torch.cat((angles, angles), -1).sin(), persistent=False)

    def forward(self, ids: Tensor, replies: Tensor | None) -> Tensor:
        """Return hidden states (batch, tokens, hidden); replies as in `Network.forward`."""
        tokens = ids.shape[1]
        cos, sin, seen = self.cos[:tokens], self.sin[:tokens], None
        if replies is not None:
            at, seen = apart(replies)
            cos, sin, seen = self.cos[at][:, None], self.sin[at][:, None], seen[:, None]
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, cos, sin, seen)
        out: Tensor = self.norm(x)
        return out


class Network(nn.Module):
    """The whole network; its input and output embeddings are the same table."""

    def __init__(self, config: MistralConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Body(config)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=0.02 if "embed" in name else weight.shape[1] ** -0.5)
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.data /= (2 * config.num_hidden_layers) ** 0.5

    def forward(self, ids: Tensor, where: Tensor, replies: Tensor | None = None) -> Tensor:
        """Return logits (positions, vocabulary) at flat indices `where` of (batch * tokens).

        replies is (batch, tokens): the number of each token's reply to the row's prompt, 0 for the
        prompt; None if there is one reply.
        """
        hidden = self.model(ids, replies).flatten(0, 1)[where]
        return functional.linear(hidden, self.model.embed_tokens.weight)
