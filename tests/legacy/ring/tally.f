c
c     tally.f:  add up an integer and two reals
c
      program tally
      include 'fpvm3.h'
      integer mytid, from, info, n
      real*8 values(2), total
      call pvmfmytid(mytid)
      call pvmfparent(from)
      call pvmfrecv(from, 8, info)
      call pvmfunpack(INTEGER4, n, 1, 1, info)
      call pvmfunpack(REAL8, values, 2, 1, info)
      total = n
      do 10 i = 1, 2
         total = total + values(i)
   10 continue
      call pvmfinitsend(PVMDEFAULT, info)
      call pvmfpack(REAL8, total, 1, 1, info)
      call pvmfsend(from, 8, info)
      call pvmfexit(info)
      stop
      end
