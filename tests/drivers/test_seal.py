"""Secrets at rest: bound to their place, closed when in doubt."""

import multiprocessing
import stat

import pytest

from minato.drivers.seal.aesgcm import AesGcmSeal
from minato.errors import PlatformError


@pytest.fixture
def seal(tmp_path):
    return AesGcmSeal(tmp_path / "keys")


def test_a_value_opens_where_it_was_sealed(seal, tmp_path):
    key = seal.new_key("a_one")
    sealed = seal.seal("päss\nwörd", app="a_one", key="DATABASE_URL", version=3, wrapped=key)
    assert seal.open(sealed, app="a_one", key="DATABASE_URL", version=3, wrapped=key) == "päss\nwörd"
    assert AesGcmSeal(tmp_path / "keys").open(sealed, app="a_one", key="DATABASE_URL", version=3, wrapped=key)


@pytest.mark.parametrize("change", [{"app": "a_two"}, {"key": "OTHER"}, {"version": 4}])
def test_a_value_that_was_moved_does_not_open(seal, change):
    key = seal.new_key("a_one")
    place = {"app": "a_one", "key": "A", "version": 3}
    sealed = seal.seal("x", **place, wrapped=key)
    with pytest.raises(PlatformError) as refused:
        seal.open(sealed, **place | change, wrapped=key)
    assert refused.value.code == "seal:platform:refused"


def test_another_apps_key_opens_nothing(seal):
    one, two = seal.new_key("a_one"), seal.new_key("a_two")
    sealed = seal.seal("x", app="a_one", key="A", version=1, wrapped=one)
    with pytest.raises(PlatformError):
        seal.open(sealed, app="a_one", key="A", version=1, wrapped=two)


@pytest.mark.parametrize("place", range(0, 40, 3))
def test_one_changed_bit_is_noticed(seal, place):
    key = seal.new_key("a_one")
    sealed = bytearray(seal.seal("some value", app="a_one", key="A", version=1, wrapped=key))
    sealed[place % len(sealed)] ^= 1
    with pytest.raises(PlatformError):
        seal.open(bytes(sealed), app="a_one", key="A", version=1, wrapped=key)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"0" * 12, b"plain text, never sealed at all"])
def test_what_was_never_sealed_is_refused(seal, sealed):
    with pytest.raises(PlatformError):
        seal.open(sealed, app="a_one", key="A", version=1, wrapped=seal.new_key("a_one"))


def test_an_app_without_a_key_seals_nothing(seal):
    with pytest.raises(PlatformError):
        seal.seal("x", app="a_one", key="A", version=1, wrapped=b"")


def test_equal_values_have_equal_fingerprints_and_different_ciphertexts(seal, tmp_path):
    key = seal.new_key("a_one")
    assert seal.fingerprint("x") == seal.fingerprint("x") != seal.fingerprint("y")
    assert len(seal.fingerprint("x")) == 8
    place = {"app": "a_one", "key": "A", "version": 1, "wrapped": key}
    assert seal.seal("x", **place) != seal.seal("x", **place)
    assert AesGcmSeal(tmp_path / "other").fingerprint("x") != seal.fingerprint("x")


def test_the_key_file_is_32_bytes_and_only_ours_to_read(seal, tmp_path):
    seal.new_key("a_one")
    file = tmp_path / "keys" / "kek-1"
    assert len(file.read_bytes()) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["kek-1"]


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31, b"x" * 33])
def test_a_short_key_is_refused_and_never_replaced(tmp_path, content):
    file = tmp_path / "kek-1"
    file.write_bytes(content)
    with pytest.raises(PlatformError) as refused:
        AesGcmSeal(tmp_path).new_key("a_one")
    assert refused.value.code == "seal:platform:short-key"
    assert file.read_bytes() == content


def _fingerprint(folder):
    return AesGcmSeal(folder).fingerprint("x")


def test_processes_that_start_at_once_agree_on_one_key(tmp_path):
    with multiprocessing.get_context("fork").Pool(8) as pool:
        assert len(set(pool.map(_fingerprint, [tmp_path / "keys"] * 32))) == 1
