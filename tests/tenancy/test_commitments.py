"""A commitment holds for what was committed to, and tells nothing about it."""

from tenancy import commitments


def test_a_commitment_holds_for_its_content_only():
    salt, digest = commitments.commit(b"123-45-6789")

    assert commitments.holds(salt, b"123-45-6789", digest)
    assert not commitments.holds(salt, b"123-45-6780", digest)
    assert not commitments.holds(bytes(32), b"123-45-6789", digest)


def test_the_same_content_is_committed_to_differently_each_time():
    assert commitments.commit(b"x") != commitments.commit(b"x")
