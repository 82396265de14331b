      program node
      include 'fpvm3.h'
      integer parent, info, n
      real mass(100)
      call pvmfparent(parent)
      call pvmfrecv(parent, 1, info)
      call pvmfunpack(INTEGER4, n, 1, 1, info)
      call pvmfunpack(REAL4, mass, n, 1, info)
      do 20 i = 2, n
   20 mass(1) = mass(1) + mass(i)
      call pvmfinitsend(PVMDEFAULT, info)
      call pvmfpack(REAL4, mass, 1, 1, info)
      call pvmfsend(parent, 2, info)
      call pvmfexit(info)
      end
