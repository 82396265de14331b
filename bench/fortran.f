! SPDX-License-Identifier: MIT
! Half round trip of 8 bytes between two Fortran programs through the daemon, in seconds.
!   fortran PEER SECONDS fortran     as the driver (bench/driver.c); PEER is this program
! A spawned copy sends each message back until one has another tag.
      program ping
      implicit none
      include 'fpvm3.h'
      integer tid

      call pvmfmytid(tid)
      call must(tid)
      call pvmfsetopt(PVMROUTE, PVMDONTROUTE, tid)
      call pvmfparent(tid)
      if (tid .gt. 0) then
        call echo(tid)
      else
        call drive
      end if
      call pvmfexit(tid)
      end

! Send each message of tag 1 back to its sender.
      subroutine echo(parent)
      implicit none
      include 'fpvm3.h'
      integer parent, bufid, info, tag, size, from, items(2)

      do
        call pvmfrecv(parent, -1, bufid)
        call pvmfbufinfo(bufid, size, tag, from, info)
        call must(info)
        if (tag .ne. 1) return
        call pvmfunpack(INTEGER4, items, 2, 1, info)
        call must(info)
        call pvmfinitsend(PVMDATARAW, info)
        call pvmfpack(INTEGER4, items, 2, 1, info)
        call pvmfsend(parent, 1, info)
        call must(info)
      end do
      end

! Print half the median time of a round trip over batches of 100.
      subroutine drive
      implicit none
      include 'fpvm3.h'
      integer, parameter :: most = 4096, batch = 100
      character(len=300) :: peer, number
      integer tid, info, n, i, items(2), back(2)
      integer(8) first, start, finish, rate
      double precision seconds, took(most)

      call get_command_argument(1, peer)
      call get_command_argument(2, number)
      read (number, *) seconds
      call pvmfspawn(trim(peer), PVMTASKDEFAULT, '*', 1, tid, info)
      call must(info - 1)
      items = 0
      n = 0
      call system_clock(first, rate)
      start = first
      do while (n .lt. most)
        do i = 1, batch
          items(1) = items(1) + 1
          call pvmfinitsend(PVMDATARAW, info)
          call pvmfpack(INTEGER4, items, 2, 1, info)
          call pvmfsend(tid, 1, info)
          call must(info)
          call pvmfrecv(tid, 1, info)
          call pvmfunpack(INTEGER4, back, 2, 1, info)
          call must(info)
          if (any(back .ne. items)) call must(-1)
        end do
        call system_clock(finish)
        n = n + 1
        took(n) = dble(finish - start) / dble(rate) / batch
        start = finish
        if (n .ge. 5 .and. dble(finish - first) / dble(rate) .ge.
     &      seconds) exit
      end do
      call pvmfinitsend(PVMDATADEFAULT, info)
      call pvmfsend(tid, 2, info)
      call sort(took, n)
      print '(es15.8)', took(n / 2 + 1) / 2
      end

! Order the first n values.
      subroutine sort(values, n)
      implicit none
      integer n, i, j
      double precision values(*), one

      do i = 2, n
        one = values(i)
        do j = i - 1, 1, -1
          if (values(j) .le. one) exit
          values(j + 1) = values(j)
        end do
        values(j + 1) = one
      end do
      end

! End the program if a call failed.
      subroutine must(info)
      implicit none
      integer info

      if (info .lt. 0) error stop 1
      end
