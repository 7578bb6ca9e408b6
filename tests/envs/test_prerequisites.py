"""Prerequisites come from peers: an image or tag that docker could not have given is refused, for it may name another image or a path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claynet.actors.environment import Refusal, Runnable
from claynet.envs.resolve import parse_prerequisites, split_tag
from tests.envs.harness import MemoryBlobs, make_docker_cpu

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("image", "source"),
    [
        ("parts", "parts"),
        ("test/app", "test"),
        ("claynet-tests/all-apps", "claynet-tests"),
        ("a/b__c/d---e.f_g", "a/b__c"),
        ("localhost:5000/a/b", "localhost:5000/a"),
        ("Registry.Example.com/a", "Registry.Example.com"),
        ("[fd00::1]:5000/a", "[fd00::1]:5000"),
        ("x" * 255, "x" * 255),
    ],
)
def test_names_that_docker_gives_are_taken(tmp_path: Path, image: str, source: str) -> None:
    for tag in ("1", "1.0.0", "_", "v1-rc.2_x", "t" * 128):
        found = make_docker_cpu(tmp_path, MemoryBlobs()).resolve("docker_cpu", json.dumps({"image": image, "tag": tag}))
        assert isinstance(found, Runnable)
        assert (found.image, found.source) == (f"{image}:{tag}", source)


@pytest.mark.parametrize(
    "image",
    [
        "\ud800/x",
        "golem/x:1",
        "golem/x@sha256",
        f"golem/x@sha256:{ID}",
        "sha256",
        "golem/../evil/x",
        "golem/./x",
        "golem//x",
        "/golem/x",
        "golem/x/",
        "..",
        "golem/x y",
        "golem/x\n",
        "golem/x?a=b",
        "golem/x#",
        "golem/%2e%2e/x",
        "golem/UPPER",
        "UPPER",
        "golem/é",
        "golem/-x",
        "golem/x_",
        "golem/x...y",
        "host:/x",
        "host:port/x",
        ":5000/x",
        "x" * 256,
    ],
)
def test_other_images_are_refused(tmp_path: Path, image: str) -> None:
    refusal = make_docker_cpu(tmp_path, MemoryBlobs()).resolve("docker_cpu", json.dumps({"image": image, "tag": "1"}))
    assert isinstance(refusal, Refusal)
    assert refusal.rule == "prerequisites"
    refusal.detail.encode()


@pytest.mark.parametrize(
    "tag", ["y/../../evil/name:tag", "1:2", f"1@sha256:{ID}", ".1", "-1", "1\n", "1 ", "é", "\udfff", "t" * 129, "1?x", "%2e"]
)
def test_other_tags_are_refused(tmp_path: Path, tag: str) -> None:
    refusal = make_docker_cpu(tmp_path, MemoryBlobs()).resolve("docker_cpu", json.dumps({"image": "golem/x", "tag": tag}))
    assert isinstance(refusal, Refusal)
    assert refusal.rule == "prerequisites"


@given(st.text(), st.text())
def test_what_is_taken_can_be_saved_and_is_the_image_that_was_named(image: str, tag: str) -> None:
    found = parse_prerequisites(json.dumps({"image": image, "tag": tag}))
    if isinstance(found, str):
        found.encode()
        return
    ":".join(found).encode("ascii")
    assert split_tag(":".join(found)) == (image, tag or "latest")
