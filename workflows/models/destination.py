"""Destinations: the hosts that tool calls of this tenant may reach, what they may see, and under which papers."""

from datetime import date
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from compliance.labels import DataClass
from tenancy.models import TenantOwned
from workflows.models.provider import Egress


class Scheme(models.TextChoices):
    HTTPS = "https", "HTTPS"
    HTTP = "http", "HTTP"


def reading_methods() -> list[str]:
    return ["GET", "HEAD"]


class Destination(TenantOwned):
    """One host and port that may be called. What is not said of it is taken at its worst.

    `clearance` is the highest data class that may be sent there, `answer_class` the class of what comes back.
    A secret that it names goes into one header of every request, and into no record.
    """

    name = models.SlugField(max_length=64)
    title = models.CharField(max_length=200, blank=True)
    scheme = models.CharField(max_length=8, choices=Scheme.choices, default=Scheme.HTTPS)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(
        default=443, validators=[MinValueValidator(1), MaxValueValidator(65_535)]
    )
    methods: "models.JSONField[Any, list[str]]" = models.JSONField(default=reading_methods)
    egress = models.CharField(max_length=16, choices=Egress.choices, default=Egress.EXTERNAL)
    region = models.CharField(max_length=32, blank=True)
    clearance = models.PositiveSmallIntegerField(default=int(DataClass.PUBLIC))
    answer_class = models.PositiveSmallIntegerField(default=int(DataClass.INTERNAL))
    secret_name = models.CharField(max_length=100, blank=True)
    secret_header = models.CharField(max_length=64, blank=True, default="Authorization")
    secret_prefix = models.CharField(max_length=32, blank=True, default="Bearer ")
    baa = models.BooleanField("business associate agreement", default=False)
    dpa = models.BooleanField("data processing agreement", default=False)
    zero_retention = models.BooleanField(default=False)
    papers_expire_on = models.DateField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "name"), name="destination_name_is_unique"),
            models.UniqueConstraint(
                fields=("tenant", "scheme", "host", "port"), name="destination_place_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    clearance__lte=int(max(DataClass)), answer_class__lte=int(max(DataClass))
                ),
                name="destination_classes_are_known",
            ),
            models.CheckConstraint(
                condition=models.Q(egress=Egress.INTERNAL) | models.Q(scheme=Scheme.HTTPS),
                name="destination_outside_is_encrypted",
            ),
        )

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def cleared_for(self) -> DataClass:
        return DataClass(self.clearance)

    def papers_are_valid(self, today: date) -> bool:
        return self.papers_expire_on is None or self.papers_expire_on >= today
