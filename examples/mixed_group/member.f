C     SPDX-License-Identifier: MIT
C     The Fortran member of a mixed group; member.c says what it does.
      program member
      include 'fpvm3.h'
      integer me, info, number, buffer
      double precision own, all(3), slice

      call pvmfjoingroup('mixed', me)
      call pvmfbarrier('mixed', 3, info)

      call pvmfrecv(-1, 7, buffer)
      call pvmfunpack(INTEGER4, number, 1, 1, info)
      print '(a,i0,a)', 'Fortran: ', number, ' was broadcast'
      own = me + 1
      call pvmfgather(all, own, 1, REAL8, 7, 'mixed', 0, info)
      call pvmfscatter(slice, all, 1, REAL8, 7, 'mixed', 0, info)
      print '(a,f4.1)', 'Fortran: the slice is ', slice
      call pvmfreduce(PvmSum, slice, 1, REAL8, 7, 'mixed', 0, info)

      call pvmfbarrier('mixed', 3, info)
      call pvmflvgroup('mixed', info)
      call pvmfexit(info)
      end
