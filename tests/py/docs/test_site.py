# SPDX-License-Identifier: MIT
"""The site: every document is on it, and a link to nowhere ends the build."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from manual.site import Site, SiteError, documents, linked, write_site
from support.system import PROJECT, modules_dir, pvm_root, require_library

from pvm3py.console.commands import COMMANDS


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the site."""
    require_library("ours")
    target = tmp_path_factory.mktemp("site")
    write_site(PROJECT, pvm_root(), target)
    return target


def test_every_document_is_on_the_site(sources: Path) -> None:
    for document, place in documents(PROJECT).items():
        assert (PROJECT / document).exists()
        assert (sources / place).read_text(encoding="utf-8").startswith("# ")


def test_there_is_a_page_for_each_kind_of_reader(sources: Path) -> None:
    for name, line in (
        ("for-users", "[Threads in a task](threads.md)"),
        ("for-administrators", "[Security](project/SECURITY.md)"),
        ("for-contributors", "[Contributing](project/CONTRIBUTING.md)"),
    ):
        assert line in (sources / f"{name}.md").read_text(encoding="utf-8")


def test_functions_commands_and_python_names_have_pages(sources: Path) -> None:
    for name in ("pvm_send", "pvmd3", "pvmhosts", "pvm3.h", "fortran"):
        assert (sources / "reference" / f"{name}.md").exists()
    errors = sources / "reference" / "python-binding-errors.md"
    assert "## PvmError" in errors.read_text(encoding="utf-8")
    assert "[pvm_send](pvm_send.md)" in (sources / "reference" / "fortran.md").read_text()
    index = (sources / "reference" / "python.md").read_text()
    for name, place in (
        ("Task", "python-task-task.md"),
        ("PvmPoolExecutor", "python-futures-executor.md"),
        ("Task", "python-aio-task.md"),
        ("spawn", "python-classic-process.md"),
    ):
        assert f"[`{name}`]({place}#{name.lower()})" in index


def test_every_command_of_the_console_has_a_page(sources: Path) -> None:
    listed = (sources / "reference" / "console-commands.md").read_text()
    shown = [name for name, command in COMMANDS.items() if not command.hidden]
    assert {"add", "spawn", "top"} <= set(shown)
    for name in shown:
        assert f"[{name}](console-{name}.md)" in listed
        page = (sources / "reference" / f"console-{name}.md").read_text()
        assert COMMANDS[name].synopsis in page


def test_links_are_those_of_the_site(tmp_path: Path) -> None:
    site = Site(PROJECT, tmp_path, documents(PROJECT))
    text = "[a](../README.md#b) [c](hosts.md) [d](../Makefile) [e](https://f)\n```\n[g](h)\n```\n"
    assert linked(text, "docs/programs.md", site) == (
        "[a](project/README.md#b) [c](hosts.md) d [e](https://f)\n```\n[g](h)\n```\n"
    )
    assert linked("[a](docs/hosts.md)", "README.md", site) == "[a](../hosts.md)"
    named = linked("[docs/hosts.md](docs/hosts.md) [hosts.md](docs/hosts.md)", "README.md", site)
    assert named == "[Many hosts](../hosts.md) [Many hosts](../hosts.md)"
    with pytest.raises(SiteError, match=r"docs/programs.md: none.md does not exist"):
        linked("[a](none.md)", "docs/programs.md", site)


def test_pictures_come_along(tmp_path: Path) -> None:
    site = Site(PROJECT, tmp_path, documents(PROJECT))
    address = "(docs/images/console.svg)"
    assert linked(f"![a]{address}", "README.md", site) == "![a](../images/console.svg)"
    assert linked("![a](images/console.svg)", "docs/hosts.md", site) == "![a](images/console.svg)"
    assert (tmp_path / "images" / "console.svg").exists()


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Sphinx as `make docs` does."""
    command = [sys.executable, "-P", "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    command += ["-c", str(PROJECT / "docs" / "tools"), str(folder), str(folder / "out")]
    env = {"PYTHONPATH": str(modules_dir()), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, env=env)


@pytest.mark.parametrize(
    ("link", "good"),
    [("other.md#a-b", True), ("other.md#a-c", False), ("#x-c", False), ("none.md", False)],
)
def test_a_link_to_a_heading_must_be_right(tmp_path: Path, link: str, good: bool) -> None:
    (tmp_path / "index.md").write_text(f"# X\n\n[y]({link})\n\n```{{toctree}}\nother.md\n```\n")
    (tmp_path / "other.md").write_text("# Other\n\n## A B\n")
    done = build(tmp_path)
    assert (done.returncode == 0) == good, done.stderr


def test_a_document_that_no_index_names_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("# X\n")
    (tmp_path / "other.md").write_text("# Other\n")
    done = build(tmp_path)
    assert done.returncode != 0
    assert "other.md" in done.stderr
