"""The one exception for faults that the user can mend."""

from __future__ import annotations


class InputError(ValueError):
    """Something given by the user cannot be used.

    The message is one sentence for a microscopist: what is wrong, what is
    accepted, what was given, what to do. Panel and CLI show it as it is;
    anything else that is raised is a bug and goes to the log with a traceback.
    """
