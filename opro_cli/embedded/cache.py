"""The key-value cache of a batch of rows, limited to the sliding window.

The rolling buffer of Mistral 7B (Jiang et al., 2023, section 2): a token sees itself and the
window - 1 before it, so older keys and values are discarded. There slot i of the buffer holds
position i mod window; here the rest moves to the front now and then, so that every product reads
one contiguous block and several new tokens can be appended at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


MOST_PADDING = 32
"""Unused slots in front before they are discarded."""
MORE_ROWS = 8
"""Spare rows in a buffer, so that not every row that joins copies all others."""


class Cache:
    """The keys and values of each layer for a batch. All rows end at the same slot.

    `starts`, (rows,), has the slots of padding before a row's first token, negative once that is
    discarded. `used` is the number of slots in use, in every layer after a forward pass.
    """

    def __init__(self, layers: int, starts: Ints, window: int) -> None:
        self.starts, self.used = starts, 0
        self._window = window
        # (rows, kv_heads, slots, head_dim), with spare rows and slots
        self._buffers: list[list[Floats]] = [[] for _ in range(layers)]

    def extend(self, layer: int, keys: Floats, values: Floats) -> tuple[Floats, Floats]:
        """Append (rows, kv_heads, tokens, head_dim); return views of all keys and values."""
        rows, end = len(self.starts), self.used + keys.shape[2]
        buffers = self._buffers[layer]
        if not buffers:
            buffers += [_allocate(new, rows, end + max(32, end // 4)) for new in (keys, values)]
        elif buffers[0].shape[2] < end:
            buffers[:] = [self._grow(old, rows, end) for old in buffers]
        for buffer, new in zip(buffers, (keys, values), strict=True):
            buffer[:rows, :, self.used : end] = new
        return buffers[0][:rows, :, :end], buffers[1][:rows, :, :end]

    def advance(self, tokens: int) -> None:
        """Count tokens that every layer has; discard slots outside the window in bulk."""
        self.used += tokens
        unseen, padding = self.used - (self._window - 1), int(self.starts.min())
        if unseen > self._window or padding > MOST_PADDING:
            self._discard(max(unseen if unseen > self._window else 0, padding))

    def drop(self, row: int) -> None:
        """Drop a row; the last one takes its place."""
        last = len(self.starts) - 1
        for buffer in self._all():
            buffer[row, :, : self.used] = buffer[last, :, : self.used]
        self.starts[row] = self.starts[last]
        self.starts = self.starts[:last]

    def repeat(self, rows: Ints) -> None:
        """Replace the rows by these, each once or several times."""
        self.starts = self.starts[rows]
        self._buffers = [[buffer[rows] for buffer in layer] for layer in self._buffers]

    def join(self, other: Cache) -> None:
        """Append the rows of another batch."""
        rows, more = len(self.starts), len(other.starts)
        if other.used > self.used:
            self._make_way(other.used - self.used)
        ahead = self.used - other.used
        for mine, others in zip(self._buffers, other._buffers, strict=True):
            if len(mine[0]) < rows + more:
                mine[:] = [self._grow(old, rows + more, self.used) for old in mine]
            for buffer, new in zip(mine, others, strict=True):
                # Zeros, because masked values are multiplied by 0, and 0 times NaN is NaN.
                buffer[rows : rows + more, :, :ahead] = 0
                buffer[rows : rows + more, :, ahead : self.used] = new[:more, :, : other.used]
        self.starts = np.concatenate([self.starts, other.starts + ahead])

    def _all(self) -> list[Floats]:
        return [buffer for layer in self._buffers for buffer in layer]

    def _grow(self, old: Floats, rows: int, slots: int) -> Floats:
        """Return a copy of a buffer, enlarged if needed to these rows and slots."""
        kept = len(self.starts)
        more_rows, more_slots = rows > len(old), slots > old.shape[2]
        new = _allocate(
            old,
            rows + MORE_ROWS if more_rows else len(old),
            slots + max(32, slots // 4) if more_slots else old.shape[2],
        )
        new[:kept, :, : self.used] = old[:kept, :, : self.used]
        return new

    def _make_way(self, slots: int) -> None:
        """Insert slots of padding before all others."""
        rows, used = len(self.starts), self.used
        for layer in self._buffers:
            layer[:] = [self._grow(old, rows, used + slots) for old in layer]
            for buffer in layer:
                buffer[:rows, :, slots : used + slots] = buffer[:rows, :, :used].copy()
                buffer[:rows, :, :slots] = 0
        self.starts = self.starts + slots
        self.used += slots

    def _discard(self, slots: int) -> None:
        """Discard the first slots and move the others to the front."""
        rows, used = len(self.starts), self.used
        for buffer in self._all():
            buffer[:rows, :, : used - slots] = buffer[:rows, :, slots:used].copy()
        self.starts = self.starts - slots
        self.used -= slots


def _allocate(like: Floats, rows: int, slots: int) -> Floats:
    _, heads, _, size = like.shape
    return np.empty((rows, heads, slots, size), np.float32)
