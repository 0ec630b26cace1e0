"""More kinds of providers, more ways to sign in to them.

Each constraint is checked over the whole table under a lock that keeps writers out: a handful of rows.
"""

from django.db import migrations, models

KINDS = [
    ("openai", "OpenAI-compatible"),
    ("azure_openai", "Azure OpenAI"),
    ("anthropic", "Anthropic"),
    ("gemini", "Gemini"),
    ("vertex", "Vertex AI"),
    ("bedrock", "AWS Bedrock"),
]
AUTHS = [
    ("none", "None"),
    ("api_key", "API key"),
    ("bearer", "Bearer token"),
    ("oauth2", "OAuth 2 client credentials"),
    ("azure_client", "Azure client credentials"),
    ("azure_identity", "Azure managed identity"),
    ("google_account", "Google service account"),
    ("google_metadata", "Google metadata server"),
    ("aws_sigv4", "AWS Signature 4"),
    ("mtls", "Client certificate"),
    ("caller_key", "The caller's own key"),
]
WITH_SECRET = ["api_key", "bearer", "oauth2", "azure_client", "google_account", "aws_sigv4", "mtls"]


def words(choices):
    return [value for value, _label in choices]


class Migration(migrations.Migration):
    dependencies = (("workflows", "0003_number_the_register"),)
    operations = (
        migrations.RemoveConstraint(model_name="provider", name="provider_kind_is_known"),
        migrations.RemoveConstraint(model_name="provider", name="provider_api_key_names_its_secret"),
        migrations.AlterField(
            model_name="provider",
            name="kind",
            field=models.CharField(choices=KINDS, default="openai", max_length=16),
        ),
        migrations.AlterField(
            model_name="provider",
            name="auth",
            field=models.CharField(choices=AUTHS, default="none", max_length=16),
        ),
        migrations.AddField(
            model_name="provider", name="settings", field=models.JSONField(blank=True, default=dict)
        ),
        migrations.AddField(
            model_name="provider",
            name="more_secrets",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddConstraint(
            model_name="provider",
            constraint=models.CheckConstraint(
                condition=models.Q(kind__in=words(KINDS)), name="provider_kind_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="provider",
            constraint=models.CheckConstraint(
                condition=models.Q(auth__in=words(AUTHS)), name="provider_auth_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="provider",
            constraint=models.CheckConstraint(
                condition=~models.Q(auth__in=WITH_SECRET) | ~models.Q(secret_name=""),
                name="provider_names_its_secret",
            ),
        ),
    )
