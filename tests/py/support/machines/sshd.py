# SPDX-License-Identifier: MIT
"""A real OpenSSH server on a host of a bed, and a client that may log in there."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

from support.machines.hosts import Bed, Host
from support.machines.vm import wait_until
from support.system import missing, require_program

PORT = 2222

_SERVER = """\
Port {port}
ListenAddress {address}
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv {environment}
"""

_CLIENT = """\
Port {port}
User {user}
IdentityFile {directory}/{key}
IdentitiesOnly yes
UserKnownHostsFile {directory}/known_hosts
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking accept-new
"""


def require_sshd() -> Path:
    """The server program; skip if it is not installed."""
    require_program("ssh", "openssh-client")
    program = Path("/usr/sbin/sshd")
    if not program.exists():
        missing("sshd is not installed: apt-get install openssh-server")
    return program


class SecureShell:
    """sshd on every slave of a bed; on the master the command `ssh` finds key and port.

    The bed ends the servers.

    allowed  the slaves' owners know the master's key; else they know another one
    """

    def __init__(self, bed: Bed, *, allowed: bool = True) -> None:
        self._program = require_sshd()
        self._directory = bed.directory / "ssh"
        self._directory.mkdir(mode=0o700)
        for name in ("host_key", "key", "other_key"):
            self._keygen(self._directory / name)
        public = "key.pub" if allowed else "other_key.pub"
        (self._directory / "authorized").write_text((self._directory / public).read_text())
        self._servers = [self._serve(slave) for slave in bed.slaves]
        self._client(bed.master)

    @staticmethod
    def _keygen(path: Path) -> None:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
        subprocess.run(command, check=True)

    def stop(self) -> None:
        """End the servers; connections are refused from now on."""
        for server in self._servers:
            server.terminate()
            server.wait()

    def _serve(self, host: Host) -> subprocess.Popen[bytes]:
        """Start the server; it gives the environment of the host to what it starts."""
        # Privilege separation of a server that runs as root wants this directory.
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        config = self._directory / f"sshd-{host.name}"
        names = ("HOME", "PATH", "PVM_TMP", "PVM_ALLOW_ROOT", "PVM_PATH", "PVM_ROOT")
        environment = " ".join(f'"{name}={host.env[name]}"' for name in names)
        config.write_text(
            _SERVER.format(
                port=PORT,
                address=host.ip,
                directory=self._directory,
                environment=environment,
            )
        )
        server = host.start(self._program, "-D", "-e", "-f", config, stderr=subprocess.DEVNULL)
        client = [*host.enter, "bash", "-c", f"exec 3<>/dev/tcp/{host.ip}/{PORT}"]
        wait_until(
            lambda: (
                server.poll() is not None
                or subprocess.run(client, stderr=subprocess.DEVNULL).returncode == 0
            ),
            "sshd listening",
        )
        assert server.poll() is None, "sshd has ended"
        return server

    def _client(self, host: Host) -> None:
        config = self._directory / "client"
        config.write_text(
            _CLIENT.format(
                port=PORT,
                user=pwd.getpwuid(os.geteuid()).pw_name,
                directory=self._directory,
                key="key",
            )
        )
        script = host.tmp / "bin" / "ssh"
        script.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
        script.chmod(0o755)
        self.command = script
