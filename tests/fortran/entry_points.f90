! SPDX-License-Identifier: MIT
! Every entry point of libfpvm3, good and refused calls, CHARACTER arguments of many lengths.
!
!     entry_points            by hand, in a machine
!     entry_points machine    by hand, outside of any: starts one and halts it
!     entry_points lost       by hand, where there is none
!     entry_points hosts NAME by hand; NAME can be added to the machine
!
! Spawned it is the child of the first. Each check of a call prints "case", the call and its
! result, separated by tabs, or "FAIL"; the last line is "good" if none failed.

module checks
  implicit none
  integer :: failed = 0
  integer :: seen = 0

contains

  subroutine check(call, got, wanted)
    character(len=*), intent(in) :: call
    integer, intent(in) :: got, wanted

    if (got == wanted) then
      print '(A,A1,A,A1,I0)', 'case', char(9), call, char(9), got
    else
      print '(3A,I0,A,I0)', 'FAIL ', call, ' is ', got, ', not ', wanted
      failed = failed + 1
    end if
  end subroutine check

  ! The result is no error.
  subroutine good(call, got)
    character(len=*), intent(in) :: call
    integer, intent(in) :: got

    call check(call, min(got, 0), 0)
  end subroutine good

  ! What a call left in its arguments is right.
  subroutine right(what, holds)
    character(len=*), intent(in) :: what
    logical, intent(in) :: holds

    if (holds) return
    print '(2A)', 'FAIL ', what
    failed = failed + 1
  end subroutine right

  subroutine handle(bufid)
    integer :: bufid, bytes, src, info

    call pvmfbufinfo(bufid, bytes, seen, src, info)
  end subroutine handle

end module checks

program entry_points
  use checks
  implicit none
  include 'fpvm3.h'
  integer :: me, parent, info
  character(len=20) :: role

  call pvmfsetopt(PVMAUTOERR, 0, info)
  call get_command_argument(1, role)
  if (role == 'machine') then
    call machine_of_its_own
  else if (role == 'lost') then
    call lost
  else if (role == 'hosts') then
    call second_host
  else
    call pvmfmytid(me)
    call pvmfparent(parent)
    if (parent > 0) then
      call child(parent)
    else
      call check('pvmfsetopt', info, 1)
      call good('pvmfmytid', me)
      call check('pvmfparent', parent, PvmNoParent)
      call buffers
      call messages(me)
      call packing(me)
      call one_item(me)
      call handlers
      call contexts(me)
      call options
      call tasks(me)
      call hosts(me)
      call mailbox(me)
      call groups(me)
      call pvmfexit(info)
      call check('pvmfexit', info, PvmOk)
    end if
  end if
  if (failed > 0) stop 1
  print '(A)', 'good'

