# SPDX-License-Identifier: MIT
"""How Sphinx makes the site; `make docs` copies this beside the sources."""

from pvm3py import __version__

project = "pvm3py"
author = "the pvm3py contributors"
version = release = __version__

extensions = ["myst_parser"]
# Links to headings, named as forges name them.
myst_heading_anchors = 6

# Blocks without a language are what is typed to a shell.
highlight_language = "sh"

html_theme = "alabaster"
html_theme_options = {
    "description": "Parallel Virtual Machine",
    "page_width": "1100px",
    "sidebar_width": "250px",
    "show_powered_by": False,
    "show_related": True,
}
html_title = f"pvm3py {__version__}"
html_copy_source = False
html_show_copyright = False
html_use_index = False
