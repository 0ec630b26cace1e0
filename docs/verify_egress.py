"""Check a report of what left the house. Needs Python and nothing else; see docs/routing.md.

    python3 verify_egress.py egress.zip 'grove/…/ledger+1f2e3d4c+AfT…' [proof.json]

The second argument is the verifier key of the tenant's ledger, from where you trust it: a checkpoint that you kept, or
the people who run Grove. It checks the signature (Ed25519, RFC 8032), that the rows are the signed ones, that every row
belongs to the question, and counts them anew. The third argument is the proof of the ledger's entry of a run's end
(check that with verify_entry.py): what the entry commits to is computed anew from that run's rows. The report must hold
all of them: ask for the days of the run and for nothing else.
"""

import base64
import csv
import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

CLASSES = ["public", "internal", "confidential", "restricted"]
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def main() -> str:
    """Each step stops with a sentence, or the next one begins."""
    archive, key = zipfile.ZipFile(sys.argv[1]), sys.argv[2].strip()
    envelope = json.loads(archive.read("statement.json"))
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    public = base64.b64decode(key.split("+", 2)[2])[1:]
    signatures = [base64.b64decode(each["sig"]) for each in envelope["signatures"]]
    if not any(is_signed(public, signed, signature) for signature in signatures):
        return "This key did not sign the statement, or it was changed since."
    statement = json.loads(payload)
    for subject in statement["subject"]:
        if hashlib.sha256(archive.read(subject["name"])).hexdigest() != subject["digest"]["sha256"]:
            return f"{subject['name']} is not the file that was signed."
    told = statement["predicate"]
    if fault := find_fault(archive, told):
        return fault
    if len(sys.argv) > 3 and (fault := find_fault_of_run(archive, Path(sys.argv[3]))):
        return fault
    print(told["question"]["sentence"])  # noqa: T201
    print(told["sentence"])  # noqa: T201
    print(f"Signed with {key} at {told['made_at']}; {told['rows']} rows.")  # noqa: T201
    return ""


def find_fault(archive: zipfile.ZipFile, told: dict) -> str:
    """What was told that the rows do not say; empty when they do."""
    rows = [json.loads(line) for line in archive.read("rows.ndjson").splitlines()]
    for row in rows:
        if not belongs(row, told["question"]):
            return f"Row {row['id']} does not belong to the question."
    if len({row["id"] for row in rows}) != len(rows):
        return "A row is there twice."
    if len(list(csv.reader(io.StringIO(archive.read("rows.csv").decode())))) != len(rows) + 1:
        return "rows.csv does not hold as many rows as rows.ndjson."
    if counts_of(rows) != {"not_sent": 0} | {
        name: told[name] for name in counts_of(rows) if name in told
    }:
        return "The counts of the statement are not those of its rows."
    return ""


def find_fault_of_run(archive: zipfile.ZipFile, proof: Path) -> str:
    """What the ledger's entry of a run's end commits to that the rows of this run do not say."""
    entry = json.loads(base64.b64decode(json.loads(proof.read_text())["canonical"]))
    run, committed = entry["subject"]["id"], entry["facts"].get("departures")
    if not committed:
        return f"The entry {entry['id']} does not say what the calls of a run carried."
    rows = [json.loads(line) for line in archive.read("rows.ndjson").splitlines()]
    lines = sorted(line_of(row) for row in rows if row["run"] == run and row["status"] != "late")
    if hashlib.sha256("\n".join(lines).encode()).hexdigest() != committed:
        return (
            f"The rows of the run {run} are not those that the ledger committed to: one is missing, or its class, "
            "tags, masking, place or outcome was changed."
        )
    print(f"The {len(lines)} rows of the run {run} are those that the ledger committed to.")  # noqa: T201
    return ""


def line_of(row: dict) -> str:
    """A call as the run's entry commits to it: see docs/ledger.md."""
    named = [row["kind"], row["id"], row["to"], row["region"], row["egress"]]
    carried = [CLASSES.index(row["data_class"]), row["tags"], row["redactions"]]
    return json.dumps([*named, *carried, row["status"], row["error_kind"]], ensure_ascii=False)


def belongs(row: dict, question: dict) -> bool:
    """Is this row one that was asked for?"""
    return (
        question["since"] <= row["at"][:10] <= question["until"]
        and question["to"] in ("", row["to"])
        and (not question["tag"] or question["tag"] in row["tags"])
        and question["egress"] in ("", row["egress"])
        and CLASSES.index(row["data_class"]) >= CLASSES.index(question["data_class"])
    )


def counts_of(rows: list) -> dict:
    """What the statement must say of these rows."""
    sent = [row for row in rows if row.get("sent", True)]
    unanswered = sum(not row["answered"] for row in sent)
    answer = "no" if not sent else "yes" if len(sent) > unanswered else "unknown"
    redacted = sum(bool(row["redactions"]) for row in sent)
    counts = {"answer": answer, "calls": len(sent), "rows": len(rows)}
    counts |= {"not_sent": len(rows) - len(sent), "unanswered": unanswered, "redacted": redacted}
    return counts


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032, 5.1.7."""
    point, scalar = read_point(public), int.from_bytes(signature[32:], "little")
    commitment = read_point(signature[:32])
    if point is None or commitment is None or len(signature) != 64 or scalar >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    return times(scalar, BASE) == add(commitment, times(challenge, point))


def read_point(encoded: bytes) -> "tuple[int, int] | None":
    """RFC 8032, 5.1.3."""
    y = int.from_bytes(encoded, "little")
    odd, y = y >> 255, y & ((1 << 255) - 1)
    if len(encoded) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (not x and odd):
        return None
    return (P - x if x & 1 != odd else x), y


def add(one: "tuple[int, int]", other: "tuple[int, int]") -> "tuple[int, int]":
    """The law of addition on the twisted Edwards curve."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    return x % P, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def times(scalar: int, point: "tuple[int, int]") -> "tuple[int, int]":
    """The point added to itself so many times."""
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


BASE = read_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))

if __name__ == "__main__":
    sys.exit(main() or 0)
