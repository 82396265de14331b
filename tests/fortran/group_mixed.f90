! SPDX-License-Identifier: MIT
! group_mixed GROUP SIZE: the Fortran twin of tests/c/group_mixed.c.
program group_mixed
  implicit none
  include 'fpvm3.h'
  external pvmsum, pvmmax
  character(len=300) :: group, number
  integer :: n, me, info, one, got, bufid, i, total(64), failed
  double precision :: total_sum

  call get_command_argument(1, group)
  call get_command_argument(2, number)
  read (number, *) n
  failed = 0
  total = 0
  call pvmfjoingroup(group, me)
  call pvmfbarrier(group, n, info)
  call check(info == 0, 'barrier')
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
  total_sum = me + 0.5d0
  call pvmfreduce(pvmsum, total_sum, 1, REAL8, 4, group, 0, info)
  call check(info == 0, 'reduce')
  if (me == 0) call check(total_sum == n * (n - 1) / 2 + 0.5d0 * n, 'sum')
  call pvmfbarrier(group, n, info)
  one = me
  call pvmfreduce(pvmmax, one, 1, INTEGER4, 5, group, n - 1, info)
  if (me == n - 1) call check(one == n - 1, 'max')
  call pvmffreezegroup(group, n, info)
  call check(info == n, 'freeze')
  call pvmfgsize(group, got)
  call check(got == n, 'size')
  call pvmfbarrier(group, -1, info)
  call check(info == 0, 'last barrier')
  call pvmfexit(info)
  if (failed > 0) error stop 1

contains

  subroutine check(good, what)
    logical, intent(in) :: good
    character(len=*), intent(in) :: what

    if (good) return
    failed = failed + 1
    print *, 'FAIL ', what
  end subroutine check
end program group_mixed
