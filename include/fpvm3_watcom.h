c     SPDX-License-Identifier: MIT
c     3.4.6 has the names of the library for Watcom Fortran on Windows here. Compilers of
c     Linux find them by themselves, so that a program that includes this gets nothing.
