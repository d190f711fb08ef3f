"""Near ties are settled by the prompt's own tokens alone; clear choices are left as they are.

Whole answers cannot show this: a tie that batching would turn over is too rare to meet.
"""

from __future__ import annotations

import numpy as np
import pytest

from opro_cli.embedded.config import SCORER
from opro_cli.embedded.decoding import NEAR_TIE, Row, choose, compute_logits_alone
from opro_cli.embedded.mistral import Mistral, load_checkpoint
from opro_cli.embedded.prompts import Prompt

IDS = (1, 3, 40, 41, 42, 4)


@pytest.mark.parametrize(("lead", "settled"), [(NEAR_TIE / 10, True), (NEAR_TIE * 10, False)])
def test_a_lead_counts_only_when_batching_could_not_have_made_it(
    lead: float, settled: bool
) -> None:
    model = Mistral(load_checkpoint(SCORER))
    own = compute_logits_alone(model, IDS)
    right = int(own.argmax())
    other = int(np.argsort(own)[-2])
    in_batch = np.zeros((1, own.size), dtype=np.float32)
    in_batch[0, right], in_batch[0, other] = 1.0, 1.0 + lead
    row = Row(0, Prompt(IDS, temperature=0.0, limit=1, seed=0))
    assert choose(model, [row], in_batch) == [right if settled else other]
