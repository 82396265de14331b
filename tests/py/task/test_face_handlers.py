# SPDX-License-Identifier: MIT
"""Handlers, contexts and notices; and what becomes of their messages."""

from __future__ import annotations

from support.programs.scripts import ScriptMachine, run_face


def test_handler_gets_matching_messages_until_it_is_removed(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            seen = []
            @task.handler(tag=9)
            def handle(message):
                seen.append((message.source, message.object()))
            raises(Exists, lambda: task.handler(tag=9)(print))
            task.send("handled", task.tid, 9)
            task.send("next", task.tid, 1)
            assert task.recv() == "next" and seen == [(task.tid, "handled")]
            task.remove_handler(handle)
            raises(LookupError, lambda: task.remove_handler(handle))
            task.send("received", task.tid, 9)
            assert task.recv(tag=9) == "received" and len(seen) == 1
        """,
    )


def test_message_of_a_handler_is_gone_when_that_has_returned(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            kept = []
            task.handler(tag=9)(kept.append)
            task.send("handled", task.tid, 9)
            while not kept:
                task.probe(timeout=0.05)
            task.send("next", task.tid)
            other = task.receive()
            raises(NoSuchBuf, lambda: kept[0].length)
            kept[0].release()
            assert other.object() == "next" and repr(kept[0]) == "<Message, released>"
        """,
    )


def test_message_that_was_looked_at_is_gone_when_it_was_taken_and_freed(
    machine: ScriptMachine,
) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            task.send("text", task.tid, 4)
            seen = task.probe(timeout=None)
            assert seen.length > 0 and seen.is_object
            task.receive().release()
            others = [Message().pack(5) for _ in range(3)]
            raises(NoSuchBuf, lambda: seen.length)
            raises(NoSuchBuf, lambda: seen.is_object)
            assert repr(seen) == "<Message, released>"
            seen.release()
            assert [other.length for other in others] == [4] * 3
        """,
    )


def test_messages_outlive_the_machine_and_touch_no_later_one(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        task = Task()
        task.send("received", task.tid, 1)
        task.send("left", task.tid, 2)
        sent, got, seen = Message().pack(5), task.receive(tag=1), task.probe(tag=2, timeout=None)
        task.leave()
        later = [Message().pack_str("later") for _ in range(5)]
        task.send("new", task.tid, 2)
        new = [task.receive(), *later]
        assert got.object() == "received"
        task.Send(sent, task.tid)
        assert task.receive().unpack("int") == 5
        for message in (sent, got, seen):
            message.release()
        del sent, got, seen
        assert [message.length for message in later] == [12] * 5
        assert new[0].object() == "new"
        """,
    )


def test_context_keeps_messages_apart(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            task.send("outer", task.tid, 1)
            with task.context() as number:
                task.send("inner", task.tid, 1)
                assert task.recv(tag=1) == "inner"
                task.send("later", task.tid, 1)
            assert task.recv(tag=1) == "outer" and task.probe() is None
            with task.context(number) as same:
                assert same == number and task.recv(tag=1) == "later"
        """,
    )


def test_notices_tell_of_ended_tasks_and_reach_no_receive(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            one, two = map(Tid, classic.spawn("/bin/sleep", ["1000"], count=2))
            with task.notify_exit(one, two) as notices:
                two.kill()
                notice = notices.next(timeout=60)
                assert notice == ("task exit", two) and notice.what == "task exit"
                raises(Timeout, lambda: notices.next(timeout=0.01))
                assert task.probe() is None
                one.signal(signal.SIGKILL)
                assert next(iter(notices)).tid == one
            raises(ValueError, notices.next)
            assert [n for n in notices] == []
            told = []
            three = Tid(classic.spawn("/bin/true")[0])
            notices = task.notify_exit(three)
            notices.callback(told.append)
            while not told:
                task.probe(timeout=0.05)
            assert told == [("task exit", three)]
            notices.close()
        """,
    )


def test_notices_are_over_when_all_tasks_have_ended(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            assert list(task.notify_exit()) == []
            tids = classic.spawn("/bin/true", count=3)
            notices = task.notify_exit(*tids)
            assert sorted(notice.tid for notice in notices) == sorted(tids)
            assert list(notices) == [] and not notices.closed
            (more,) = classic.spawn("/bin/true")
            notices.watch_exit(more, tids[0])
            assert {notice.tid for notice in notices} == {more, tids[0]}
            notices.watch_hosts()
            raises(Timeout, lambda: notices.next(timeout=0.01))
            assert notices.expects
            notices.close()
            assert not notices.expects
        """,
    )


def test_callback_gets_the_notices_that_came_before_it(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            one, two = map(Tid, classic.spawn("/bin/sleep", ["1000"], count=2))
            with task.notify_exit(one, two) as notices:
                one.kill()
                two.kill()
                while classic.pstat(one) or classic.pstat(two):
                    pass
                task.probe(timeout=0)  # which takes the notices in
                told = []
                notices.callback(told.append)
                while len(told) < 2:
                    task.probe(timeout=0.05)
                assert sorted(told) == sorted([("task exit", one), ("task exit", two)])
        """,
    )
