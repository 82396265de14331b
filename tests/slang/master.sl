% SPDX-License-Identifier: MIT
% Runs commands as slaves, two on each host, and prints how each has ended.
require ("pvm_ms");

define main ()
{
   variable command, end, slaves = {};
   foreach command (__argv[[2:]])
     list_append (slaves, ["slsh", __argv[1], command]);
   pvm_ms_set_num_processes_per_host (2);
   foreach end (pvm_ms_run_master (list_to_array (slaves)))
     () = printf ("exit %d\n", end.exit_status);
   pvm_exit ();
}

main ();
