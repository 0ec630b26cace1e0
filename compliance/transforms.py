"""What a `modify` obligation does to a text. Pure."""

from collections.abc import Callable, Iterable, Mapping

from compliance import detectors
from compliance.errors import TransformUnknown


def apply_all(names: Iterable[str], text: str) -> str:
    """Apply each transform ("redact:PII") in turn. Raises TransformUnknown: an obligation we cannot fulfil refuses."""
    for name in names:
        verb, _, argument = name.partition(":")
        if verb not in TRANSFORMS:
            raise TransformUnknown(f"The policy asks for “{name}”, which is not a known transform.")
        text = TRANSFORMS[verb](argument, text)
    return text


def _redact(tag: str, text: str) -> str:
    kinds = [kind for kind, its_tag in detectors.TAG_OF.items() if its_tag == tag]
    if not kinds:
        raise TransformUnknown(f"No detector finds anything tagged “{tag}”.")
    return detectors.mask(text, kinds)[0]


TRANSFORMS: Mapping[str, Callable[[str, str], str]] = {"redact": _redact}
