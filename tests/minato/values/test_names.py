"""Names that people give."""

from __future__ import annotations

import pytest

from minato.release import check_key
from minato.release.formation import parse_scale
from minato.values import names


@pytest.mark.parametrize("name", ["shop", "a1b", "my-shop-2", "a" * 30])
def test_good_app_names(name):
    assert names.app_name_fault(name) == ""


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 31, "1shop", "Shop", "shop-", "-shop", "sh_op", "shop\n", "sh op", "é-é"]
)
def test_bad_app_names(name):
    assert names.app_name_fault(name) == "grammar"


@pytest.mark.parametrize("name", ["admin", "api", "www", "minato", "git", "localhost", "static"])
def test_reserved_app_names(name):
    assert names.app_name_fault(name) == "reserved"


@pytest.mark.parametrize("name", ["main", "release/1.2", "a", "feature/x_y-z"])
def test_good_branches(name):
    assert names.is_branch(name)


@pytest.mark.parametrize(
    "name", ["", "-x", "/x", "a..b", "a//b", "a.lock", "a@{1}", "a/", "a b", "a/.b", "x" * 101, "a\n"]
)
def test_bad_branches(name):
    assert not names.is_branch(name)


@pytest.mark.parametrize("path", ["/", "/health", "/a/b?c=d&e=1", "/~up"])
def test_good_check_paths(path):
    assert names.is_check_path(path)


@pytest.mark.parametrize("path", ["", "health", "/a b", "/a;b", '/"', "/\n", "/a\r\nHost: x", "/%00", "/" + "a" * 200])
def test_bad_check_paths(path):
    assert not names.is_check_path(path)


@pytest.mark.parametrize("host", ["shop.example.com", "a.io", "xn--bcher-kva.example"])
def test_good_hosts(host):
    assert names.is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "shop",
        "127.0.0.1",
        "a..b",
        "-a.com",
        "a-.com",
        "A.com",
        "a_b.com",
        "a.com\n",
        "*.a.com",
        "a.com:80",
        "a" * 64 + ".com",
    ],
)
def test_bad_hosts(host):
    assert not names.is_host(host)


@pytest.mark.parametrize("name", ["dan", "dan.smith", "d-2", "ab"])
def test_good_user_names(name):
    assert names.is_user_name(name)


@pytest.mark.parametrize("name", ["d", "Dan", "1dan", "dan smith", "dan\n", "d" * 31])
def test_bad_user_names(name):
    assert not names.is_user_name(name)


def test_a_line_end_slips_through_no_grammar():
    for check, value in ((check_key, "A\n"), (parse_scale, "web=2\n")):
        with pytest.raises(Exception, match=""):
            check(value)
