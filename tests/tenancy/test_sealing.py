"""What is sealed opens in its place, with its key, unchanged, and in no other way."""

import secrets
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy.errors import SealBroken
from tenancy.sealing import (
    COMPRESSED,
    PLAIN,
    Key,
    Place,
    associated_data,
    key_id_of,
    seal,
    seal_json,
    unseal,
    unseal_json,
)

KEY = Key(uuid4(), bytes(range(32)))
PLACE = Place(tenant_id=uuid4(), table="runs_run", row=uuid4(), column="input_sealed")


@given(st.binary(max_size=2_000))
def test_what_is_sealed_opens(plaintext):
    assert unseal(KEY, seal(KEY, plaintext, place=PLACE), place=PLACE) == plaintext


@given(st.uuids())
def test_a_row_is_the_same_place_as_an_id_and_as_its_text(row):
    by_id, by_text = replace(PLACE, row=row), replace(PLACE, row=str(row))

    assert associated_data(b"header", by_id) == associated_data(b"header", by_text)
    assert unseal(KEY, seal(KEY, b"x", place=by_id), place=by_text) == b"x"


def test_the_same_text_is_sealed_differently_each_time():
    assert seal(KEY, b"x", place=PLACE) != seal(KEY, b"x", place=PLACE)


def test_the_key_id_is_readable():
    assert key_id_of(seal(KEY, b"x", place=PLACE)) == KEY.id


def test_long_text_is_compressed_and_short_text_is_not():
    assert seal(KEY, b"a" * 5_000, place=PLACE)[0] == COMPRESSED
    assert len(seal(KEY, b"a" * 5_000, place=PLACE)) < 200
    assert seal(KEY, b"a" * 100, place=PLACE)[0] == PLAIN


@pytest.mark.parametrize("position", [0, 1, 16, 17, 28, 29, -1])
def test_one_changed_byte_breaks_the_seal(position):
    sealed = bytearray(seal(KEY, b"a" * 300, place=PLACE))
    sealed[position] ^= 3

    with pytest.raises(SealBroken):
        unseal(KEY, bytes(sealed), place=PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"tenant_id": uuid4()},
        {"table": "runs_nodeexecution"},
        {"row": uuid4()},
        {"column": "output_sealed"},
        {"table": "runs_run" + str(PLACE.row), "row": ""},  # the border between parts moved
    ],
)
def test_a_sealed_value_opens_in_its_own_place_only(elsewhere):
    sealed = seal(KEY, b"secret", place=PLACE)

    with pytest.raises(SealBroken):
        unseal(KEY, sealed, place=replace(PLACE, **elsewhere))


def test_another_key_with_the_same_id_does_not_open():
    sealed = seal(KEY, b"secret", place=PLACE)

    with pytest.raises(SealBroken):
        unseal(Key(KEY.id, bytes(32)), sealed, place=PLACE)
    with pytest.raises(SealBroken):
        unseal(Key(uuid4(), KEY.secret), sealed, place=PLACE)


@pytest.mark.parametrize("nothing", [b"", b"\x01", b"\x07" + bytes(60)])
def test_what_was_never_sealed_is_refused(nothing):
    with pytest.raises(SealBroken):
        unseal(KEY, nothing, place=PLACE)


@given(st.text(), st.text(), st.text(), st.text())
def test_two_places_never_share_their_associated_data(table, column, other_table, other_column):
    one = replace(PLACE, table=table, column=column)
    other = replace(PLACE, table=other_table, column=other_column)

    same = associated_data(b"h", one) == associated_data(b"h", other)

    assert same == (one == other)


def test_what_does_not_compress_is_sealed_as_it_is():
    noise = secrets.token_bytes(500)

    sealed = seal(KEY, noise, place=PLACE)

    assert sealed[0] == PLAIN
    assert unseal(KEY, sealed, place=PLACE) == noise


def test_json_comes_back():
    value = {"text": "Grüße", "numbers": [1, 2.5, None], "deep": {"yes": True}}

    assert unseal_json(KEY, seal_json(KEY, value, place=PLACE), place=PLACE) == value


def test_repr_does_not_show_the_key():
    assert repr(KEY.secret) not in repr(KEY)
