"""What is known of anything that leaves a run for somewhere else: where to, and what went with it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenancy.models import OwnedThroughParent


class LeavingCall(OwnedThroughParent):
    """A row of the egress report: written as an intent before the call leaves."""

    region = models.CharField(max_length=32, blank=True)
    egress = models.CharField(max_length=16, blank=True)
    data_class = models.SmallIntegerField(default=0)  # of what was sent
    tags = ArrayField(models.CharField(max_length=64), default=list)
    # carried out before it left
    redactions = ArrayField(models.CharField(max_length=64), default=list)

    class Meta(OwnedThroughParent.Meta):
        abstract = True
