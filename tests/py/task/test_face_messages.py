# SPDX-License-Identifier: MIT
"""Task, used as a program uses it: enrolling, sending, receiving, waiting."""

from __future__ import annotations

from support.programs.scripts import ScriptMachine, run_face

# ---- enrolling -----------------------------------------------------------------------


def test_task_is_one_and_gets_a_new_tid_after_it_left(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            assert task is Task() and task.enrolled and task.parent is None
            with Task():
                first = task.tid
            assert task.tid == first and str(first) == f"t{int(first):x}" == f"{first}"
            assert f"{first:#x}" == hex(first) and f"{first:>9}" == str(first).rjust(9)
            assert first.alive() and first.host.name and task.host.tid == first & ~0x3ffff
            assert task.siblings == (first,)
        assert not task.enrolled
        assert task.tid != first
        """,
    )


def test_task_without_a_daemon_says_what_to_do(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        os.environ["PVM_VMID"] = "nobody"
        error = raises(ConnectionError, lambda: Task().tid, "no daemon of yours runs")
        assert isinstance(error, ConnectionLost) and not Task().enrolled
        """,
    )


# ---- objects ---------------------------------------------------------------------------


def test_objects_of_all_sizes_come_as_they_were_sent(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        import pickle
        with Task() as task:
            me = task.tid
            for size in (0, 1, 4071, 4072, 4073, 5000, 100_000, 1 << 20):
                for buffers in (0, 1, 3):
                    large = [pickle.PickleBuffer(bytearray(b"x" * 5000)) for _ in range(buffers)]
                    task.send((b"y" * size, large), me, 3)
                    large = None
                    data, got = task.recv(me, 3)
                    assert data == b"y" * size
                    assert [bytes(b) for b in got] == [b"x" * 5000] * buffers
            me.send({"by": "tid"}, 4)
            assert task.recv(tag=4) == {"by": "tid"}
        """,
    )


def test_object_may_be_changed_when_send_returns(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        import pickle
        with Task() as task:
            numbers = array.array("d", [1.0]) * 100_000
            for i in range(20):
                task.send(pickle.PickleBuffer(numbers), task.tid)
                numbers[:] = array.array("d", [float(i)]) * len(numbers)
            wanted = [1.0, *map(float, range(19))]
            assert [memoryview(task.recv()).cast("d")[77] for _ in range(20)] == wanted
        """,
    )


def test_object_goes_to_several_by_one_multicast(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            them = list(map(Tid, classic.spawn("child", count=3)))
            task.send(["all", b"z" * 10_000], them, 1)
            assert sorted(task.recv(tag=2, timeout=60) for _ in them) == sorted(map(int, them))
            for everybody in ([task.tid, them[0]], [them[0], task.tid]):
                task.send("both", everybody, 3)
                task.Send(b"both", everybody, 4)
                task.Send(Message().pack(b"both"), everybody, 4)
                assert task.recv(task.tid, 3, timeout=60) == "both"
                for _ in range(2):
                    assert task.receive(task.tid, 4, timeout=60).unpack("byte", 4) == b"both"
                assert task.probe() is None
        """,
        child="""
        with Task() as task:
            assert task.recv(task.parent, 1) == ["all", b"z" * 10_000]
            task.send(int(task.tid), task.parent, 2)
        """,
    )


def test_message_that_is_no_object_is_handed_over_and_never_unpickled(
    machine: ScriptMachine,
) -> None:
    run_face(
        machine,
        """
        import pickle
        class Fatal:
            def __reduce__(self):
                return os._exit, (9,)
        data = pickle.dumps(Fatal())
        with Task() as task:
            for packed in (data, b"pvm3py\\0\\1" + data, b"", b"pvm3py\\0\\1" + bytes(16)[:15]):
                task.Send(Message("raw").pack(packed), task.tid, 7)
                error = raises(NotAnObject, task.recv, "tag 7", str(task.tid))
                message = error.message
                assert (message.tag, message.source, message.length) == (7, task.tid, len(packed))
                assert message.unpack("byte", len(packed)) == packed
            classic.initsend(); classic.pkbytes(data); classic.send(task.tid, 7)
            raises(BadMsg, classic.recv_obj)
            assert classic.upkbytes(len(data)) == data
        """,
    )


def test_receiver_that_is_no_tid_is_named(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            raises(TypeError, lambda: task.send(task.tid, {"a": 1}), "not dict", "send(obj, to")
            raises(TypeError, lambda: task.send(task.tid, 2.5), "not float")
            raises(BadParam, lambda: task.send(1, task.tid, -3), f"to {task.tid} (tag -3)")
            raises(ValueError, lambda: task.send(1, -5), "to t-5")
        """,
    )


