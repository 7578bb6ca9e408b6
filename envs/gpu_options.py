"""What an operator may choose of a node's GPUs: devices, capabilities and what the driver must be able to do.

Knows names and bounds. Must not know engines. A setting that the engine would only fail on when work comes is refused here.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from claynet.envs.docker_limits import GpuRequest
from claynet.envs.docker_options import DockerOptions

Capability = Literal["compute", "utility", "graphics", "video", "display", "compat32", "ngx"]
_INDEX = re.compile(r"\d{1,3}")
_ID = re.compile(r"(GPU|MIG)-[0-9a-fA-F-]{4,64}")
_REQUIREMENTS = ("cuda", "driver", "arch", "brand")
_VALUE = re.compile(r"(?:[<>=!]=?)?[\w.]{1,32}")


class GpuOptions(DockerOptions, frozen=True, forbid_unknown_fields=True):
    """Those of `docker_cpu`, and which GPUs its containers are given."""

    devices: str | tuple[str, ...] = "all"
    """`all`, or indexes (`"0"`), or ids (`GPU-...`); no mixture."""
    capabilities: tuple[Capability, ...] = ("compute", "utility")
    """What of the driver's libraries containers see."""
    requirements: dict[str, str] = msgspec.field(default_factory=dict)
    """Without these the engine's GPU runtime refuses to start a container: `{cuda: ">=12.2"}`; cuda, driver, arch or brand."""

    def __post_init__(self) -> None:
        """Raise ValueError for what no GPU runtime understands."""
        if isinstance(self.devices, str):
            if self.devices != "all":
                raise ValueError(f"devices: expected all, or a list of indexes or of ids, not {self.devices[:60]!r}")
        elif not self.devices or not any(all(form.fullmatch(one) for one in self.devices) for form in (_INDEX, _ID)):
            raise ValueError("devices: a list holds indexes only ('0', '1'), or ids only ('GPU-...'), and at least one")
        elif len(set(self.devices)) != len(self.devices):
            raise ValueError("devices: each device once")
        if not self.capabilities:
            raise ValueError("capabilities: at least one, else a container sees no GPU")
        for key, value in self.requirements.items():
            if key not in _REQUIREMENTS:
                raise ValueError(f"requirements: {key[:60]!r} is none of {', '.join(_REQUIREMENTS)}")
            if not _VALUE.fullmatch(value):
                raise ValueError(f"requirements: {key}: expected a bound such as '>=12.2', not {value[:60]!r}")

    def request(self) -> GpuRequest:
        """Return what is asked of the engine for each container."""
        needed = {f"NVIDIA_REQUIRE_{key.upper()}": f"{key}{_bound(value)}" for key, value in self.requirements.items()}
        ids = () if isinstance(self.devices, str) else self.devices
        return GpuRequest(ids, ("gpu", *self.capabilities), needed)


def _bound(value: str) -> str:
    return value if value[0] in "<>=!" else f"={value}"
