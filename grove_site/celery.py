"""Celery carries hints from web to workers; PostgreSQL is the memory."""

import os
from typing import Any

from celery import signals
from django.conf import settings
from tenant_schemas_celery.app import CeleryApp

from grove_site import garbage, processor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "grove_site.settings")

app = CeleryApp("grove")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_ready.connect
def start_executor(sender: Any = None, **kwargs: Any) -> None:
    """A worker that serves the runs queue moves runs; its first act is to take up what a lost worker left."""
    from runs import here  # noqa: PLC0415 - Django is ready only now

    garbage.settle()
    queues = {queue.name for queue in sender.task_consumer.queues}
    if "runs" in queues:
        processor.keep_to(settings.WORKER_PROCESSOR)
        here.start()


@signals.worker_shutting_down.connect
def stop_executor(**kwargs: Any) -> None:
    from runs import here  # noqa: PLC0415

    here.stop()
