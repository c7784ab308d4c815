"""Writes the reference vectors that the tests compare with, by the sentence-transformers library.

    python vectors.py MODEL_FOLDER > reference_vectors.json
"""

import base64
import json
import sys

import sentence_transformers
import torch

TEXTS = [
    "How do I reset my password?",
    "a",
    "The quick brown fox jumps over the lazy dog.",
    "Invoices are due within 30 days; late payments bear interest of 8.5 % a year (§ 288 BGB).",
    "Où se trouve la bibliothèque la plus proche, s'il vous plaît ?",
    "Die Kündigungsfrist beträgt drei Monate zum Quartalsende – schriftlich!",
    "東京は日本の首都です。",
    "👩‍💻 ships   \t\n  code\u00a0 at 3 a.m. 🚀🚀",
    "fn main() { println!(\"{:?}\", std::env::args().collect::<Vec<_>>()); }",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis xqzzvyk",
    " ".join(
        f"Section {n}: the tenant keeps the premises clean and reports damage {n * 3} days after it is seen."
        for n in range(1, 7)
    ),
    # As many tokens as the model reads (256 with the two special ones).
    "word " * 254,
]

model = sentence_transformers.SentenceTransformer(sys.argv[1], device="cpu")
vectors = model.encode(TEXTS, batch_size=1, normalize_embeddings=True)
counts = [len(model.tokenizer(text)["input_ids"]) for text in TEXTS]
assert max(counts) == model.max_seq_length, counts
json.dump(
    {
        "made_by": f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}",
        "max_tokens": model.max_seq_length,
        "texts": [
            {"text": text, "tokens": count, "vector_f32_le": base64.b64encode(vector.astype("<f4").tobytes()).decode()}
            for text, count, vector in zip(TEXTS, counts, vectors)
        ],
    },
    sys.stdout,
    ensure_ascii=False,
    indent=1,
)
print()
