"""Settings, read from the environment; every variable has a default that serves `make up`."""

import logging
from typing import Any

import environ
import structlog
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from testbed.ops import embedded
from testbed.ops.secret import secret_key

env = environ.FileAwareEnv()

DEBUG = env.bool("TESTBED_DEBUG", default=False)
SECRET_KEY = env.str("TESTBED_SECRET_KEY", default="") or secret_key(embedded.data_folder())
ALLOWED_HOSTS = env.list("TESTBED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("TESTBED_ORIGINS", default=[])
HTTPS = env.bool("TESTBED_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"

INSTALLED_APPS = [
    "testbed.people",
    "testbed.notices",
    "testbed.tools",
    "testbed.material",
    "testbed.process",
    "testbed.prices",
    "testbed.booking",
    "testbed.waiting",
    "testbed.outages",
    "testbed.pools",
    "testbed.services",
    "testbed.runs",
    "testbed.results",
    "testbed.usage",
    "testbed.api",
    "testbed.web",
    "testbed.ops",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "django_structlog",
    "pgtrigger",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "testbed.web.request_log.RequestLog",
    "testbed.web.refusals.RefusalMiddleware",
]

# Of those, what a program with a token needs: see testbed/api/door.py.
TOKEN_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "testbed.web.request_log.RequestLog",
]

ROOT_URLCONF = "testbed.urls"
ASGI_APPLICATION = "testbed.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "testbed.web.context.frame",
            ],
        },
    }
]

# -- database ------------------------------------------------------------------------------------
URLS = embedded.urls()
DATABASES: dict[str, Any] = {
    "default": env.db_url_config(env.str("DATABASE_URL", default="") or URLS.database)
}
# A pool serves the web's short-lived threads; a worker forks and must not inherit sockets.
WEB_POOL = env.bool("TESTBED_WEB_POOL", default=False)
DATABASES["default"]["CONN_MAX_AGE"] = 0 if WEB_POOL else env.int("TESTBED_CONN_MAX_AGE", 60)
# The second: a process that freezes inside a transaction must not keep its rows locked from those
# who take over its work.
TIMEOUTS_MS = {
    "statement_timeout": env.int("TESTBED_STATEMENT_TIMEOUT_MS", 15_000),
    "idle_in_transaction_session_timeout": env.int("TESTBED_IDLE_IN_TRANSACTION_MS", 10_000),
}
SESSION_SETTINGS = {
    **TIMEOUTS_MS,
    # What is prepared is planned once a connection: their values never change which index is best.
    "plan_cache_mode": "force_generic_plan",
    # Compiling a plan to machine code takes longer than any of our statements.
    "jit": "off",
    # So does starting parallel workers, on cores that are serving others meanwhile.
    "max_parallel_workers_per_gather": "0",
}
# A network that swallows every packet says nothing: without these a worker that lost the database
# would wait a quarter of an hour for an answer, and take up no work when the way is back.
WAITS_FOR_A_SILENT_DATABASE = {
    "connect_timeout": 10,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
DATABASES["default"]["OPTIONS"] = {
    **WAITS_FOR_A_SILENT_DATABASE,
    "options": " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items()),
    # Of `testbed.prepared` alone: Django's own cursors never prepare.
    "prepare_threshold": 0,
    **({"pool": {"min_size": 1, "max_size": 16, "timeout": 10}} if WEB_POOL else {}),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Valkey: broker, cache, live updates -----------------------------------------------------------
VALKEY_URL = env.str("VALKEY_URL", default="") or URLS.valkey
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": VALKEY_URL,
        "KEY_PREFIX": env.str("TESTBED_CACHE_PREFIX", default="testbed"),
        "OPTIONS": {"socket_timeout": 5, "socket_connect_timeout": 5},
    }
}
CELERY_BROKER_URL = VALKEY_URL

# -- people --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["testbed.people.backend.Backend"]
SESSION_ENGINE = "testbed.people.sessions"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "testbed.people.signin.ClosedDoorAdapter"
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_SESSION_REMEMBER = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
CSRF_FAILURE_VIEW = "testbed.web.views.csrf_failure"

# -- mail ------------------------------------------------------------------------------------------
# Without a mail server every message is written as a file into the data folder, and pages say so.
EMAIL_URL = env.str("EMAIL_URL", default="")
MAIL_FOLDER = embedded.data_folder() / "mail"
EMAIL_BACKEND = "testbed.notices.eml.EmlBackend"
if EMAIL_URL:
    vars().update(env.email_url_config(EMAIL_URL))
