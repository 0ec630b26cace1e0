"""One settings file. What differs between places comes from the environment; every name is in docs/settings.md."""

import os
import secrets
from pathlib import Path
from typing import Any

from psycopg_pool import ConnectionPool

from grove_site.env import Env, environment
from grove_site.vault_settings import read_backend, read_vault

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(os.environ.get("GROVE_STATE_DIR") or BASE_DIR / "var").resolve()
env = Env(environment(STATE_DIR))

# With a database of one's own the keys are one's own, too; `manage.py up` makes both where it embeds PostgreSQL.
OWN_DATABASE = bool(os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"))
if OWN_DATABASE:
    SECRET_KEY = env.required("GROVE_SECRET_KEY", "It signs sessions and cursors.")
    env.required("GROVE_ROOT_KEY", "Without it nothing that is stored can be read.")
else:
    SECRET_KEY = env.text("GROVE_SECRET_KEY") or secrets.token_urlsafe(48)

ROOT_KEY = env.text("GROVE_ROOT_KEY")
ROOT_KEYS_OLD = env.names("GROVE_ROOT_KEYS_OLD")

SECRET_BACKEND = read_backend(env)
VAULT = read_vault(env, wanted=SECRET_BACKEND == "vault")  # noqa: S105 - a word, not a secret
VAULT_TIMEOUT_SECONDS = env.integer("GROVE_VAULT_TIMEOUT_SECONDS", 5, 1, 60)
VAULT_CACHE_SECONDS = env.integer("GROVE_VAULT_CACHE_SECONDS", 30, 0, 3600)

DEBUG = False
ALLOWED_HOSTS = env.names("GROVE_HOSTS", ".localhost,127.0.0.1,[::1]")
PORT = env.integer("GROVE_PORT", 8000, 1, 65535)
PUBLIC_ADDRESS = env.text("GROVE_PUBLIC_ADDRESS").rstrip("/")  # in links that leave the house
STYLEGUIDE = env.flag("GROVE_STYLEGUIDE")
BEHIND_TLS = env.flag("GROVE_BEHIND_TLS")

# -- apps ---------------------------------------------------------------------------------------------------------

SHARED_APPS = [
    "tenancy",
    "compliance",
    "workflows",
    "runs",
    "grove_site",
    "django_tenants",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "template_partials",
    "csp",
    "django_celery_beat",
]
TENANT_APPS = ["tenancy", "compliance", "workflows", "runs"]  # rows of all tenants share one schema
INSTALLED_APPS = SHARED_APPS

TENANT_MODEL = "tenancy.Tenant"
TENANT_DOMAIN_MODEL = "tenancy.Domain"
AUTH_USER_MODEL = "tenancy.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "grove_site.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "grove_site.compression.PageCompressionMiddleware",
    "csp.middleware.CSPMiddleware",
    "tenancy.middleware.TenantMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenancy.middleware.MembershipMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "grove_site.errors.ErrorMiddleware",
]

ROOT_URLCONF = "grove_site.urls"
ASGI_APPLICATION = "grove_site.asgi.application"

