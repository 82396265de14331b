# SPDX-License-Identifier: MIT
"""Why a daemon could not be started on a host: the remote shell is tried step by step.

Each step says what it looks at and what it found. The first that fails ends the search for a host.
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import pvm3py.classic as pvm

from .session import Session

# Seconds that a remote command may take.
_PATIENCE = 30


@dataclass
class Suspect:
    """A host that was to be added, as far as its line of a host file tells how to reach it."""

    name: str
    address: str
    login: str
    daemon: str

    @classmethod
    def of(cls, line: str) -> Suspect:
        """Read a line of a host file."""
        name, *words = line.lstrip("&$ ").split() or [""]
        options = dict(reversed([(word[:3], word[3:]) for word in words]))
        daemon = options.get("dx=") or os.environ.get("PVM_DPATH") or "$PVM_ROOT/lib/pvmd"
        return cls(name, options.get("ip=", name), options.get("lo=", ""), daemon)


class Stop(Exception):
    """The reason is found; the text says it."""


class Shell:
    """The remote shell to one host."""

    def __init__(self, suspect: Suspect) -> None:
        self.suspect = suspect
        self.path = pvm.pvmgetrsh()
        self.name = os.path.basename(self.path)

    def run(self, command: str) -> tuple[bool, str]:
        """Run a command there: whether it succeeded, and the first line that was printed."""
        login = ["-l", self.suspect.login] if self.suspect.login else []
        try:
            done = subprocess.run(
                [self.path, self.suspect.address, *login, command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return False, f"no answer within {_PATIENCE} seconds"
        except OSError as error:
            return False, f"{self.path}: {error.strerror}"
        lines = done.stdout.decode(errors="replace").splitlines()
        return done.returncode == 0, lines[0] if lines else ""


def diagnose(session: Session, lines: Sequence[str]) -> None:
    """Look for the reason for each of these hosts, given as lines of a host file."""
    out = session.out
    out.line("\nAuto-Diagnosing Failed Hosts...")
    for line in lines:
        out.line(f"{line}...")
        shell = Shell(Suspect.of(line))
        try:
            for step in (_path, _access, _root, _daemon, _leftovers):
                step(session, shell)
                out.flush()
            host = shell.suspect.name
            out.line(f"Host {host} Appears to Be Correctly Configured.")
            out.line("The log of the master's daemon says more: command `log`.")
        except Stop as reason:
            out.line(str(reason))
    out.line()


def _path(session: Session, shell: Shell) -> None:
    """The program of the remote shell."""
    session.out.line(f'Verifying Local Path to "{shell.name}"...')
    if shutil.which(shell.path) is None:
        raise Stop(f"Error - File {shell.path} Not Found!\nSet PVM_RSH to a remote shell.")
    session.out.line(f"{shell.name.capitalize()} found in {shell.path} - O.K.")


def _access(session: Session, shell: Shell) -> None:
    """Whether the host lets this user in without a question."""
    label = "Rsh/Rhosts" if shell.name == "rsh" else shell.name.capitalize()
    session.out.line(f'Testing {label} Access to Host "{shell.suspect.name}"...')
    good, line = shell.run("echo YES")
    if good and line == "YES":
        session.out.line(f"{label} Access is O.K.")
        return
    raise Stop(f'\n{label} Access FAILED - "{line}"\n{_access_advice(shell)}')


def _access_advice(shell: Shell) -> str:
    """What may be wrong with the host, or with the right to log in."""
    host, here, user = shell.suspect.name, socket.gethostname(), getpass.getuser()
    advice = [
        f"Make sure host {host} is up and connected to",
        "a network and check its DNS / IP address.",
        f"Also verify that {here} is allowed",
        f"{shell.name} access on {host}",
    ]
    if shell.name == "rsh":
        advice += [f"Add this line to the $HOME/.rhosts on {host}:", f"{here} {user}"]
    else:
        command = shlex.join([shell.name, shell.suspect.address, "true"])
        advice.append(f"The command `{command}` must end without a question.")
    return "\n".join(advice)


def _root(session: Session, shell: Shell) -> None:
    """PVM_ROOT of the host, which only a daemon that is named by it needs."""
    host = shell.suspect.name
    if "PVM_ROOT" not in shell.suspect.daemon:
        return
    session.out.line(f'Checking $PVM_ROOT on Host "{host}"...')
    _, root = shell.run("echo $PVM_ROOT")
    if not root.startswith("/"):
        raise Stop(
            f"$PVM_ROOT is Not Set on {host}!\n"
            "Set it there for shells that do not ask for input, or name the daemon with dx="
        )
    session.out.line(f'$PVM_ROOT on {host} Appears O.K. ("{root}")')


def _daemon(session: Session, shell: Shell) -> None:
    """The program that is the daemon there."""
    host, daemon = shell.suspect.name, shell.suspect.daemon
    session.out.line(f'Looking for the PVM Daemon on Host "{host}"...')
    good, line = shell.run(f"command -v {daemon}")
    if not good or not line:
        raise Stop(f"{daemon} Was Not Found on {host}!\nInstall PVM there, or name it with dx=")
    session.out.line(f'PVM Daemon Script Found ("{line}")')


def _leftovers(session: Session, shell: Shell) -> None:
    """Files of a daemon that runs, or was killed."""
    host = shell.suspect.name
    session.out.line(f'Checking for PVM Daemon Files on Host "{host}"...')
    good, line = shell.run('ls "${PVM_TMP:-/tmp}/pvmd.$(id -u)${PVM_VMID+.$PVM_VMID}" 2>/dev/null')
    if good and line:
        raise Stop(
            f"{line} exists on {host}: a daemon runs there, or was killed.\n"
            "Halt that machine, or remove the file if no daemon runs."
        )
    session.out.line("No PVM Daemon Files Found.")
