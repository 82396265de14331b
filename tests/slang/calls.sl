% SPDX-License-Identifier: MIT
% Evaluates each expression of a file, a line each, and prints what it gives or its error.
import ("pvm");

define shown (value)
{
   variable one, text;
   if (typeof (value) != Array_Type)
     return sprintf ("%S", value);
   text = sprintf ("%S of %d:", _typeof (value), length (value));
   if (length (value) < 10)
     foreach one (value)
       text += sprintf (" %S", one);
   return text;
}

% What an array has become that was sent to this task itself.
define there_and_back (values)
{
   () = pvm_initsend (PvmDataDefault);
   pvm_pack (values);
   pvm_send (pvm_mytid (), 7);
   () = pvm_recv (pvm_mytid (), 7);
   variable back = pvm_unpack (_typeof (values), length (values));
   return _typeof (back) == _typeof (values) and all (back == values);
}

define evaluated (line)
{
   variable error, value, results = "", depth = _stkdepth ();
   try (error)
     {
	eval (line);
	loop (_stkdepth () - depth)
	  {
	     value = ();
	     results = " " + shown (value) + results;
	  }
     }
   catch AnyError:
     results = sprintf (" error %S", error.message);
   () = printf ("%s ->%s\n", line, results);
   () = fflush (stdout);
}

variable line;
foreach line (fgetslines (fopen (__argv[1], "r")))
  evaluated (strtrim (line));