# ---- waiting ----------------------------------------------------------------------------


def test_wait_ends_in_time_and_says_for_whom(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            for call in (task.recv, task.receive, lambda **k: task.Recv(bytearray(4), **k)):
                raises(TimeoutError, lambda: call(timeout=0.01), "from any task (any tag)")
                raises(Timeout, lambda: call(timeout=0))
            raises(TimeoutError, lambda: task.recv(5, 6, timeout=0), "from t5 (tag 6)")
            assert task.probe() is None and task.probe(timeout=0.01) is None
            assert list(task.messages(idle=0.01)) == []
        """,
    )


def test_probe_leaves_the_message_where_it_is(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            task.send("here", task.tid, 3)
            seen = task.probe(tag=3, timeout=60)
            assert (seen.tag, seen.source, seen.is_object) == (3, task.tid, True)
            raises(BadMsg, seen.object, "receive()")
            raises(BadMsg, lambda: seen.unpack("int"), "receive()")
            seen.release()
            assert task.probe(tag=4) is None
            assert task.recv(tag=3, timeout=0) == "here"
            assert task.probe() is None
        """,
    )


def test_ctrl_c_ends_each_wait_and_loses_nothing(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            notices = task.notify_exit(task.tid)
            for wait in (task.recv, task.receive, lambda: task.recv(timeout=100), notices.next,
                         lambda: task.probe(timeout=None), lambda: next(task.messages())):
                struck(wait)
            task.send("kept", task.tid)
            assert task.recv() == "kept"
        """,
    )


def test_threads_send_and_receive_in_contexts_of_their_own(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        task = Task()
        me = task.tid
        wrong = []
        def work(number):
            with task.context():
                for i in range(300):
                    task.send((number, i), me, 1)
                    if task.recv(me, 1, timeout=60) != (number, i):
                        wrong.append((number, i))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for t in threads: t.start()
        for t in threads: t.join()
        assert not wrong and task.probe() is None
        task.leave()
        """,
    )


# ---- what is left behind ---------------------------------------------------------------------


def test_messages_leave_neither_memory_nor_descriptors(machine: ScriptMachine) -> None:
    run_face(
        machine,
        """
        import resource
        with Task() as task:
            me = task.tid
            def rounds(n):
                for i in range(n):
                    task.send((i, "x"), me)
                    task.recv()
                    task.Send(Message().pack(i).pack_object(i), me)
                    message = task.receive()
                    message.unpack("int"), message.object()
                    with task.context():
                        pass
                    task.probe()
            rounds(500)
            fds, memory = os.listdir("/proc/self/fd"), resource.getrusage(resource.RUSAGE_SELF)
            rounds(4000)
            assert os.listdir("/proc/self/fd") == fds
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory.ru_maxrss
            assert grown < 1024, grown
        """,
    )


# ---- sources that have ended --------------------------------------------------------------------


def test_receive_from_a_task_that_has_ended_gives_what_it_sent_and_then_says_so(
    machine: ScriptMachine,
) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            (worker,) = map(Tid, classic.spawn("worker"))
            assert [task.recv(worker), task.recv(worker)] == [1, 2]
            for wait in (task.recv, task.receive, lambda tid: task.Recv(bytearray(4), tid),
                         lambda tid: task.recv(tid, timeout=100)):
                error = raises(classic.NoTask, lambda: wait(worker))
                assert f"from t{worker:x}" in str(error) and "it has ended" in str(error)
            raises(Timeout, lambda: task.recv(worker, timeout=0))
            raises(Timeout, lambda: task.recv(task.tid, timeout=1.2))
            raises(Timeout, lambda: task.recv(classic.tidtohost(task.tid), timeout=1.2))
        """,
        worker="""
        with Task() as task:
            task.send(1, task.parent)
            task.send(2, task.parent)
        """,
    )


# ---- what is left when a task has gone ----------------------------------------------------------


def test_message_that_outlives_the_task_s_leaving_does_not_enrol_again(
    machine: ScriptMachine,
) -> None:
    run_face(
        machine,
        """
        with Task() as task:
            message = Message().pack(1)
        del message
        assert not task.enrolled
        """,
    )
