# SPDX-License-Identifier: MIT
"""Signals that come while a call waits: handlers run, and what they raise ends the call."""

from __future__ import annotations

import textwrap

import pytest
from support.programs.scripts import ScriptMachine
from support.system import PATIENCE

# In front of each text: `interrupted(call)` calls, and wants Ctrl-C to end that. The signal is sent
# again and again, as the call need not have begun to wait when the first one comes; but not before
# the file `request` is there, if one is named.
PRELUDE = """
WAIT = Mbox(32)  # PvmMboxWaitForInfo

def interrupted(call, request=None):
    over = threading.Event()
    def strike():
        while request and not os.path.exists(request):
            time.sleep(0.01)
        pause = 0.2
        while not over.wait(pause):
            os.kill(os.getpid(), signal.SIGINT)
            pause = 3  # enough for the first one to end the call on any machine
    striker = threading.Thread(target=strike)
    striker.start()
    try:
        call()
    except KeyboardInterrupt:
        pass
    else:
        raise SystemExit("not interrupted")
    finally:
        while True:
            try:
                over.set()
                striker.join()
                break
            except KeyboardInterrupt:
                pass
"""

WAITS = {
    "recv": "recv()",
    "trecv": "trecv(timeout=1000)",
    "precv": "precv(array.array('i', [0]))",
    "recvinfo": "recvinfo('nothing', 0, WAIT)",
    "barrier": "barrier('some', 3)",
}


def run(machine: ScriptMachine, text: str, **children: str) -> str:
    """Run a task with the prelude."""
    return machine.run(PRELUDE + textwrap.dedent(text), **children)


@pytest.mark.parametrize("call", WAITS.values(), ids=WAITS)
def test_ctrl_c_ends_a_wait_and_the_library_stays_usable(machine: ScriptMachine, call: str) -> None:
    run(
        machine,
        f"""
        me = mytid()
        joingroup("some")
        interrupted(lambda: {call})
        interrupted(lambda: {call})
        assert [host.tid for host in config()] == [tidtohost(me)] and pstat(me)
        initsend(); pkint(7); send(me, 3)
        assert recv(me, 3).tag == 3 and upkint() == 7
        exit()
        """,
    )


def test_answer_that_comes_after_the_interruption_is_dropped(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        me = mytid()
        interrupted(lambda: recvinfo("late", 0, WAIT))
        initsend(); pkint(8)
        putinfo("late", getsbuf())
        initsend(); pkint(9)
        putinfo("other", getsbuf())
        recvinfo("other")
        assert upkint() == 9
        recvinfo("late", 0, WAIT)
        assert upkint() == 8
        assert probe() is None
        """,
    )


def test_handler_that_raises_nothing_lets_the_request_go_on(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        me = mytid()
        struck = []
        def handler(*_):
            struck.append(pstat(me))
            if len(struck) == 3:
                initsend(); pkint(5)
                putinfo("now", getsbuf())
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
        recvinfo("now", 0, WAIT)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert upkint() == 5 and struck[:3] == [True] * 3
        """,
    )


def test_message_that_the_handler_took_in_is_still_there(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        me = mytid()
        struck = []
        def handler(*_):
            initsend(); send(me, 3)
            while not probe(tag=3):
                pass
            struck.append(1)
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, handler)
        interrupted(lambda: recv(tag=3))
        for _ in struck:
            assert recv(tag=3)
        assert probe() is None
        """,
    )


# Requests to start hosts are kept; the file `argv[1]` tells of the first one.
HOSTER = """
reg_hoster()
send_obj("ready", parent())
recv()
open(sys.argv[1], "w").close()
send_obj("asked", parent())
recv(parent())
"""


def test_ctrl_c_ends_addhosts_and_hosts_are_added_nevertheless(machine: ScriptMachine) -> None:
    """The daemon goes on: another addition is refused as long as this one is not over."""
    request = machine.programs / "request"
    run(
        machine,
        f"""
        hoster, = spawn("hoster", ["{request}"])
        assert recv_obj(hoster)[0] == "ready"
        interrupted(lambda: addhosts(["other ip=192.0.2.9"]), "{request}")
        assert recv_obj(hoster)[0] == "asked"
        try:
            addhosts(["other ip=192.0.2.9"])
        except PvmError as error:
            assert error.code is Code.ALREADY
        else:
            raise SystemExit("the addition is over")
        assert pstat(hoster)
        exit()
        """,
        hoster=HOSTER,
    )


MANAGER = """
setopt(Option.RESV_TIDS, 1)
reg_rm()
send_obj("ready", parent())
asked = []
while len(asked) < 2:
    message = recv()
    asked.append(message.tid)
    if len(asked) == 1:
        open(sys.argv[1], "w").close()
        send_obj("asked", message.tid)
for tid in asked:
    initsend(); pkint(1); pkint(tid)
    send(tid, message.tag)
recv()
"""


def test_late_answer_of_a_resource_manager_is_no_message(machine: ScriptMachine) -> None:
    """The client enrols when there is a manager; its two requests are answered together."""
    request = machine.programs / "request"
    out = run(
        machine,
        f"""
        manager, = spawn("manager", ["{request}"])
        assert recv_obj(manager)[0] == "ready"
        client, = spawn("client")
        assert recv_obj(client)[0] == "done"
        kill(manager)
        """,
        manager=MANAGER,
        client=PRELUDE
        + f"""
interrupted(lambda: spawn("nothing"), "{request}")
assert recv_obj()[0] == "asked"
assert spawn("nothing") == [mytid()]
assert probe() is None
send_obj("done", parent())
""",
    )
    assert out == ""


def test_ctrl_c_ends_the_start_of_a_daemon_that_does_not_come_up(machine: ScriptMachine) -> None:
    tree = machine.programs / "tree"
    (tree / "lib").mkdir(parents=True)
    daemon = tree / "lib" / "pvmd"
    daemon.write_text(
        f"#!/bin/sh\ncd {tree}; echo $$ >new; mv new pid; exec sleep {PATIENCE} 2>/dev/null\n"
    )
    daemon.chmod(0o755)
    run(
        machine,
        f"""
        os.environ["PVM_ROOT"] = {str(tree)!r}
        os.environ["PVM_VMID"] = "another"
        os.environ.pop("PVMSOCK", None)
        interrupted(lambda: start_pvmd(), {str(tree / "pid")!r})
        with open({str(tree / "pid")!r}) as file:
            os.kill(int(file.read()), signal.SIGKILL)
        """,
    )


def test_ctrl_c_in_a_message_handler_ends_the_call_that_runs_it(machine: ScriptMachine) -> None:
    run(
        machine,
        """
        me = mytid()
        def handle(info):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1000)
        addmhf(handle, tag=5)
        try:
            initsend(); send(me, 5)  # may run it already
            recv(tag=6)
        except KeyboardInterrupt:
            pass
        else:
            raise SystemExit("not interrupted")
        initsend(); send(me, 3)
        assert recv(me, 3).tag == 3
        """,
    )
