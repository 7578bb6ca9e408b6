"""What an operator may say of GPUs, and what the engine is asked for then."""

from __future__ import annotations

from typing import Any

import pytest

from claynet.envs.docker_limits import ContainerLimits, ContainerSpec, GpuRequest, User, create_options
from claynet.envs.gpu_options import GpuOptions
from claynet.envs.options import OptionsError, parse_options


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"devices": "void"}, "expected all"),
        ({"devices": []}, "at least one"),
        ({"devices": ["0", "GPU-abcdef12"]}, "indexes only"),
        ({"devices": ["all"]}, "indexes only"),
        ({"devices": ["0", "0"]}, "each device once"),
        ({"devices": ["GPU-abc; rm"]}, "ids only"),
        ({"capabilities": []}, "at least one"),
        ({"capabilities": ["compute", "everything"]}, "everything"),
        ({"requirements": {"cuda": "new; enough"}}, "expected a bound"),
        ({"requirements": {"cores": "8"}}, "none of cuda, driver, arch, brand"),
        ({"device": "all"}, "did you mean 'devices'?"),
        ({"memory": "1 MiB"}, "memory"),
    ],
)
def test_what_no_gpu_runtime_understands_is_refused(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionsError) as caught:
        parse_options(GpuOptions, raw)
    (found,) = caught.value.findings
    assert words in f"{found.key}: {found.message} {found.suggestion}"


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ({}, GpuRequest((), ("gpu", "compute", "utility"), {})),
        ({"devices": "all", "capabilities": ["graphics"]}, GpuRequest((), ("gpu", "graphics"), {})),
        (
            {"devices": ["0", "2"], "requirements": {"cuda": ">=12.2", "brand": "tesla"}},
            GpuRequest(
                ("0", "2"), ("gpu", "compute", "utility"), {"NVIDIA_REQUIRE_CUDA": "cuda>=12.2", "NVIDIA_REQUIRE_BRAND": "brand=tesla"}
            ),
        ),
        ({"devices": ["GPU-8a56a4bc"]}, GpuRequest(("GPU-8a56a4bc",), ("gpu", "compute", "utility"), {})),
    ],
)
def test_what_is_asked_of_the_engine(raw: dict[str, Any], wanted: GpuRequest) -> None:
    options = parse_options(GpuOptions, raw)
    assert isinstance(options, GpuOptions)
    assert options.request() == wanted


class _Api:
    """What `create_options` needs of docker-py's client: how it shapes a host configuration, and an image without volumes."""

    def create_host_config(self, **options: Any) -> dict[str, Any]:
        return options

    def inspect_image(self, _image: str) -> dict[str, Any]:
        return {}


def test_a_container_is_given_the_gpus_and_none_without() -> None:
    request = GpuRequest(("0",), ("gpu", "compute"), {"NVIDIA_REQUIRE_CUDA": "cuda>=12.2"})
    for gpus in (request, None):
        spec = ContainerSpec("image", (), User(1, 1), ContainerLimits(), {}, {}, {}, gpus=gpus)
        made = create_options(_Api(), spec)
        if gpus is None:
            assert "device_requests" not in made["host_config"]
            continue
        (asked,) = made["host_config"]["device_requests"]
        assert (asked["DeviceIDs"], asked["Capabilities"]) == (["0"], [["gpu", "compute"]])
        assert made["environment"]["NVIDIA_REQUIRE_CUDA"] == "cuda>=12.2"
