! SPDX-License-Identifier: MIT
! As tests/c/image_worker.c, in Fortran: sums over arrays that come and go, and internal output.
program image_worker
    use, intrinsic :: iso_c_binding
    implicit none
    interface
        function signal(number, handler) bind(c)
            import :: c_int, c_funptr
            integer(c_int), value :: number
            type(c_funptr), value :: handler
            type(c_funptr) :: signal
        end function
        function imager_restarts() bind(c)
            import :: c_int
            integer(c_int) :: imager_restarts
        end function
    end interface
    integer(c_int), volatile, save :: told = 0
    double precision, allocatable :: numbers(:)
    character(len=20) :: text
    integer :: units, i, n, back
    logical :: right
    type(c_funptr) :: before

    before = signal(10_c_int, c_funloc(tell))
    units = 0
    right = .true.
    do while (told == 0 .or. units < 50)
        units = units + 1
        n = 100 + mod(units * 7919, 5000)
        allocate (numbers(n))
        do i = 1, n
            numbers(i) = dble(i)
        end do
        right = right .and. sum(numbers) == dble(n) * dble(n + 1) / 2
        write (text, '(i0)') units
        read (text, *) back
        right = right .and. back == units
        deallocate (numbers)
    end do
    if (right) then
        print '(a,i0)', 'right, restarted ', imager_restarts()
    else
        print '(a)', 'wrong'
    end if

contains

    subroutine tell(number) bind(c)
        integer(c_int), value :: number
        told = number
    end subroutine
end program
