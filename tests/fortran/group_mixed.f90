! SPDX-License-Identifier: MIT
! group_mixed GROUP SIZE: the Fortran twin of tests/c/group_mixed.c.

! An operation of the program.
subroutine combine(kind, x, y, n, info)
  implicit none
  integer :: kind, n, info
  double precision :: x(n), y(n)

  x = (1 + x) * (1 + y) - 1
  info = 0
end subroutine combine

program group_mixed
  implicit none
  include 'fpvm3.h'
  external pvmsum, pvmproduct, pvmmin, pvmmax, combine
  character(len=300) :: group, number
  integer :: n, me, info, one, got, bufid, i, root, tid, total(64), failed
  double precision :: added, multiplied

  call get_command_argument(1, group)
  call get_command_argument(2, number)
  read (number, *) n
  failed = 0
  total = 0
  call pvmfjoingroup(group, me)
  call pvmfbarrier(group, n, info)
  call check(info == 0, 'barrier')
  call pvmfgsize(group, got)
  call check(got == n, 'size')
  do i = 0, n - 1
    call pvmfgettid(group, i, tid)
    call pvmfgetinst(group, tid, got)
    call check(got == i, 'instance')
  end do
  call pvmfgettid(group, me, tid)
  call pvmfmytid(got)
  call check(got == tid, 'own instance')
  if (me == 0) then
    call pvmfinitsend(PVMDATADEFAULT, bufid)
    call pvmfpack(INTEGER4, n, 1, 1, info)
    call pvmfbcast(group, 1, info)
    call check(info == 0, 'bcast')
  else
    call pvmfrecv(-1, 1, bufid)
    call pvmfunpack(INTEGER4, got, 1, 1, info)
    call check(info == 0 .and. got == n, 'bcast received')
  end if
  one = 10 * me
  call pvmfgather(total, one, 1, INTEGER4, 2, group, 0, info)
  call check(info == 0, 'gather')
  if (me == 0) call check(all(total(1:n) == [(10 * i, i = 0, n - 1)]), 'gathered')
  call pvmfscatter(one, total, 1, INTEGER4, 3, group, 0, info)
  call check(info == 0 .and. one == 10 * me, 'scatter')
  added = sum([(1d0 * i, i = 1, n)])
  multiplied = product([(1d0 * i, i = 1, n)])
  do root = 0, n - 1
    call check_operation(pvmsum, 10 * root + 10, added)
    call check_operation(pvmproduct, 10 * root + 11, multiplied)
    call check_operation(pvmmin, 10 * root + 12, 1d0)
    call check_operation(pvmmax, 10 * root + 13, 1d0 * n)
    call check_operation(combine, 10 * root + 14, multiplied * (n + 1) - 1)
  end do
  call pvmffreezegroup(group, n, info)
  call check(info == n, 'freeze')
  call pvmfgsize(group, got)
  call check(got == n, 'size')
  call pvmfbarrier(group, -1, info)
  call check(info == 0, 'last barrier')
  call pvmfexit(info)
  if (failed > 0) error stop 1

contains

  ! An operation on two items with member `root` as the root, whose function is called.
  subroutine check_operation(operation, tag, expected)
    external operation
    integer, intent(in) :: tag
    double precision, intent(in) :: expected
    double precision :: items(2)

    items = me + 1
    call pvmfreduce(operation, items, 2, REAL8, tag, group, root, info)
    call check(info == 0, 'reduce')
    if (me == root) call check(all(items == expected), 'reduced')
  end subroutine check_operation

  subroutine check(good, what)
    logical, intent(in) :: good
    character(len=*), intent(in) :: what

    if (good) return
    failed = failed + 1
    print *, 'FAIL ', what
  end subroutine check
end program group_mixed
