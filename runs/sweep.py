"""Find runs whose worker is lost, and have them taken up again. Every worker does it, beat reminds them."""

import logging

from runs import claims, here

logger = logging.getLogger(__name__)


def sweep() -> int:
    """Free the claims of lost workers and wake this process's executor. Returns how many runs were freed."""
    freed = claims.free_lost()
    if freed:
        logger.warning("Runs of a lost worker are taken up again", extra={"runs": len(freed)})
    here.wake()
    return len(freed)
