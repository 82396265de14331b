# SPDX-License-Identifier: MIT
"""Every Python snippet of the documents runs, in a program that has what it needs around it."""

from __future__ import annotations

import textwrap

import pytest
from support.machines.private import nothing_left
from support.programs.blocks import Block, blocks_of, documents
from support.programs.scripts import ScriptMachine

SNIPPETS = {
    block.what: block
    for path in documents()
    for block in blocks_of(path)
    if block.kind == "snippet"
}
MARK = "# the snippet"

# Programs with a line for the snippet; what stands after it looks at what the snippet has done.
PROGRAMS = {
    "task": """
        # the snippet
        assert not Task().enrolled
    """,
    "objects": """
        from pvm3py import Task
        def echo():
            with Task() as task:
                while (message := task.receive(task.parent)).object() != "hello":
                    task.send(message.tag, task.parent)
        if __name__ == "__main__":
            with Task() as task:
                workers = task.spawn(echo, n=2)
                worker = workers[0]
                # the snippet
                assert answer == 7
    """,
    "no-object": """
        from pvm3py import Message, NotAnObject, Task
        with Task() as task:
            task.Send(Message().pack(5), task.tid)
            # the snippet
            assert number == 5
    """,
    "migrate": """
        from pvm3py import NotMoved, Reason, Task, can_migrate, migrate
        with Task() as task:
            worker = task.tid
            # the snippet
            assert isinstance(can_migrate(worker), Reason)
    """,
    "messages": """
        from pvm3py import Message, Task
        with Task() as task:
            worker = task.tid
            sent = Message().pack(2).pack([1.5, 2.5]).pack_str("name")
            task.Send(sent, worker, 2)
            # the snippet
            got = task.receive(worker, 3)
            assert (name, got.unpack("int"), got.unpack("double", 2)) == ("name", 2, [1.5, 2.5])
            assert got.unpack_str() == "done"
    """,
    "buffers": """
        from pvm3py import Task
        with Task() as task:
            worker = task.tid
            array = array.array("d", [1, 2, 3])
            # the snippet
            assert array.tolist() == [1, 2, 3]
    """,
    "spawn": """
        from pvm3py import Task
        class Here:
            started = []
            def spawn(self, *what, where=None, **given):
                if __name__ == "__main__":
                    place = where and f"{Task().host.name}:{os.getcwd()}"
                    self.started += Task().spawn(*what, where=place, **given)
                return self.started
        task = Here()
        if __name__ == "__main__":
            open("worker.py", "w").write("print('a script')")
        # the snippet
        if __name__ == "__main__":
            assert len(set(tids)) == 6
            Task().leave()
            os.unlink("worker.py")
    """,
    "notices": """
        from pvm3py import Task
        with Task() as task:
            tids = task.spawn("ender", n=2)
            for tid in tids:
                task.send("end", tid)
            # the snippet
            task.send("half", task.tid, 99)
            assert task.probe(timeout=0.05) is None
    """,
    "groups": """
        from pvm3py import Task
        def member(value):
            with Task() as task:
                array = __import__("array").array("d", [value])
                # the snippet
                task.send((total, group.instance == 0 and array[0]), task.parent)
        if __name__ == "__main__":
            with Task() as task:
                for value in range(4):
                    task.spawn(member, value)
                got = sorted(task.recv() for _ in range(4))
                assert got == [(6, False)] * 3 + [(6, 6.0)]
    """,
    "machine": """
        from pvm3py import HostsNotAdded, Task, VirtualMachine
        def names(*hosts):
            assert hosts == ("node2", "node3")
        attach = VirtualMachine.attach
        def attached(**given):
            machine = attach(**given)
            machine.hosts.add = names
            return machine
        VirtualMachine.attach = attached
        # the snippet
        assert tid == Task().tid
    """,
    "pool": """
        function = abs
        if __name__ == "__main__":
            # the snippet
            assert results == list(range(10_000))
    """,
    "asyncio": """
        import asyncio
        from pvm3py import Task, aio
        them = Task().spawn("answerer")[0]
        messages, seen = aio.Task.messages, []
        async def first(self, **given):
            async for message in messages(self, **given):
                seen.append(message.object())
                yield message
                return
        aio.Task.messages = first
        async def main():
            # the snippet
            assert (answer, seen) == ("an answer", ["more"])
        asyncio.run(main())
    """,
}
# Tasks that the programs spawn.
CHILDREN = {
    "ender": "from pvm3py import Task\nTask().recv()\n",
    "worker": "print('a program')\n",
    "answerer": """
        from pvm3py import Task
        with Task() as task:
            assert task.recv(task.parent) == "question"
            task.send("an answer", task.parent)
            task.send("more", task.parent, 5)
    """,
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet_runs(machine: ScriptMachine, name: str) -> None:
    with nothing_left():
        machine.run(program(SNIPPETS[name], PROGRAMS[name]), **CHILDREN)


def program(block: Block, around: str) -> str:
    """The program with the snippet at its place, as far to the right."""
    lines = textwrap.dedent(around).splitlines()
    return "\n".join(
        textwrap.indent(block.text, line[: -len(MARK)]) if line.strip() == MARK else line
        for line in lines
    )


def test_there_is_a_program_for_each_snippet_and_no_other() -> None:
    assert set(PROGRAMS) == set(SNIPPETS)