contains

  subroutine buffers
    integer :: id, old, other, bytes, tag, tid

    call pvmfmkbuf(PVMDATARAW, id)
    call good('pvmfmkbuf', id)
    call pvmfmkbuf(77, info)
    call check('pvmfmkbuf', info, PvmBadParam)
    call pvmfinitsend(PVMDATADEFAULT, other)
    call good('pvmfinitsend', other)
    call pvmfinitsend(77, info)
    call check('pvmfinitsend', info, PvmBadParam)
    call pvmfsetsbuf(id, old)
    call check('pvmfsetsbuf', merge(0, 1, old == other), 0)
    call pvmfgetsbuf(old)
    call check('pvmfgetsbuf', merge(0, 1, old == id), 0)
    call pvmfsetrbuf(id, old)
    call check('pvmfsetrbuf', old, 0)
    call pvmfgetrbuf(old)
    call check('pvmfgetrbuf', merge(0, 1, old == id), 0)
    call pvmfbufinfo(id, bytes, tag, tid, info)
    call check('pvmfbufinfo', info, PvmOk)
    call right('length of an empty buffer', bytes == 0)
    call pvmffreebuf(id, info)
    call check('pvmffreebuf', info, PvmOk)
    call pvmffreebuf(id, info)
    call check('pvmffreebuf', info, PvmNoSuchBuf)
    call pvmfbufinfo(id, bytes, tag, tid, info)
    call check('pvmfbufinfo', info, PvmNoSuchBuf)
    call pvmfsetsbuf(id, info)
    call check('pvmfsetsbuf', info, PvmNoSuchBuf)
    call pvmfsetrbuf(id, info)
    call check('pvmfsetrbuf', info, PvmNoSuchBuf)
    call pvmfsetsbuf(other, old)
  end subroutine buffers

  subroutine messages(me)
    integer, intent(in) :: me
    integer :: id, bytes, tag, src, values(3)

    call pvmfinitsend(PVMDATADEFAULT, id)
    call pvmfpack(INTEGER4, me, 1, 1, info)
    call pvmfsend(me, 5, info)
    call check('pvmfsend', info, PvmOk)
    call pvmfsend(-5, 5, info)
    call check('pvmfsend', info, PvmBadParam)
    call pvmftrecv(me, 5, 20, 0, id)
    call good('pvmftrecv', merge(id, -1, id > 0))
    call pvmfbufinfo(id, bytes, tag, src, info)
    call right('header', tag == 5 .and. src == me .and. bytes == 4)
    call pvmfsend(me, 6, info)
    id = 0
    do while (id == 0)
      call pvmfprobe(me, 6, id)
    end do
    call good('pvmfprobe', id)
    call pvmfrecv(-1, 6, id)
    call good('pvmfrecv', id)
    call pvmfsend(me, 7, info)
    id = 0
    do while (id == 0)
      call pvmfnrecv(me, 7, id)
    end do
    call good('pvmfnrecv', id)
    call pvmftrecv(me, 7, 0, 1000, id)
    call check('pvmftrecv', id, 0)
    call pvmfmcast(1, [me], 8, info)
    call check('pvmfmcast', info, PvmOk)
    call pvmfmcast(1, [-7], 8, info)
    call check('pvmfmcast', info, PvmBadParam)
    call pvmfpsend(me, 9, [1, 2, 3], 3, INTEGER4, info)
    call check('pvmfpsend', info, PvmOk)
    call pvmfpsend(me, 9, [1], 1, 77, info)
    call check('pvmfpsend', info, PvmBadParam)
    call pvmfprecv(me, 9, values, 3, INTEGER4, src, tag, bytes, info)
    call check('pvmfprecv', info, PvmOk)
    call right('items', all(values == [1, 2, 3]) .and. src == me .and. tag == 9 .and. bytes == 12)
    call pvmfprecv(me, 9, values, 3, 77, src, tag, bytes, info)
    call check('pvmfprecv', info, PvmBadParam)
  end subroutine messages

  subroutine packing(me)
    integer, intent(in) :: me
    integer :: id, i4, j4
    character(len=6) :: text, back
    integer(1) :: i1, j1
    integer(2) :: i2, j2
    integer(8) :: i8, j8
    real :: r, s
    complex :: c, d
    double precision :: x, y
    complex(8) :: z, w

    text = 'Hallo'
    i1 = -1
    i2 = -7
    i4 = 4711
    i8 = 123456
    r = 1.5
    c = (1.0, -2.0)
    x = 2.25d0
    z = (3.0d0, 4.5d0)
    call pvmfinitsend(PVMDATADEFAULT, id)
    call pvmfpack(STRING, text, 6, 1, info)
    call check('pvmfpack(STRING)', info, PvmOk)
    call pvmfpack(BYTE1, i1, 1, 1, info)
    call check('pvmfpack(BYTE1)', info, PvmOk)
    call pvmfpack(INTEGER2, i2, 1, 1, info)
    call check('pvmfpack(INTEGER2)', info, PvmOk)
    call pvmfpack(INTEGER4, i4, 1, 1, info)
    call check('pvmfpack(INTEGER4)', info, PvmOk)
    call pvmfpack(INTEGER8, i8, 1, 1, info)
    call check('pvmfpack(INTEGER8)', info, PvmOk)
    call pvmfpack(REAL4, r, 1, 1, info)
    call check('pvmfpack(REAL4)', info, PvmOk)
    call pvmfpack(COMPLEX8, c, 1, 1, info)
    call check('pvmfpack(COMPLEX8)', info, PvmOk)
    call pvmfpack(REAL8, x, 1, 1, info)
    call check('pvmfpack(REAL8)', info, PvmOk)
    call pvmfpack(COMPLEX16, z, 1, 1, info)
    call check('pvmfpack(COMPLEX16)', info, PvmOk)
    call pvmfpack(9, i4, 1, 1, info)
    call check('pvmfpack', info, PvmBadParam)
    call pvmfsend(me, 5, info)
    call pvmfrecv(me, 5, id)
    call pvmfunpack(STRING, back, 6, 1, info)
    call check('pvmfunpack(STRING)', info, PvmOk)
    call pvmfunpack(BYTE1, j1, 1, 1, info)
    call check('pvmfunpack(BYTE1)', info, PvmOk)
    call pvmfunpack(INTEGER2, j2, 1, 1, info)
    call check('pvmfunpack(INTEGER2)', info, PvmOk)
    call pvmfunpack(INTEGER4, j4, 1, 1, info)
    call check('pvmfunpack(INTEGER4)', info, PvmOk)
    call pvmfunpack(INTEGER8, j8, 1, 1, info)
    call check('pvmfunpack(INTEGER8)', info, PvmOk)
    call pvmfunpack(REAL4, s, 1, 1, info)
    call check('pvmfunpack(REAL4)', info, PvmOk)
    call pvmfunpack(COMPLEX8, d, 1, 1, info)
    call check('pvmfunpack(COMPLEX8)', info, PvmOk)
    call pvmfunpack(REAL8, y, 1, 1, info)
    call check('pvmfunpack(REAL8)', info, PvmOk)
    call pvmfunpack(COMPLEX16, w, 1, 1, info)
    call check('pvmfunpack(COMPLEX16)', info, PvmOk)
    call pvmfunpack(9, j4, 1, 1, info)
    call check('pvmfunpack', info, PvmBadParam)
    call pvmfunpack(INTEGER4, j4, 1, 1, info)
    call check('pvmfunpack', info, PvmNoData)
    call right('whole numbers', j1 == i1 .and. j2 == i2 .and. j4 == i4 .and. j8 == i8)
    call right('other items', back == text .and. s == r .and. d == c .and. y == x .and. w == z)
  end subroutine packing

  ! Strings go as bytes of the number that is said, whatever the length of the variable.
  subroutine one_item(me)
    integer, intent(in) :: me
    integer :: id, bytes, tag, src
    character(len=300) :: long, back

    long = repeat('x', 300)
    call pvmfinitsend(PVMDATARAW, id)
    call pvmfpack(STRING, long, 300, 1, info)
    call pvmfpack(STRING, 'literal', 7, 1, info)
    call pvmfsend(me, 5, info)
    call pvmfrecv(me, 5, id)
    call pvmfbufinfo(id, bytes, tag, src, info)
    call right('bytes of strings', bytes == 307)
    call pvmfunpack(STRING, back, 300, 1, info)
    call right('long string', back == long)
    call pvmfunpack(STRING, back, 7, 1, info)
    call right('short string', back(1:7) == 'literal')
  end subroutine one_item

  subroutine handlers
    integer :: id, buffer, me

    call pvmfmytid(me)
    call pvmfaddmhf(-1, 77, 0, 0, handle, id)
    call good('pvmfaddmhf', id)
    call pvmfaddmhf(-1, 77, 0, 0, handle, info)
    call check('pvmfaddmhf', info, PvmExists)
    call pvmfinitsend(PVMDATADEFAULT, buffer)
    call pvmfsend(me, 77, info)
    call pvmfsend(me, 78, info)
    call pvmfrecv(me, 78, buffer)
    call right('handler called', seen == 77)
    call pvmfdelmhf(id, info)
    call check('pvmfdelmhf', info, PvmOk)
    call pvmfdelmhf(id, info)
    call check('pvmfdelmhf', info, PvmNotFound)
    call pvmfdelmhf(-1, info)
    call check('pvmfdelmhf', info, PvmBadParam)
  end subroutine handlers

  subroutine contexts(me)
    integer, intent(in) :: me
    integer :: context, old, now

    call pvmfnewcontext(context)
    call good('pvmfnewcontext', context)
    call right('context of this host', ishft(context, -18) == ishft(me, -18))
    call pvmfgetcontext(old)
    call good('pvmfgetcontext', old)
    call pvmfsetcontext(context, now)
    call check('pvmfsetcontext', now, old)
    call pvmfsetcontext(old, now)
    call check('pvmfsetcontext', merge(0, 1, now == context), 0)
    call pvmffreecontext(context, info)
    call check('pvmffreecontext', info, PvmOk)
    call pvmffreecontext(context, info)
    call check('pvmffreecontext', info, PvmNotFound)
    call pvmfgetcontext(now)
    call right('context after it was freed', now == old)
  end subroutine contexts

  subroutine options
    integer :: old, now

    call pvmfgetopt(PVMROUTE, now)
    call check('pvmfgetopt', now, PVMALLOWDIRECT)
    call pvmfsetopt(PVMROUTE, PVMROUTEDIRECT, old)
    call check('pvmfsetopt', old, PVMALLOWDIRECT)
    call pvmfsetopt(PVMROUTE, PVMALLOWDIRECT, old)
    call pvmfsetopt(PVMROUTE, 9, info)
    call check('pvmfsetopt', info, PvmBadParam)
    call pvmfgetopt(4711, info)
    call check('pvmfgetopt', info, PvmBadParam)
    call pvmfperror('words of a program', info)
    call good('pvmfperror', info)
    call pvmfsleep(0)
    call check('pvmfsleep', 0, 0)
  end subroutine options

  ! What a spawned copy of this program does.
  subroutine child(parent)
    integer, intent(in) :: parent
    integer :: count, tid, buffer

    call pvmfsiblings(count, 1, tid)
    call pvmfjoingroup('family', info)
    call pvmfinitsend(PVMDATADEFAULT, buffer)
    call pvmfpack(INTEGER4, [parent, count, tid], 3, 1, info)
    call pvmfsend(parent, 1, info)
    call pvmfrecv(parent, 2, buffer)
    call pvmfexit(info)
  end subroutine child

  subroutine tasks(me)
    integer, intent(in) :: me
    integer :: tids(2), started, told(3), buffer, count, tid, parent, host, flag, whole, i
    character(len=80) :: program
    character(len=3) :: short

    call pvmfsiblings(count, 0, tid)
    call check('pvmfsiblings', count, 1)
    call right('alone', tid == me)
    call pvmfsiblings(count, 1, tid)
    call check('pvmfsiblings', tid, PvmNoTask)
    call pvmfcatchout(1, info)
    call check('pvmfcatchout', info, PvmOk)
    call pvmfcatchout(0, info)
    call check('pvmfcatchout', info, PvmOk)
    call pvmfspawn('no such program', PVMDEFAULT, '*', 2, tids, started)
    call check('pvmfspawn', started, 0)
    call check('pvmfspawn', tids(2), PvmNoFile)
    call pvmfspawn('entry_points', PVMDEFAULT, '*', 0, tids, started)
    call check('pvmfspawn', started, PvmBadParam)
    call pvmfspawn('entry_points', PVMHOST, 'no such host', 1, tids, started)
    call check('pvmfspawn', tids(1), PvmNoHost)
    call pvmfspawn('entry_points   ', PVMDEFAULT, '*', 2, tids, started)
    call check('pvmfspawn', started, 2)
    call pvmfrecv(tids(1), 1, buffer)
    call pvmfunpack(INTEGER4, told, 3, 1, info)
    call check('pvmfparent', merge(0, 1, told(1) == me), 0)
    call check('pvmfsiblings', merge(0, 1, all(told(2:3) == [2, tids(2)])), 0)
    call pvmfbcast('family', 4, info)
    call check('pvmfbcast', info, PvmOk)
    call pvmfpstat(tids(1), info)
    call check('pvmfpstat', info, PvmOk)
    call pvmftasks(tids(1), count, tid, parent, host, flag, program, info)
    call check('pvmftasks', info, 1)
    call right('the task', count == 1 .and. tid == tids(1) .and. parent == me .and. &
      program == 'entry_points')
    call pvmftasks(tids(2), count, tid, parent, host, flag, short, info)
    call right('name cut to its length', tid == tids(2) .and. short == 'ent')
    call pvmftidtohost(me, tid)
    call check('pvmftidtohost', merge(0, 1, tid == host), 0)
    call pvmftasks(0, whole, tid, parent, host, flag, program, info)
    do i = 2, whole
      call pvmftasks(tids(1), count, tid, parent, host, flag, program, info)
      call right('the rest of the first table', info == 1 .and. count == whole)
    end do
    call pvmftasks(77, count, tid, parent, host, flag, program, info)
    call check('pvmftasks', info, PvmNoHost)
    call pvmfnotify(PVMTASKEXIT, 3, 2, tids, info)
    call check('pvmfnotify', info, PvmOk)
    call pvmfnotify(77, 3, 2, tids, info)
    call check('pvmfnotify', info, PvmBadParam)
    call pvmfinitsend(PVMDATADEFAULT, buffer)
    call pvmfsend(tids(1), 2, info)
    call pvmfrecv(-1, 3, buffer)
    call pvmfunpack(INTEGER4, tid, 1, 1, info)
    call right('exit of the first', tid == tids(1))
    call pvmfsendsig(tids(2), 0, info)
    call check('pvmfsendsig', info, PvmOk)
    call pvmfkill(tids(2), info)
    call check('pvmfkill', info, PvmOk)
    call pvmfrecv(-1, 3, buffer)
    call pvmfpstat(tids(2), info)
    call check('pvmfpstat', info, PvmNoTask)
    call pvmfpstat(0, info)
    call check('pvmfpstat', info, PvmBadParam)
    call pvmfkill(0, info)
    call check('pvmfkill', info, PvmBadParam)
    call pvmfsendsig(0, 15, info)
    call check('pvmfsendsig', info, PvmBadParam)
  end subroutine tasks

  subroutine hosts(me)
    integer, intent(in) :: me
    integer :: count, archs, tid, speed, code, seconds, micros, ahead(2)
    character(len=60) :: name
    character(len=3) :: arch
    character(len=12) :: whole

    call pvmfconfig(count, archs, tid, name, arch, speed, info)
    call check('pvmfconfig', info, 1)
    call right('one host', count == 1 .and. tid == ishft(ishft(me, -18), 18))
    call right('architecture cut to its length', arch == 'LIN')
    call pvmfconfig(count, archs, tid, name, whole, speed, info)
    call right('architecture', whole == 'LINUX64')
    call pvmfmstat(name, info)
    call check('pvmfmstat', info, PvmOk)
    call pvmfmstat('no such host', info)
    call check('pvmfmstat', info, PvmNoHost)
    call pvmfmstat('   ', info)
    call check('pvmfmstat', info, PvmBadParam)
    call pvmfarchcode(whole, code)
    call good('pvmfarchcode', code)
    call pvmfarchcode('X', code)
    call check('pvmfarchcode', code, PvmNotFound)
    call pvmfhostsync(tid, seconds, micros, ahead(1), ahead(2), info)
    call check('pvmfhostsync', info, PvmOk)
    call right('clock', seconds > 1600000000 .and. micros < 1000000 .and. abs(ahead(1)) < 60)
    call pvmfhostsync(77, seconds, micros, ahead(1), ahead(2), info)
    call check('pvmfhostsync', info, PvmNoHost)
    call pvmfaddhost('host with=nonsense', info)
    call check('pvmfaddhost', info, PvmBadParam)
    call pvmfdelhost('no such host', info)
    call check('pvmfdelhost', info, PvmNoHost)
    call pvmfstartpvmd('', 0, info)
    call check('pvmfstartpvmd', info, PvmDupHost)
  end subroutine hosts

  subroutine mailbox(me)
    integer, intent(in) :: me
    integer :: id, index, classes, entries, indices(8), owners(8), flags(8)
    character(len=400) :: long, found
    character(len=5) :: short

    long = repeat('n', 300)
    call pvmfinitsend(PVMDATADEFAULT, id)
    call pvmfputinfo(long, id, PVMMBOXDEFAULT, index)
    call check('pvmfputinfo', index, 0)
    call pvmfputinfo('', id, PVMMBOXDEFAULT, index)
    call check('pvmfputinfo', index, PvmBadParam)
    classes = -1
    call pvmfgetmboxinfo('nnn*  ', found, classes, entries, indices, owners, flags, info)
    call check('pvmfgetmboxinfo', info, PvmOk)
    call right('long name', found == long .and. classes == 1 .and. entries == 1 .and. &
      owners(1) == me .and. indices(1) == 0)
    classes = -1
    call pvmfgetmboxinfo('nnn*', short, classes, entries, indices, owners, flags, info)
    call right('name of a class cut', short == 'nnnnn')
    call pvmfrecvinfo(long, 0, PVMMBOXDEFAULT, id)
    call good('pvmfrecvinfo', id)
    call pvmfdelinfo(long, 0, PVMMBOXDEFAULT, info)
    call check('pvmfdelinfo', info, PvmOk)
    call pvmfdelinfo(long, 0, PVMMBOXDEFAULT, info)
    call check('pvmfdelinfo', info, PvmNotFound)
    classes = -1
    call pvmfgetmboxinfo('nnn*', found, classes, entries, indices, owners, flags, info)
    call check('pvmfgetmboxinfo', info, PvmNotFound)
    call pvmfrecvinfo(long, 0, PVMMBOXDEFAULT, id)
    call check('pvmfrecvinfo', id, PvmNotFound)
    call pvmfrecvinfo('', 0, PVMMBOXDEFAULT, id)
    call check('pvmfrecvinfo', id, PvmBadParam)
  end subroutine mailbox

  subroutine groups(me)
    integer, intent(in) :: me
    integer :: got, values(2), result(2)
    character(len=200) :: long
    external :: pvmsum, pvmproduct, pvmmax, pvmmin

    long = repeat('g', 150)
    call pvmfjoingroup('g', got)
    call check('pvmfjoingroup', got, 0)
    call pvmfjoingroup('g     ', got)
    call check('pvmfjoingroup', got, PvmDupGroup)
    call pvmfjoingroup('', got)
    call check('pvmfjoingroup', got, PvmNullGroup)
    call pvmfjoingroup(long, got)
    call check('pvmfjoingroup', got, 0)
    call pvmflvgroup(long, info)
    call check('pvmflvgroup', info, PvmOk)
    call pvmflvgroup('g2', info)
    call check('pvmflvgroup', info, PvmNoGroup)
    call pvmfgsize('g', got)
    call check('pvmfgsize', got, 1)
    call pvmfgsize('  ', got)
    call check('pvmfgsize', got, PvmNullGroup)
    call pvmfgettid('g', 0, got)
    call check('pvmfgettid', merge(0, 1, got == me), 0)
    call pvmfgettid('g', 1, got)
    call check('pvmfgettid', got, PvmNoInst)
    call pvmfgetinst('g', me, got)
    call check('pvmfgetinst', got, 0)
    call pvmfgetinst('g', me + 1, got)
    call check('pvmfgetinst', got, PvmNotInGroup)
    call pvmfbarrier('g', 1, info)
    call check('pvmfbarrier', info, PvmOk)
    call pvmfbarrier('g', 0, info)
    call check('pvmfbarrier', info, PvmMismatch)
    call pvmfbcast('g', 1, info)
    call check('pvmfbcast', info, PvmNoInst)
    call pvmfbcast('g2', 1, info)
    call check('pvmfbcast', info, PvmNoGroup)
    values = [3, 4]
    call pvmfgather(result, values, 2, INTEGER4, 5, 'g', 0, info)
    call check('pvmfgather', info, PvmOk)
    call right('gathered', all(result == [3, 4]))
    call pvmfgather(result, values, 2, 77, 5, 'g', 0, info)
    call check('pvmfgather', info, PvmBadParam)
    call pvmfscatter(values, [5, 6], 2, INTEGER4, 5, 'g', 0, info)
    call check('pvmfscatter', info, PvmOk)
    call right('scattered', all(values == [5, 6]))
    call pvmfscatter(values, [5, 6], 2, INTEGER4, 5, 'g', 1, info)
    call check('pvmfscatter', info, PvmNoInst)
    call pvmfreduce(pvmsum, values, 2, INTEGER4, 5, 'g', 0, info)
    call check('pvmfreduce', info, PvmOk)
    call right('reduced', all(values == [5, 6]))
    call pvmfreduce(pvmsum, values, 2, INTEGER4, 5, 'g2', 0, info)
    call check('pvmfreduce', info, PvmNoGroup)
    call operations
    call pvmffreezegroup('g', 1, info)
    call check('pvmffreezegroup', info, 1)
    call pvmffreezegroup('g', 1, info)
    call check('pvmffreezegroup', info, PvmDupGroup)
  end subroutine groups

  ! The functions for pvmfreduce, called as it does.
  subroutine operations
    integer :: x(2)

    x = [2, 9]
    call pvmsum(INTEGER4, x, [3, 4], 2, info)
    call check('pvmsum', info, PvmOk)
    call right('sum', all(x == [5, 13]))
    call pvmproduct(INTEGER4, x, [3, 2], 2, info)
    call check('pvmproduct', info, PvmOk)
    call right('product', all(x == [15, 26]))
    call pvmmax(INTEGER4, x, [20, 2], 2, info)
    call check('pvmmax', info, PvmOk)
    call right('maximum', all(x == [20, 26]))
    call pvmmin(INTEGER4, x, [7, 100], 2, info)
    call check('pvmmin', info, PvmOk)
    call right('minimum', all(x == [7, 26]))
    call pvmsum(77, x, x, 2, info)
    call check('pvmsum', info, PvmBadParam)
  end subroutine operations

  subroutine machine_of_its_own
    integer :: count, archs, tid, speed
    character(len=40) :: name, arch

    ! pvmfhalt ends all tasks with SIGTERM.
    call signal(15, 1)
    call pvmfstartpvmd(' -d0x0  ', 1, info)
    call check('pvmfstartpvmd', info, PvmOk)
    call pvmfconfig(count, archs, tid, name, arch, speed, info)
    call right('a machine', info == 1 .and. count == 1)
    call pvmfhalt(info)
    call check('pvmfhalt', info, PvmOk)
  end subroutine machine_of_its_own

  subroutine second_host
    character(len=100) :: name

    call get_command_argument(2, name)
    call pvmfaddhost(name, info)
    call check('pvmfaddhost', merge(0, 1, info == 2 * 2**18), 0)
    call pvmfaddhost(name, info)
    call check('pvmfaddhost', info, PvmDupHost)
    call pvmfdelhost(name, info)
    call check('pvmfdelhost', info, PvmOk)
    call pvmfexit(info)
  end subroutine second_host

  subroutine lost
    integer :: got

    call pvmfmytid(got)
    call check('pvmfmytid', got, PvmSysErr)
    call pvmfparent(got)
    call check('pvmfparent', got, PvmSysErr)
    call pvmfrecv(-1, -1, got)
    call check('pvmfrecv', got, PvmSysErr)
    call pvmfjoingroup('g', got)
    call check('pvmfjoingroup', got, PvmSysErr)
    call pvmfhalt(got)
    call check('pvmfhalt', got, PvmSysErr)
    call pvmfexit(got)
    call check('pvmfexit', got, PvmOk)
  end subroutine lost

end program entry_points
