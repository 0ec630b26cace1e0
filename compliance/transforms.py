"""What a `modify` obligation does to a text. Pure."""

from collections.abc import Callable, Iterable, Mapping

from compliance import detectors
from compliance.errors import TransformUnknown


def apply_all(names: Iterable[str], text: str) -> str:
    """Apply each transform ("redact:PII") in turn.

    Raises TransformUnknown: an obligation that cannot be fulfilled refuses.
    """
    for name in names:
        if not is_known(name):
            raise TransformUnknown(f"The policy asks for “{name}”, which is not a known transform.")
        verb, _, argument = name.partition(":")
        text = TRANSFORMS[verb](argument, text)
    return text


def is_known(name: str) -> bool:
    """Can this transform be carried out, with what it names?"""
    verb, _, argument = name.partition(":")
    return verb in TRANSFORMS and argument in detectors.TAG_OF.values()


def _redact(tag: str, text: str) -> str:
    kinds = [kind for kind, its_tag in detectors.TAG_OF.items() if its_tag == tag]
    return detectors.mask(text, kinds)[0]


TRANSFORMS: Mapping[str, Callable[[str, str], str]] = {"redact": _redact}
