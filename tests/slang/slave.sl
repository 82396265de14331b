% SPDX-License-Identifier: MIT
% Runs a command for the master.
require ("pvm_ms");
pvm_ms_run_slave (__argv[[1:]]);
