"""The index against the answers as `opro show` collects them, whatever has happened."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from opro_cli.core.run.events import Answered, Event, Feedback, FirstReply
from opro_cli.reports.answers import MARKS, build_answer, list_answers
from opro_cli.store import answer_index
from opro_cli.store.answer_index import AnswerIndex
from opro_cli.store.journal import encode_event, read_events
from opro_cli.store.replay import replay_journal
from opro_cli.store.run_folder import read_run_start
from tests.core.histories import happenings, legal
from tests.store.test_snapshot import new_run

REASONS = st.sampled_from(["stop", "length", "content_filter", "refusal", "max_tokens", "recalled"])


@st.composite
def written(draw: st.DrawFn) -> tuple[list[Event], list[bytes]]:
    """Events with any reason to finish, remarks among them, and what stands between their lines."""
    events: list[Event] = []
    for event in draw(happenings):
        if isinstance(event, Answered | FirstReply):
            place = event.candidate, event.split, event.question
            if draw(st.booleans()):
                events.append(Feedback(1.0, *place, "a remark"))
            events.append(replace(event, finish_reason=draw(REASONS)))
        else:
            events.append(event)
    between = st.sampled_from([b"", b"", b"", b"\n", b"  \n"])
    return events, [draw(between) for _ in events]


@settings(max_examples=60, deadline=None)
@given(written(), st.integers(1, 2), st.integers(20, 3000))
def test_letters_and_lines_are_those_of_show(
    happened: tuple[list[Event], list[bytes]], rounds: int, block: int
) -> None:
    with TemporaryDirectory() as parent:
        folder = new_run(Path(parent), rounds)
        journal = folder / "events.jsonl"
        events = legal(read_run_start(folder).state, happened[0])
        gaps = happened[1]
        journal.write_bytes(
            b"".join(gap + encode_event(e) for gap, e in zip(gaps, events, strict=False))
        )
        run = read_run_start(folder)
        replay_journal(run.state, journal)
        state = run.state
        scanned = AnswerIndex(journal, state.sizes, state.scale)
        old, answer_index._BLOCK = answer_index._BLOCK, block
        scanned.scan(journal.stat().st_size)
        answer_index._BLOCK = old
        added, place = AnswerIndex(journal, state.sizes, state.scale), 0
        for gap, event in zip(gaps, events, strict=False):
            added.add(event, place + len(gap))
            place += len(gap) + len(encode_event(event))
        for candidate in [*run.state.candidates.values(), *run.state.baselines.values()]:
            shown = {
                (each.split, each.question): each
                for each in list_answers(run, candidate, read_events(journal))
            }
            for split, size in state.sizes.items():
                letters = ["."] * size
                for question in range(size):
                    if (each := shown.get((split, question))) is not None:
                        letter = MARKS[each.judgement]
                        letters[question] = letter.upper() if each.cut else letter
                        about = scanned.read_events(candidate.id, split, question)
                        assert build_answer(run, candidate, split, question, about) == each
                        assert added.read_events(candidate.id, split, question) == about
                for index in (scanned, added):
                    assert index.get_marks(candidate.id, split) == "".join(letters)
