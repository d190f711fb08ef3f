"""What a run was measured on, as one short name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from opro_cli.core.model import SPLITS, Example, Split


def examples_fingerprint(examples: Mapping[Split, Sequence[Example]]) -> str:
    """sha256 (64 hex digits) over split, input and target of every example, in order.

    Where an example came from does not count: the same questions read from another
    format have the same fingerprint.
    """
    digest = hashlib.sha256()
    for split in SPLITS:
        for example in examples.get(split, ()):
            # A JSON array keeps apart what joined strings would run together.
            line = json.dumps([split, example.input, example.target])
            digest.update(line.encode("ascii") + b"\n")
    return digest.hexdigest()
