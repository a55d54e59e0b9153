"""The frame of every page: its language, and where its files are."""

import shutil
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from arena.web.shell import HERE, Shell, choose_language


@pytest.mark.parametrize(
    ("wanted", "kept", "accepted", "language"),
    [
        pytest.param("zh", "en", "en", "zh", id="the address decides first"),
        pytest.param(None, "zh", "en", "zh", id="then the earlier choice"),
        pytest.param(None, None, "de, zh-CN;q=0.8, en;q=0.5", "zh", id="then the browser"),
        pytest.param("xx", "yy", "fr", "en", id="else English"),
        pytest.param(None, None, "", "en", id="nothing said"),
    ],
)
def test_language(wanted: str | None, kept: str | None, accepted: str, language: str) -> None:
    assert choose_language(wanted, kept, accepted) == language


def test_the_addresses_of_files_change_with_their_content() -> None:
    assert Shell().assets == Shell("Another").assets
    assert Shell().assets.startswith("/look/")


def test_an_update_below_a_running_arena_breaks_no_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(HERE / "assets", tmp_path / "assets")
    shutil.copytree(HERE / "templates", tmp_path / "templates")
    monkeypatch.setattr("arena.web.shell.HERE", tmp_path)
    shell = Shell()
    before, files = shell.text("about.html", lang="en", active="about"), TestClient(shell.files())
    script = files.get("/battle.js").text
    for file in (tmp_path / "templates").iterdir():
        file.write_text("{{ w.of_a_newer_version }}", encoding="utf-8")
    for file in (tmp_path / "assets").iterdir():
        file.write_text("of a newer version", encoding="utf-8")
    assert shell.text("about.html", lang="en", active="about") == before
    assert files.get("/battle.js").text == script  # under an old address, and kept for a year


@pytest.mark.parametrize("name", ["nothing.js", "", "../shell.py", "%2e%2e/shell.py", "a/b.js"])
def test_what_is_no_file_of_a_page_is_not_there(client: httpx.Client, name: str) -> None:
    assert client.get(f"{Shell().assets}/{name}").status_code == 404


@pytest.mark.parametrize(
    ("name", "kind"), [("look.css", "text/css"), ("page.js", "javascript"), ("mark.svg", "svg")]
)
def test_files_say_what_they_are(client: httpx.Client, name: str, kind: str) -> None:
    answer = client.get(f"{Shell().assets}/{name}")
    assert kind in answer.headers["content-type"]
    assert answer.content == (HERE / "assets" / name).read_bytes()


def test_files_may_be_kept_for_ever_and_pages_not_at_all(client: httpx.Client) -> None:
    style = client.get(f"{Shell().assets}/look.css")
    assert "immutable" in style.headers["cache-control"]
    assert client.get("/about").headers["cache-control"] == "no-store"


def test_a_language_in_the_address_is_remembered(client: httpx.Client) -> None:
    client.get("/about?lang=zh")
    assert '<html lang="zh-CN">' in client.get("/about").text


@pytest.mark.parametrize("lang", ["<script>", "../en", "zh\r\nSet-Cookie: a=b", "x" * 5000])
def test_a_language_that_is_none_does_no_harm(client: httpx.Client, lang: str) -> None:
    answer = client.get("/about", params={"lang": lang})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert '<html lang="en">' in answer.text


def test_the_title_of_an_arena_is_text() -> None:
    page = Shell("<b>Lab</b>").text("about.html", lang="en", active="about")
    assert "&lt;b&gt;Lab&lt;/b&gt;" in page
    assert "<b>Lab" not in page