FORM_RENDERER = "grove_site.form_parts.FormRenderer"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["django_htmx.templatetags.django_htmx", "django.templatetags.static"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# -- databases ----------------------------------------------------------------------------------------------------

RLS_LOCAL = env.flag(
    "GROVE_TRANSACTION_POOLING"
)  # PgBouncer: the tenant travels with each transaction
POOL_SIZE = env.integer("GROVE_POOL_SIZE", 16, 1, 500)


def _database(name: str, default: str) -> dict[str, Any]:
    # The server keeps what it made of statements that bind there (server_cursor), but not behind a pooler.
    options: dict[str, Any] = {"connect_timeout": 10, "prepare_threshold": None if RLS_LOCAL else 0}
    if not RLS_LOCAL:
        # After an outage of the database whoever waits is served within seconds: by itself a pool doubles its pauses.
        again = {"reconnect_timeout": 10, "reconnect_failed": ConnectionPool.check}
        options["pool"] = {"min_size": 1, "max_size": POOL_SIZE, "timeout": 30, **again}
    return {
        "ENGINE": "tenancy.pgbackend",
        **env.database(name, default),
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


DATABASES = {
    "default": _database("DATABASE_URL", "postgresql://grove_app@127.0.0.1:5432/grove"),
    "keys": _database("KEYS_DATABASE_URL", "postgresql://grove_app@127.0.0.1:5432/grove_keys"),
}
DATABASE_ROUTERS = ["tenancy.router.KeysRouter", "django_tenants.routers.TenantSyncRouter"]

# -- queue --------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.text("BROKER_URL", "pgmq://grove_app@127.0.0.1:5432/grove_queue")
if CELERY_BROKER_URL.startswith("pgmq"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # Without it the library takes DATABASE_URL from the environment, which is another database.
        "conn_string": CELERY_BROKER_URL.replace("pgmq", "postgresql", 1),
        "init_extension": False,
        "polling_interval": 0.05,
        "wait_time_seconds": 0,
        "visibility_timeout": 60,
    }
CELERY_TASK_DEFAULT_QUEUE = "runs"
CELERY_TASK_ROUTES = {
    "*.sweep*": {"queue": "chores"},
    "*.chore*": {"queue": "chores"},
    "tenancy.tasks.verify_ledger": {"queue": "chores"},
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TENANT_CACHE_SECONDS = 5
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep runs": {"task": "runs.tasks.sweep_runs", "schedule": 1.0, "options": {"expires": 5}},
    "tell of budgets": {
        "task": "workflows.tasks.chore_tell_of_budgets",
        "schedule": 1.0,
        "options": {"expires": 5},
    },
    "probe idle": {
        "task": "workflows.tasks.chore_probe_idle",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "carry out trials": {
        "task": "workflows.tasks.chore_carry_out_trials",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "add up costs": {
        "task": "runs.tasks.chore_add_up_costs",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "carry out selections": {
        "task": "runs.tasks.chore_carry_out_selections",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "sequence ledgers": {
        "task": "tenancy.tasks.chore_sequence_ledgers",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "forget answers": {
        "task": "tenancy.tasks.chore_forget_answers",
        "schedule": 600.0,
        "options": {"expires": 300},
    },
    "empty secrets": {
        "task": "tenancy.tasks.chore_empty_secrets",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "remind of secrets": {
        "task": "compliance.tasks.chore_remind_of_secrets",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "sweep stores": {
        "task": "workflows.tasks.chore_sweep_stores",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "finish disposals": {
        "task": "compliance.tasks.chore_finish_disposals",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
}

# -- runs ---------------------------------------------------------------------------------------------------------

APPROVAL_SECONDS = env.integer("GROVE_APPROVAL_SECONDS", 259_200, 60, 31_536_000)
CALLER_KEY_SECONDS = env.integer("GROVE_CALLER_KEY_SECONDS", 3600, 60, 86_400)
NODE_THREADS = env.integer("GROVE_NODE_THREADS", 48, 1, 1000)
PROBE_SECONDS = env.integer("GROVE_PROBE_SECONDS", 300, 0, 86_400)  # 0: never
RUN_SLOTS = env.integer("GROVE_RUN_SLOTS", 100, 1, 10_000)
WORKER_PROCESSOR = env.integer("GROVE_WORKER_PROCESSOR", -1, -1, 4095)  # -1: any
INPUT_LIMIT_BYTES = env.integer("GROVE_INPUT_LIMIT_BYTES", 10_000_000, 1_000, 2**31 - 1)
DATA_UPLOAD_MAX_MEMORY_SIZE = INPUT_LIMIT_BYTES + 1_000_000

EMBEDDED_MODEL_URL = env.text(
    "GROVE_MODEL_URL"
)  # `manage.py up` says where its model server listens

# -- people -------------------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
MFA_ALLOW_UNVERIFIED_EMAIL = True  # an admin's invitation vouches for the address
MFA_ADAPTER = "tenancy.sign_in.MFAAdapter"
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "callback": "300/m/ip",
}
REFUSAL_VIEW = "grove_site.errors.answer"  # how middlewares refuse
CSRF_FAILURE_VIEW = "grove_site.errors.csrf_failed"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "tenancy.sign_in.AccountAdapter"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]

SESSION_ENGINE = "tenancy.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_NAME = "grove_session"
CSRF_COOKIE_NAME = "grove_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "font-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

# -- API ----------------------------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenancy.api.authentication.TokenAuthentication",
        "tenancy.api.authentication.SignedInAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenancy.api.permissions.HasPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tenancy.api.body.JSONBody"],
    "DEFAULT_SCHEMA_CLASS": "grove_site.api.schema.GroveSchema",
    "EXCEPTION_HANDLER": "grove_site.errors.to_problem",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Grove",
    "DESCRIPTION": "Governed AI workflows: definitions, runs, decisions, evidence.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "tenancy.permissions.Role",
        "MemberState": "tenancy.api.shapes.MEMBER_STATES",
        "TokenState": "tenancy.api.shapes.TOKEN_STATES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "grove_site.api.schema.complete",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# -- the rest -----------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "grove_site.static_files.HashedStaticFilesStorage"},
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "KEY_FUNCTION": "django_tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "django_tenants.cache.reverse_key",
    }
}
LOGGING_CONFIG = "grove_site.logs.configure"
LOGGING = {"by": LOGGING_CONFIG}  # Django calls the above only where this is not empty
# Tenants whose providers may sign in as the machine itself (Azure managed identity, Google's metadata server).
MACHINE_IDENTITY_TENANTS = frozenset(env.names("GROVE_MACHINE_IDENTITY_TENANTS"))
LOG_LEVEL = env.text("GROVE_LOG_LEVEL", "INFO")
LOG_FORMAT = env.text("GROVE_LOG_FORMAT", "console")

env.check()
