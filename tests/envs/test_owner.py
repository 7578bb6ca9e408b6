"""Whose homes are swept: what dead owners made, and nothing that a stranger only says is one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from claynet.envs.owner import ForeignFolderError, Owner, is_home, noted, sweep
from tests.runs.command import SCENARIOS, claynet

USER = os.geteuid()
ID = "0123456789abcdef"


class Strange:
    """An `Outside` that says where homes are, and of whose things it was told to clean up."""

    name = "strange"

    def __init__(self, *told: Path) -> None:
        self.told = told
        self.cleaned: list[Path] = []

    def left(self) -> int:
        return 0

    def homes(self, seconds: float) -> Iterable[Path]:
        return self.told

    def clean(self, home: Path, places: Iterable[str], seconds: float) -> bool:
        self.cleaned.append(home)
        return True


@pytest.fixture
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def a_home(base: Path, name: str = ID) -> Path:
    """A folder as a dead owner's: with a lock that nobody holds."""
    home = base / name
    home.mkdir(mode=0o700, parents=True)
    (home / "lock").touch(0o600)
    (home / "elsewhere").write_text("strange somewhere\n")
    return home


def test_a_dead_owners_home_elsewhere_is_swept_and_a_living_ones_is_not(temporary: Path) -> None:
    dead = a_home(temporary / f"claynet-{USER}")
    living = Owner(temporary / f"claynet-{USER}")
    strange = Strange(dead, living.home)
    assert is_home(dead)
    assert is_home(living.home)
    assert sweep([strange], 1.0) >= 1
    assert strange.cleaned == [dead]
    assert not dead.exists()
    assert living.home.is_dir()
    living.release()
    assert not living.home.exists()


@pytest.mark.parametrize(
    "place",
    [
        "dpkg",
        f"var/{ID}",
        f"claynet/{ID}",
        f"claynet-{USER}x/{ID}",
        f"claynet-0{USER}/{ID}",
        f"claynet-{USER}/dpkg",
        f"claynet-{USER}/{ID}0",
        f"claynet-{USER}/{ID.upper()}",
        f"claynet-{USER}/.new-abcdefgh",
    ],
)
def test_a_folder_of_another_name_is_nobodys_home_whatever_is_in_it(temporary: Path, place: str) -> None:
    found = a_home((temporary / place).parent, Path(place).name)
    strange = Strange(found)
    sweep([strange], 1.0)
    assert (found / "lock").exists()
    assert not strange.cleaned


def test_links_and_folders_of_others_are_nobodys_home(temporary: Path) -> None:
    base = temporary / f"claynet-{USER}"
    real = a_home(temporary / "real")
    base.mkdir(0o700)
    (base / ID).symlink_to(real)
    linked = temporary / "linked"
    linked.mkdir()
    (linked / base.name).symlink_to(real.parent)
    open_to_all = a_home(temporary / "open" / base.name)
    open_to_all.parent.chmod(0o777)
    lock_linked = a_home(base, "fedcba9876543210")
    (lock_linked / "lock").unlink()
    (lock_linked / "lock").symlink_to(real / "lock")
    up = temporary / "real" / ".." / base.name / "fedcba9876543210"
    homes = [base / ID, linked / base.name / ID, open_to_all, lock_linked, up, Path(base.name) / ID]
    assert not any(is_home(home) for home in homes)
    sweep([Strange(*homes)], 1.0)
    assert (real / "lock").exists()
    assert (open_to_all / "lock").exists()


@pytest.mark.skipif(USER != 0, reason="only root can give folders away")
def test_root_sweeps_other_users_homes_only_where_they_are_theirs(temporary: Path) -> None:
    theirs, not_theirs = a_home(temporary / "claynet-1234"), a_home(temporary / "claynet-1234", "f" * 16)
    for path in (theirs.parent, theirs, theirs / "lock"):
        os.chown(path, 1234, 1234)
    os.chown(not_theirs, 4321, 4321)
    assert is_home(theirs)
    assert not is_home(not_theirs)
    os.chown(not_theirs, 1234, 1234)
    os.chown(not_theirs / "lock", 4321, 4321)
    assert not is_home(not_theirs)


def test_a_folder_that_is_not_ours_alone_is_refused_with_the_way_out(temporary: Path) -> None:
    (temporary / "ours").mkdir(0o700)
    (temporary / "link").symlink_to(temporary / "ours")
    (temporary / "open").mkdir()
    (temporary / "open").chmod(0o770)
    (temporary / "theirs").mkdir(0o700)
    (temporary / "nowhere").symlink_to(temporary / "gone")
    bad = ["link", "open", "nowhere"]
    if USER == 0:
        os.chown(temporary / "theirs", 1234, 1234)
        bad.append("theirs")
    for name in bad:
        with pytest.raises(ForeignFolderError, match=f"{name}, .*TMPDIR"):
            Owner(temporary / name)
    assert not list((temporary / "open").iterdir())
    for name in ("ours", "new"):
        Owner(temporary / name).release()
        assert not list((temporary / name).iterdir())


def test_a_run_says_what_is_wrong_with_the_folder(temporary: Path) -> None:
    (temporary / f"claynet-{USER}").symlink_to(temporary)
    code, said = claynet("run", SCENARIOS / "zero-price.yaml", TMPDIR=str(temporary))
    assert code == 2
    assert "TMPDIR" in str(said)


@pytest.mark.parametrize("place", ["/a\0b/claynet-0/0123456789abcdef", "/a\ud800/claynet-0/0123456789abcdef"])
def test_a_label_that_names_no_folder_that_could_be_is_nobodys(place: str) -> None:
    assert not is_home(Path(place))
    assert sweep([Strange(Path(place))], 1.0) == 0


def test_notes_of_an_owner_that_are_no_text_are_none(temporary: Path) -> None:
    home = a_home(temporary / f"claynet-{USER}")
    (home / "elsewhere").write_bytes(b"\xff\xfe\n")
    assert noted(home) == {}