EMAIL_TIMEOUT = env.float("TESTBED_MAIL_TIMEOUT_S", default=10.0)
# What the links in a mail begin with, and whom it comes from.
SITE_URL = env.str("TESTBED_SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
DEFAULT_FROM_EMAIL = env.str("TESTBED_MAIL_FROM", default="testbed@localhost.localdomain")
MAIL_DOMAIN = DEFAULT_FROM_EMAIL.rpartition("@")[2].strip(" >")

# -- language, time, money -------------------------------------------------------------------------
LANGUAGE_CODE = "ko"
LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
TIME_ZONE = "Asia/Seoul"
USE_TZ = True
FORMAT_MODULE_PATH = ["testbed.web.formats"]

# -- static files and the content policy -----------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = embedded.data_folder() / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

# -- API -----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "testbed.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["testbed.api.parsers.StorableJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "testbed.api.negotiation.OneFormat",
    "DEFAULT_PAGINATION_CLASS": "testbed.api.pagination.Pages",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "testbed.api.errors.handle",
    "DEFAULT_THROTTLE_RATES": {"sign_in": env.str("TESTBED_SIGN_IN_RATE", default="20/min")},
    "UNICODE_JSON": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Testbed API",
    "VERSION": "1",
    "DESCRIPTION": "Booking, runs, results and usage of a 300 mm semiconductor testbed.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "DEFAULT_GENERATOR_CLASS": "testbed.api.generator.OnceALanguage",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "testbed.api.schema.declare_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "RunState": "testbed.runs.states.RunState",
        "StepState": "testbed.runs.states.StepState",
        "BookingState": "testbed.booking.models.BookingState",
        "LotState": "testbed.material.models.LotState",
        "Disposition": "testbed.runs.hold_models.Disposition",
        "RecipeState": "testbed.process.models.RecipeState",
        "E10State": "testbed.tools.models.E10State",
        "CalendarKind": "testbed.booking.models.FeedKind",
        "WishedDocument": "testbed.booking.models.WishedDocument",
        "PenaltyKind": "testbed.booking.models.PenaltyKind",
        "Area": "testbed.tools.models.Area",
        "ContaminationClass": "testbed.tools.models.ContaminationClass",
        "SupplyKind": "testbed.tools.models.SupplyKind",
        "OutageKind": "testbed.outages.models.OutageKind",
        "RebookingFate": "testbed.outages.models.Fate",
        "RebookingState": "testbed.outages.models.RebookingState",
        "PoolState": "testbed.pools.models.PoolState",
    },
}

# -- the facility ----------------------------------------------------------------------------------
# Where the simulated fab takes orders (host:port); empty when the tools are real.
SIMULATED_FAB_CONTROL = env.str("TESTBED_FAB_CONTROL", default="")
# How many times faster than a real clock the simulated tools run.
FAB_CLOCK_SCALE = env.float("TESTBED_FAB_SCALE", default=1.0)
LEASE_TTL_S = env.float("TESTBED_LEASE_TTL_S", default=30.0)
LEASE_HEARTBEAT_S = env.float("TESTBED_LEASE_HEARTBEAT_S", default=5.0)
SWEEP_EVERY_S = env.float("TESTBED_SWEEP_EVERY_S", default=15.0)
# How soon after its lease has run out a dead worker's tool is made safe, whenever the sweep comes.
TAKEOVER_EVERY_S = env.float("TESTBED_TAKEOVER_EVERY_S", default=2.0)
# How often queue times are looked at, and at which share of the limit people are told.
QUEUE_TIME_EVERY_S = env.float("TESTBED_QUEUE_TIME_EVERY_S", default=30.0)
QUEUE_TIME_WARN_PERCENT = env.int("TESTBED_QUEUE_TIME_WARN_PERCENT", default=75)
# How often a tool that serves nobody is asked whether it still answers.
ASK_IDLE_EVERY_S = env.float("TESTBED_ASK_IDLE_EVERY_S", default=30.0)
WIRE_TIMEOUT_S = env.float("TESTBED_WIRE_TIMEOUT_S", default=5.0)
# How often what a tool samples by itself is logged while it processes a wafer; 0: not at all.
STREAM_EVERY_S = env.float("TESTBED_STREAM_EVERY_S", default=0.0)
HOLD_MINUTES = env.int("TESTBED_HOLD_MINUTES", default=10)
# The waiting list: minutes of working time for which an offer stands, and for how many hours a
# company that was offered a time comes after the others.
OFFER_MINUTES = env.int("TESTBED_OFFER_MINUTES", default=60)
OFFER_FAIR_HOURS = env.int("TESTBED_OFFER_FAIR_HOURS", default=24)

DJANGO_STRUCTLOG_CELERY_ENABLED = False
# One JSON line a request, when it is done.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ],
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": env.str("TESTBED_LOG_LEVEL", default="WARNING")},
}
