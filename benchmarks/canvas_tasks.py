"""The tasks that Celery's canvas runs in benchmarks.celery_canvas: each sleeps as long as a node takes there."""

import os
import time

from celery import Celery

from benchmarks.celery_canvas import SLOW_MS

BROKER = os.environ["BROKER_URL"]

app = Celery("canvas", broker=BROKER)
app.conf.update(
    broker_transport_options={
        "conn_string": BROKER.replace("pgmq", "postgresql", 1),
        "init_extension": False,
        "polling_interval": 0.05,
        "wait_time_seconds": 0,
        "visibility_timeout": 60,
    },
    task_default_queue="canvas",
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)


@app.task
def nap(number: int) -> int:
    time.sleep(SLOW_MS / 1000)
    return number


@app.task
def end(number: int) -> None:
    """The last of a chain: a byte more in the file of ends."""
    time.sleep(SLOW_MS / 1000)
    with open(os.environ["CANVAS_ENDS"], "ab", buffering=0) as ends:  # noqa: PTH123 - unbuffered
        ends.write(b".")
