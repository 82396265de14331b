! SPDX-License-Identifier: MIT
! Fortran 77 program: strings of any length, all item types, contexts,
! mailbox, message handlers, host and task tables.
      program points
      include 'fpvm3.h'
      external handle
      integer tid, info, bufid, i, ctx, old, n, narch, dtid, speed, mhid
      integer seen, bytes, tag, src, nent, idx(8), own(8), flg(8)
      common /handled/ seen
      character*12 name
      character*3 arch
      character*400 long
      character*6 text, back
      integer*2 i2, j2
      integer*8 i8, j8
      real r, s
      complex c, d
      double precision x, y
      complex*16 z, w

      call pvmfmytid(tid)
      if (tid .le. 0) call fail('mytid')

      text = 'Hallo '
      i2 = -7
      i8 = 123456
      r = 1.5
      c = (1.0, -2.0)
      x = 2.25d0
      z = (3.0d0, 4.5d0)
      call pvmfinitsend(PVMDATADEFAULT, bufid)
      call pvmfpack(STRING, text, 6, 1, info)
      call pvmfpack(INTEGER2, i2, 1, 1, info)
      call pvmfpack(INTEGER8, i8, 1, 1, info)
      call pvmfpack(REAL4, r, 1, 1, info)
      call pvmfpack(COMPLEX8, c, 1, 1, info)
      call pvmfpack(REAL8, x, 1, 1, info)
      call pvmfpack(COMPLEX16, z, 1, 1, info)
      if (info .ne. PvmOk) call fail('pack')
      call pvmfpack(9, i, 1, 1, info)
      if (info .ne. PvmBadParam) call fail('pack of unknown type')
      call pvmfsend(tid, 5, info)
      call pvmftrecv(tid, 5, 10, 0, bufid)
      if (bufid .le. 0) call fail('trecv')
      call pvmfbufinfo(bufid, bytes, tag, src, info)
      if (tag .ne. 5 .or. src .ne. tid) call fail('bufinfo')
      call pvmfunpack(BYTE1, back, 6, 1, info)
      call pvmfunpack(INTEGER2, j2, 1, 1, info)
      call pvmfunpack(INTEGER8, j8, 1, 1, info)
      call pvmfunpack(REAL4, s, 1, 1, info)
      call pvmfunpack(COMPLEX8, d, 1, 1, info)
      call pvmfunpack(REAL8, y, 1, 1, info)
      call pvmfunpack(COMPLEX16, w, 1, 1, info)
      if (info .ne. PvmOk) call fail('unpack')
      if (back .ne. text .or. j2 .ne. i2 .or. j8 .ne. i8) call fail('a')
      if (s .ne. r .or. d .ne. c .or. y .ne. x .or. w .ne. z)
     &   call fail('items')

      call pvmfconfig(n, narch, dtid, name, arch, speed, info)
      if (info .lt. 0 .or. n .ne. 1) call fail('config')
      if (arch .ne. 'LIN') call fail('string cut to its length')
      call pvmftasks(tid, n, i, old, dtid, flg, name, info)
      if (info .ne. 0 .or. n .ne. 1 .or. i .ne. tid) call fail('tasks')
      call pvmfsiblings(n, 0, i)
      if (n .ne. 1 .or. i .ne. tid) call fail('siblings')
      call pvmfsiblings(n, 1, i)
      if (i .ne. PvmNoTask) call fail('sibling that is none')

      call pvmfnewcontext(ctx)
      call pvmfsetcontext(ctx, old)
      call pvmfsetcontext(old, i)
      call pvmffreecontext(ctx, info)
      if (info .ne. PvmOk) call fail('freecontext')
      call pvmfgetcontext(i)
      if (i .ne. old) call fail('context after freecontext')

      long = repeat('n', 300)
      call pvmfinitsend(PVMDATADEFAULT, bufid)
      call pvmfputinfo(long, bufid, PVMMBOXDEFAULT, i)
      if (i .ne. 0) call fail('putinfo')
      n = -1
      long = ' '
      call pvmfgetmboxinfo('nnn*  ', long, n, nent, idx, own, flg, info)
      if (n .ne. 1 .or. nent .ne. 1 .or. own(1) .ne. tid)
     &   call fail('getmboxinfo')
      if (long .ne. repeat('n', 300)) call fail('long name')
      call pvmfdelinfo(long, 0, PVMMBOXDEFAULT, info)
      if (info .ne. 0) call fail('delinfo')

      seen = 0
      call pvmfaddmhf(-1, 77, 0, 0, handle, mhid)
      if (mhid .lt. 0) call fail('addmhf')
      call pvmfinitsend(PVMDATADEFAULT, bufid)
      call pvmfsend(tid, 77, info)
      do 10 i = 1, 2000
         call pvmfnrecv(-1, 78, bufid)
         if (seen .gt. 0) goto 20
   10 continue
      call pvmfsleep(1)
      call pvmfnrecv(-1, 78, bufid)
   20 if (seen .ne. 77) call fail('handler')
      call pvmfdelmhf(mhid, info)
      call pvmfexit(info)
      print *, 'good'
      end

      subroutine handle(bufid)
      integer bufid, seen, bytes, src, info
      common /handled/ seen
      call pvmfbufinfo(bufid, bytes, seen, src, info)
      end

      subroutine fail(what)
      character*(*) what
      print *, 'FAIL ', what
      stop 1
      end
