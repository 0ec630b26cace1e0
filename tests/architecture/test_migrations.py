"""Migrations say what the models say, in one line without forks. No database is needed to know it."""

from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.architecture import source


def test_every_change_of_a_model_has_its_migration() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))

    changes = detector.changes(graph=loader.graph)

    missing = {
        label: [str(o) for m in found for o in m.operations] for label, found in changes.items()
    }
    assert not missing


def test_migrations_are_numbered_in_a_line() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)

    assert not loader.detect_conflicts()
    for label in source.APPS:
        numbers = sorted(name[:4] for app, name in loader.disk_migrations if app == label)
        assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)], label
