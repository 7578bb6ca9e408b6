"""`claynet node unit`: a systemd unit for a data dir's node.

Knows systemd's keys. Must not know how a node runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from claynet.actors.ports import SECOND
from claynet.cli.node_settings import settings_of, wrong_settings
from claynet.cli.output import DONE, Output
from claynet.net.settings.node_settings import SettingsError
from claynet.net.storage.data_dir import DataDir

_UNIT = """\
# Save it as ~/.config/systemd/user/claynet.service, then: systemctl --user enable --now claynet
# It runs while you are logged in; `loginctl enable-linger` has it run without that.
[Unit]
Description=claynet node in {data_dir}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=5
# A node ends its services by itself: only what is left after that is killed.
KillMode=mixed
TimeoutStopSec={seconds}
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=default.target
"""


def unit(data_dir: Path, output: Output) -> int:
    """Print it."""
    try:
        settings = settings_of(DataDir(data_dir)).settings
    except SettingsError as error:
        return wrong_settings(error, output)
    command = " ".join(_quoted(word) for word in (sys.executable, "-m", "claynet.cli.main", "node", "start", "--data-dir", str(data_dir)))
    text = _UNIT.format(data_dir=_escaped(str(data_dir)), command=command, seconds=settings.stop_limit // SECOND + 10)
    output.result({"unit": text})
    if not output.as_json:
        sys.stdout.write(text)
    return DONE


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")


def _quoted(word: str) -> str:
    return _escaped(word) if word.isascii() and not any(one in " \"'" for one in word) else '"' + _escaped(word).replace('"', '\\"') + '"'
