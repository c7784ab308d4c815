"""Encodes the chunks of encode_bench by sentence-transformers on PyTorch: its speed, and how near its vectors are.

    python3 compare.py MODEL_FOLDER OUT_FOLDER THREADS

OUT_FOLDER holds what encode_bench wrote. The first run makes OUT_FOLDER/venv with the packages of
requirements.txt. Prints one JSON object a line, as encode_bench does.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import venv

ROUNDS = 3
# As many texts as a batch of the Rust encoder has, and the library's own default.
BATCH_SIZE = 32


def enter_environment(folder):
    """Starts this program again inside the virtual environment, which is made where it is missing."""
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True)
        requirements = pathlib.Path(__file__).with_name("requirements.txt")
        command = [python, "-m", "pip", "install", "--quiet", "--no-compile", "-r", requirements]
        subprocess.run(command, check=True, stdout=sys.stderr)
        done.touch()
    os.execv(python, [str(python), *sys.argv])


def say(name, value, unit):
    print(json.dumps({"name": f"reference.{name}", "value": value, "unit": unit}), flush=True)


def main():
    model_folder, out, threads = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), int(sys.argv[3])
    environment = out / "venv"
    if pathlib.Path(sys.prefix).resolve() != environment.resolve():
        enter_environment(environment)

    import numpy
    import sentence_transformers
    import torch

    torch.set_num_threads(threads)
    chunks = [json.loads(line) for line in (out / "chunks.jsonl").read_text().splitlines()]
    own = numpy.fromfile(out / "vectors.f32", dtype="<f4").reshape(len(chunks), -1)
    model = sentence_transformers.SentenceTransformer(model_folder, device="cpu")
    model.encode(chunks[:BATCH_SIZE], batch_size=BATCH_SIZE)
    fastest = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        vectors = model.encode(chunks, batch_size=BATCH_SIZE, normalize_embeddings=True)
        fastest = min(fastest, time.perf_counter() - start)
    cosines = (own.astype("f8") * vectors.astype("f8")).sum(axis=1)
    say("threads", torch.get_num_threads(), "threads")
    say("chunks_per_second", len(chunks) / fastest, "chunks/s")
    say("least_cosine", cosines.min(), "cosine")


main()
