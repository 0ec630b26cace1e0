"""Static files with a hash of their content in their names, so that browsers keep them for ever.

`manage.py up` collects them, as `manage.py collectstatic` does. Where nothing was collected they keep their names, and
browsers ask again after a minute.
"""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    def stored_name(self, name: str) -> str:
        found: str = self.hashed_files.get(self.hash_key(self.clean_name(name)), name)
        return found
