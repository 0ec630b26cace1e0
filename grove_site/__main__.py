"""`python -m grove_site <command>`: manage.py for processes that do not know where it lies."""

from grove_site.command_line import main

if __name__ == "__main__":
    main()
