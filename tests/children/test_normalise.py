"""The archive normaliser: hostile and honest archives, one canonical tar."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import random
import subprocess
import tarfile
import time
import zipfile

import pytest

from minato.drivers.blobs.files import FileBlobs
from minato.drivers.normaliser import normalise
from minato.errors import UserError

DIR, LNK, HARD = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.fixture
def blobs(tmp_path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


@pytest.fixture
def take(blobs, tmp_path):
    """Return a function that normalises bytes."""

    def take(data: bytes, **limits: int):
        path = tmp_path / "archive"
        path.write_bytes(data)
        with path.open("rb") as file:
            return normalise(file, blobs, **limits)

    return take


def info(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644, size: int = 0, **extra
) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode, made.size, made.mtime, made.uid = kind, link, mode, size, 1_700_000_000, 1000
    for key, value in extra.items():
        setattr(made, key, value)
    return made


def tar(*members, form: int = tarfile.PAX_FORMAT, mode: str = "w") -> bytes:
    """Return a tar of (TarInfo, content) pairs or TarInfos."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:
        for member in members:
            made, content = member if isinstance(member, tuple) else (member, b"")
            made.size = len(content)
            archive.addfile(made, io.BytesIO(content))
    return out.getvalue()


def zipped(*members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of (name, content, mode) triples."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content, mode in members:
            made = zipfile.ZipInfo(name)
            made.create_system, made.external_attr = 3, mode << 16
            made.compress_type = compression
            archive.writestr(made, content)
    return out.getvalue()


def contents(blobs: FileBlobs, source) -> dict[str, tuple]:
    with blobs.open(source.sha256) as file, tarfile.open(fileobj=file) as archive:
        assert [
            (m.uid, m.gid, m.mtime, m.uname) for m in archive if (m.uid, m.gid, m.mtime, m.uname) != (0, 0, 0, "")
        ] == []
        return {m.name: (m.type, oct(m.mode), m.linkname, m.isreg() and archive.extractfile(m).read()) for m in archive}


APP = (info("app.py"), b"print()\n")
RUN = (info("bin/run", mode=0o775), b"#!/bin/sh\n")


def refused(take, data: bytes, name: str, **limits: int) -> UserError:
    with pytest.raises(UserError) as error:
        take(data, **limits)
    assert error.value.code == f"receive:user:{name}", error.value.message
    assert error.value.message
    return error.value


def test_what_comes_out_is_canonical(take, blobs):
    source = take(tar(RUN, info("z", LNK, "bin/run"), info("bin", DIR, mode=0o700), APP))
    assert contents(blobs, source) == {
        "app.py": (b"0", "0o644", "", b"print()\n"),
        "bin": (b"5", "0o755", "", False),
        "bin/run": (b"0", "0o755", "", b"#!/bin/sh\n"),
        "z": (b"2", "0o755", "bin/run", False),
    }
    assert (source.entries, source.size) == (4, 18)


def test_push_tar_gz_and_zip_of_equal_content_are_the_same_source(take, blobs, tmp_path):
    work = tmp_path / "work"
    (work / "bin").mkdir(parents=True)
    (work / "bin-x").mkdir()
    for name, content in {
        "app.py": "x",
        "bin/run": "y",
        "bin.txt": "z",
        "bin-x/a": "a",
        "bin0": "b",
        "港.txt": "c",
    }.items():
        (work / name).write_text(content)
    (work / "bin/run").chmod(0o755)
    (work / "link").symlink_to("bin/run")
    (work / "long").mkdir()
    (work / "long" / ("n" * 200)).write_text("long")
    pushed = take(git_archive(work))
    plain = subprocess.run(["tar", "-C", work, "--exclude=.git", "-c", "."], capture_output=True, check=True).stdout
    packed = subprocess.run(
        ["tar", "-C", work, "--exclude=.git", "-cz", "--format=pax", "."], capture_output=True, check=True
    ).stdout
    files = [
        p for p in sorted(work.rglob("*"), reverse=True) if ".git" not in p.parts and (p.is_symlink() or p.is_file())
    ]
    as_zip = zipped(*((str(p.relative_to(work)), *zip_content(p)) for p in files))
    assert {take(plain), take(packed), take(as_zip)} == {pushed}
    assert pushed.entries == 11


def zip_content(path) -> tuple[bytes, int]:
    if path.is_symlink():
        return str(path.readlink()).encode(), 0o120777
    return path.read_bytes(), path.stat().st_mode


def git_archive(work) -> bytes:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        **{f"GIT_{w}_{k}": "a@b" for w in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")},
    }
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=work, env=env, check=True)
    return subprocess.run(
        ["git", "archive", "--format=tar", "HEAD"], cwd=work, env=env, capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_of_tar_gives_the_same(take, form):
    deep = "/".join(["d" * 40] * 2)
    data = tar(APP, (info(f"{deep}/file"), b"x"), info("l", LNK, f"{deep}/file"), form=form)
    assert take(data).sha256 == take(tar((info(f"./{deep}/file"), b"x"), info("l", LNK, f"{deep}/file"), APP)).sha256


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_links(take, blobs, form):
    name = "/".join(["n" * 100] * 5)
    source = take(tar((info(name), b"x"), info("l", LNK, name), form=form))
    assert {name, "l"} <= contents(blobs, source).keys()


def test_concatenated_gzip_members_and_padding_are_read(take):
    data = tar(APP, RUN)
    halves = gzip.compress(data[:700]) + gzip.compress(data[700:])
    assert take(halves) == take(halves + bytes(512)) == take(data)


def test_an_empty_folder_is_kept_and_named_once(take, blobs):
    source = take(tar(APP, info("logs", DIR), info("logs", DIR), info("./", DIR)))
    assert sorted(contents(blobs, source)) == ["app.py", "logs"]


HOSTILE_TARS = {
    "parent": (tar((info("../evil"), b"x")), "name"),
    "parent inside": (tar((info("a/../../evil"), b"x")), "name"),
    "absolute": (tar((info("/etc/passwd"), b"x")), "name"),
    "backslash": (tar((info("a\\..\\b"), b"x")), "name"),
    "drive": (tar((info("C:/x"), b"x")), "name"),
    "control": (tar((info("a\nb"), b"x")), "name"),
    "escape": (tar((info("a\x1bb"), b"x")), "name"),
    "not utf-8": (tar((info("a\udcffb"), b"x"), form=tarfile.GNU_FORMAT), "name"),
    "too long": (tar((info("n" * 300), b"x")), "name"),
    "twice": (tar(APP, (info("app.py"), b"other")), "name"),
    "twice by dot": (tar(APP, (info("./app.py"), b"other")), "name"),
    "file as folder": (tar(APP, (info("app.py/x"), b"x")), "name"),
    "folder as file": (tar((info("a/x"), b"x"), (info("a"), b"x")), "name"),
    "link as folder": (tar(info("a", LNK, "."), (info("a/x"), b"x")), "name"),
    "link over folder": (tar((info("a/x"), b"x"), info("a", LNK, "b")), "name"),
    "absolute link": (tar(info("a", LNK, "/etc")), "symlink"),
    "link outside": (tar(info("d/a", LNK, "../../x")), "symlink"),
    "link that turns": (tar(info("d/e/b", LNK, "../.."), info("a", LNK, "d/e/b/../../x")), "symlink"),
    "link to nothing": (tar(info("a", LNK, "")), "symlink"),
    "link with control": (tar(info("a", LNK, "b\nc")), "symlink"),
    "hard link": (tar(APP, info("b", HARD, "app.py")), "hard-link"),
    "device": (tar(info("null", tarfile.CHRTYPE)), "special-file"),
    "block device": (tar(info("sda", tarfile.BLKTYPE)), "special-file"),
    "pipe": (tar(info("p", tarfile.FIFOTYPE)), "special-file"),
    "unknown kind": (tar(info("v", b"V")), "special-file"),
    "sparse in GNU": (tar(info("s", tarfile.GNUTYPE_SPARSE)), "special-file"),
    "sparse in pax": (tar((info("s", pax_headers={"GNU.sparse.major": "1"}), b"x")), "sparse"),
    "git folder": (tar(APP, (info(".git/config"), b"x")), "dot-git"),
    "git folder in capitals": (tar(APP, (info(".GIT/hooks/x"), b"x")), "dot-git"),
    "nothing": (tar(), "empty"),
    "only the root": (tar(info("./", DIR)), "empty"),
    "no archive": (b"hello world" * 200, "archive"),
    "no bytes": (b"", "archive"),
    "cut in content": (tar((info("a"), b"x" * 5000))[:2000], "archive"),
    "cut at a header": (tar(APP, RUN)[:1024], "archive"),
    "cut gzip": (gzip.compress(tar(APP, (info("r"), os.urandom(50_000))))[:-20], "archive"),
    "broken gzip": (gzip.compress(tar(APP))[:20] + b"\xff" * 200, "archive"),
    "broken header in the middle": (tar(APP)[:1024] + b"garbage!" * 64 + tar(RUN), "archive"),
    "pax size is no number": (tar((info("a", pax_headers={"size": "-5"}), b"x")), "archive"),
    "one pax header for all": (tar(APP).join([b"", b""]) or b"", "archive"),
    "lfs": (tar(APP, (info("m.bin"), b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")), "lfs"),
}
HOSTILE_TARS.pop("one pax header for all")


@pytest.mark.parametrize("name", HOSTILE_TARS)
def test_hostile_tars_are_refused_with_their_rule(take, blobs, name):
    data, rule = HOSTILE_TARS[name]
    refused(take, data, rule)
    assert not [p for p in blobs.scratch().parent.rglob("*") if p.is_file() and p.stat().st_size]


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    made = tarfile.TarInfo(name)
    made.type, made.size = kind, size
    return made.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_of_two_gigabytes_is_never_read(take, kind):
    begun = time.monotonic()
    refused(take, gzip.compress(header(kind, 2 * 1024**3) + bytes(20 * 1024**2)), "archive")
    assert time.monotonic() - begun < 5


def test_one_pax_header_may_not_name_every_file(take):
    record = b"17 path=evil.txt\n"
    glob = header(tarfile.XGLTYPE, len(record)) + record.ljust(512, b"\0")
    refused(take, glob + tar(APP), "archive")


def test_a_thousand_headers_in_a_row_do_not_recurse(take):
    record = b"13 comment=x\n"
    assert take((header(tarfile.XHDTYPE, len(record)) + record.ljust(512, b"\0")) * 3000 + tar(APP)) == take(tar(APP))


def test_a_negative_size_is_refused(take):
    made = bytearray(header(tarfile.REGTYPE, 0))
    made[124:136] = b"\xff" * 12
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    refused(take, bytes(made) + bytes(1024), "archive")


def test_a_gzip_bomb_is_refused_early(take):
    begun = time.monotonic()
    refused(take, gzip.compress(tar((info("zeros"), bytes(200 * 1024**2)))), "ratio")
    assert time.monotonic() - begun < 10


def test_too_much_and_too_many(take):
    refused(take, tar((info("a"), os.urandom(3_000_000))), "too-large", total=2_000_000)
    refused(take, tar(*((info(f"f{n}"), b"") for n in range(60))), "too-many-files", entries=50)
    refused(take, zipped(*((f"f{n}", b"", 0o100644) for n in range(60))), "too-many-files", entries=50)
    refused(take, tar((info("/".join("abcdefghij" * 20) + "/x"), b"")), "too-many-files", entries=50)


def test_fifty_thousand_small_files_are_read_in_time(take):
    data = tar(*((info(f"d{n % 100}/f{n}"), b"x") for n in range(49_000)), form=tarfile.USTAR_FORMAT)
    begun = time.monotonic()
    assert take(data).entries == 49_100
    assert time.monotonic() - begun < 40


HOSTILE_ZIPS = {
    "parent": (zipped(("../evil", b"x", 0o100644)), "name"),
    "absolute": (zipped(("/evil", b"x", 0o100644)), "name"),
    "backslash": (zipped(("a\\b", b"x", 0o100644)), "name"),
    "link outside": (zipped(("l", b"../x", 0o120777)), "symlink"),
    "pipe": (zipped(("p", b"", 0o010644)), "special-file"),
    "git folder": (zipped((".git/HEAD", b"x", 0o100644)), "dot-git"),
    "bomb": (zipped(("zeros", bytes(300 * 1024**2), 0o100644)), "ratio"),
    "empty": (zipped(), "empty"),
    "bzip2": (zipped(("a", b"x" * 100, 0o100644), compression=zipfile.ZIP_BZIP2), "archive"),
    "cut": (zipped(("a", b"x" * 1000, 0o100644))[:-30], "archive"),
    "twice": (zipped(("a", b"x", 0o100644), ("./a", b"y", 0o100644)), "name"),
}


@pytest.mark.parametrize("name", HOSTILE_ZIPS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_hostile_zips_are_refused_with_their_rule(take, name):
    data, rule = HOSTILE_ZIPS[name]
    refused(take, data, rule)


def test_overlapping_zip_members_are_refused(take):
    data = bytearray(zipped(("a", b"x" * 50, 0o100644), ("b", b"y" * 50, 0o100644)))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)  # both begin at 0
    refused(take, bytes(data), "archive")


def test_an_encrypted_zip_is_refused(take):
    data = bytearray(zipped(("a", b"x" * 50, 0o100644)))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    refused(take, bytes(data), "encrypted")


def test_a_zip_that_lies_about_a_size_is_refused(take):
    data = bytearray(zipped(("a", b"x" * 5000, 0o100644)))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")
    refused(take, bytes(data), "archive")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_bytes_are_always_the_users_fault(take, seed):
    """A flipped byte is refused or harmless, never a fault of ours."""
    dice = random.Random(seed)
    good = [tar(APP, RUN, info("l", LNK, "app.py")), gzip.compress(tar(APP, RUN)), zipped(("a", b"x" * 50, 0o100644))]
    for _ in range(25):
        data = bytearray(dice.choice(good))
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        with contextlib.suppress(UserError):
            take(bytes(data))


def test_zip_names_in_utf8_without_the_flag(take, blobs):
    data = zipped(("港.txt", b"x", 0o100644)).replace(b"\x00\x08", b"\x00\x00")
    assert take(data).entries == 1
    assert list(contents(blobs, take(data))) == ["港.txt"]


def test_a_tar_whose_first_name_begins_like_a_zip(take):
    assert take(tar((info("PKG-INFO"), b"x"))).entries == 1


def test_the_child_needs_nothing_but_the_standard_library(tmp_path):
    from minato.drivers.normaliser import CHILD

    done = subprocess.run(
        ["python3", "-IS", str(CHILD), "1", "1", "2"], input=b"", capture_output=True, env={}, check=False
    )
    assert b"ModuleNotFoundError" not in done.stderr
