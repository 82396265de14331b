! SPDX-License-Identifier: MIT
! pvmfperror with texts that end in blanks.
program error_text
  implicit none
  character(6) :: variable = 'word'
  integer :: info

  call pvmfperror('text: ', info)
  call pvmfperror(variable, info)
  call pvmfperror(' ', info)
  call pvmfperror('', info)
end program
