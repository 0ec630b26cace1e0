"""What docs/ledger.md tells an auditor to do works, with an auditor's tools."""

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenancy import merkle
from tenancy.checkpoints import Checkpoint, Verifier, sign

DOCS = Path(__file__).parents[2] / "docs"
KEY = Ed25519PrivateKey.generate()
NAME = "grove/tenant/ledger"


def make_proof(size, index):
    contents = [b'{"n":%d}' % n for n in range(size)]
    frontier, nodes = merkle.Frontier(), {}
    for n, content in enumerate(contents):
        nodes[0, n] = merkle.leaf_hash(content)
        nodes |= {(node.level, node.index): node.hash for node in frontier.append(nodes[0, n])}
    path = merkle.inclusion_proof(index, size, lambda level, n: nodes[level, n])
    return {
        "canonical": base64.b64encode(contents[index]).decode(),
        "leaf_index": index,
        "leaf_hash": base64.b64encode(nodes[0, index]).decode(),
        "path": [base64.b64encode(each).decode() for each in path],
        "note": sign(Checkpoint(NAME, size, frontier.root()), KEY),
    }


def verify(tmp_path, proof):
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof))
    arguments = [sys.executable, "-I", str(DOCS / "verify_entry.py"), str(file)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("size", "index"), [(1, 0), (2, 1), (7, 6), (8, 3), (13, 12)])
def test_a_proof_is_checked_without_grove(tmp_path, size, index):
    done = verify(tmp_path, make_proof(size, index))

    assert (done.returncode, done.stdout) == (0, f'Leaf {index} of {size}: {{"n":{index}}}\n')


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"canonical": base64.b64encode(b"{}").decode()}, "not that of the entry"),
        ({"leaf_index": 4}, "does not lead"),
        ({"path": []}, "does not lead"),
    ],
)
def test_a_changed_proof_is_refused(tmp_path, change, sentence):
    done = verify(tmp_path, make_proof(7, 3) | change)

    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is the auditor's tool here")
@pytest.mark.parametrize("is_changed", [False, True])
def test_a_signature_is_checked_with_openssl(tmp_path, is_changed):
    commands = re.search(r"```bash\n(.*?)```", (DOCS / "ledger.md").read_text(), re.DOTALL)
    note = make_proof(7, 3)["note"]
    (tmp_path / "checkpoint").write_text(note.replace("\n7\n", "\n8\n") if is_changed else note)
    (tmp_path / "verifier").write_text(str(Verifier(NAME, KEY.public_key().public_bytes_raw())))

    done = subprocess.run(
        [shutil.which("bash"), "-c", commands[1]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) is not is_changed, done.stderr
