! SPDX-License-Identifier: MIT
! What tests/c/moved.c does with the messages of its peer, in Fortran, by direct routes.
program moved
  implicit none
  include 'fpvm3.h'
  integer, parameter :: tag_done = 2, tag_end = 3
  integer :: mytid, info, bufid, bytes, tag, tid, number, length, total, next, old
  integer(kind=1), allocatable :: text(:)
  character(len=20) :: digits

  call pvmfmytid(mytid)
  call pvmfsetopt(PVMROUTE, PVMROUTEDIRECT, old)
  next = 1
  do
    call pvmfrecv(-1, -1, bufid)
    call pvmfbufinfo(bufid, bytes, tag, tid, info)
    if (tag == tag_end) exit
    call pvmfunpack(INTEGER4, number, 1, 1, info)
    call pvmfunpack(INTEGER4, length, 1, 1, info)
    call pvmfunpack(INTEGER4, total, 1, 1, info)
    allocate (text(length + 1))
    call pvmfunpack(BYTE1, text, length, 1, info)
    if (sum(iand(int(text(1:length)), 255)) /= total) stop 3
    deallocate (text)
    write (digits, '(i0)') number
    read (digits, *) old
    if (old /= next) stop 4
    next = next + 1
    call pvmfinitsend(PVMDEFAULT, bufid)
    call pvmfpack(INTEGER4, number, 1, 1, info)
    call pvmfsend(tid, tag_done, info)
  end do
  call pvmfexit(info)
end program moved
