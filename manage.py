#!/usr/bin/env python
"""The command line of Grove. `manage.py up` starts everything."""

from grove_site.command_line import main

if __name__ == "__main__":
    main()
