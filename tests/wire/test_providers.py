"""The table of providers: no two rows claim one name, and a local server's row is complete."""

from __future__ import annotations

from itertools import chain

import pytest

from opro_cli.models.providers import LOCAL_SERVERS, PROVIDERS, Provider


def test_a_name_before_the_slash_has_one_row() -> None:
    prefixes = list(chain.from_iterable(row.prefixes for row in PROVIDERS))
    assert len(prefixes) == len({*prefixes})
    assert len(LOCAL_SERVERS) == sum(bool(row.kind) for row in PROVIDERS)


@pytest.mark.parametrize("unique", ["port", "owner"])
def test_a_server_is_known_by_its_port_and_owner(unique: str) -> None:
    values = [getattr(row, unique) for row in PROVIDERS if getattr(row, unique)]
    assert len(values) == len({*values})


@pytest.mark.parametrize("row", LOCAL_SERVERS.values(), ids=list(LOCAL_SERVERS))
def test_a_local_server_says_how_to_start_it_get_a_model_and_lengthen_it(row: Provider) -> None:
    for command in (row.start, row.get, row.lengthen):
        assert command.format(model="m", tokens=4096)
    assert row.title
    assert row.base_variables or not row.prefixes
