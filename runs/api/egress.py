"""What left the house, for programs: the answer to a question, the rows, and a signed report."""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance.labels import DataClass
from runs import egress, egress_files, egress_questions
from runs.egress_rows import KINDS
from tenancy import paging
from tenancy.permissions import Permission

CLASSES = [level.word for level in DataClass]
QUESTION = [
    OpenApiParameter("since", str, description="First day, UTC. A week ago when left out."),
    OpenApiParameter("until", str, description="Last day, UTC. Today when left out."),
    OpenApiParameter("to", str, description="A provider, destination or storage profile."),
    OpenApiParameter("tag", str, description="PII, PHI, PCI, SECRET."),
    OpenApiParameter("egress", str, enum=["external", "internal"]),
    OpenApiParameter("data_class", str, enum=CLASSES, description="That class or a higher one."),
]
PAGES = [OpenApiParameter("cursor", str), OpenApiParameter("limit", int)]


class PolicyShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    digest = serializers.CharField()


class DepartureShape(serializers.Serializer[Any]):
    """One call that left, or may have left. Labels and names, never content."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=list(KINDS))
    at = serializers.CharField()
    to = serializers.CharField()
    via = serializers.CharField(help_text="The deployment or the tool.")
    region = serializers.CharField(allow_blank=True)
    egress = serializers.CharField(allow_blank=True)
    data_class = serializers.ChoiceField(choices=CLASSES)
    tags = serializers.ListField(child=serializers.CharField())
    redactions = serializers.ListField(child=serializers.CharField())
    model_asked = serializers.CharField(allow_blank=True)
    model_answered = serializers.CharField(allow_blank=True)
    status = serializers.CharField()
    error_kind = serializers.CharField(allow_blank=True)
    answered = serializers.BooleanField(
        help_text="True: the other side answered, be it with an error. False: nobody knows whether anything arrived."
    )
    sent = serializers.BooleanField(help_text="False: nobody was there, so nothing left.")
    run = serializers.UUIDField(allow_null=True, help_text="None of a test or probe.")
    node = serializers.CharField(allow_blank=True)
    decision = serializers.UUIDField(allow_null=True)
    policy = PolicyShape(allow_null=True)


class DeparturesShape(serializers.Serializer[Any]):
    items = DepartureShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class QuestionInput(serializers.Serializer[Any]):
    since = serializers.DateField(required=False)
    until = serializers.DateField(required=False)
    to = serializers.CharField(required=False, allow_blank=True, max_length=100)
    tag = serializers.CharField(required=False, allow_blank=True, max_length=64)
    egress = serializers.ChoiceField(choices=["", "external", "internal"], required=False)
    data_class = serializers.ChoiceField(choices=CLASSES, required=False)


class QuestionShape(serializers.Serializer[Any]):
    since = serializers.CharField()
    until = serializers.CharField()
    to = serializers.CharField(allow_blank=True)
    tag = serializers.CharField(allow_blank=True)
    egress = serializers.CharField(allow_blank=True)
    data_class = serializers.ChoiceField(choices=CLASSES)
    sentence = serializers.CharField()


class TotalShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=list(KINDS))
    to = serializers.CharField()
    region = serializers.CharField(allow_blank=True)
    egress = serializers.CharField(allow_blank=True)
    calls = serializers.IntegerField()
    unanswered = serializers.IntegerField(help_text="Of these, nobody knows whether they arrived.")
    not_sent = serializers.IntegerField(help_text="Not among the calls: nobody was there.")
    redacted = serializers.IntegerField()
    highest_class = serializers.ChoiceField(choices=CLASSES)
    first_at = serializers.CharField()
    last_at = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())


class AnswerShape(serializers.Serializer[Any]):
    question = QuestionShape()
    answer = serializers.ChoiceField(choices=["yes", "no", "unknown"])
    sentence = serializers.CharField()
    calls = serializers.IntegerField()
    unanswered = serializers.IntegerField(help_text="Of these, nobody knows whether they arrived.")
    not_sent = serializers.IntegerField(help_text="Not among the calls: nobody was there.")
    redacted = serializers.IntegerField()
    totals = TotalShape(many=True)


class EgressRows(APIView):
    required_permissions = {"get": Permission.DECISION_VIEW}

    @extend_schema(
        operation_id="egress_list", parameters=[*QUESTION, *PAGES], responses=DeparturesShape
    )
    def get(self, request: Request) -> Response:
        """Calls in the order in which they left, the oldest first."""
        question, limit = egress_questions.read(request.GET), paging.limit_of(request)
        after = paging.to_id(paging.key_of(request))
        found = egress.rows(question, after=after, limit=limit + 1)
        more = len(found) > limit
        cursor = paging.cursor_behind([str(found[limit - 1].id)], request) if more else None
        items = [each.to_json() for each in found[:limit]]
        return Response({"items": items, "next_cursor": cursor})


class EgressAnswer(APIView):
    required_permissions = {"get": Permission.DECISION_VIEW}

    @extend_schema(operation_id="egress_answer", parameters=QUESTION, responses=AnswerShape)
    def get(self, request: Request) -> Response:
        """Did such a call leave: yes or no, how many, and to where."""
        return Response(egress.answer(egress_questions.read(request.GET)).to_json())


class EgressTable(APIView):
    required_permissions = {"get": Permission.DECISION_VIEW}

    @extend_schema(
        operation_id="egress_csv",
        parameters=QUESTION,
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """All of these calls as CSV, sent while they are read."""
        return egress_files.table(egress_questions.read(request.GET))


class EgressReports(APIView):
    required_permissions = {"post": Permission.DECISION_VIEW}

    @extend_schema(
        operation_id="egress_report",
        request=QuestionInput,
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request) -> HttpResponseBase:
        """The answer as a signed zip file, to be checked without Grove; that it was made is on record.

        It holds rows.ndjson, rows.csv, and statement.json: a DSSE envelope with an in-toto Statement about both.
        """
        asked = QuestionInput(data=request.data)
        asked.is_valid(raise_exception=True)
        words = {name: str(value) for name, value in asked.validated_data.items()}
        return egress_files.bundle(request, egress_questions.read(words))
