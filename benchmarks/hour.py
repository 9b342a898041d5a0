"""Memory of an hour's session: prompts, commits, undos and classes over several planes, in minutes.

Without a window: a session, its journal and the embeddings of every plane, as the dock keeps them.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.predict import Embedding, Predictor, Prompts
from napari_sam.samples import load_sample
from napari_sam.session import AnnotationSession
from napari_sam.session.journal.journal import Journal
from napari_sam.session.recent import Recent
from napari_sam.weights import load_model

MIB = 1 << 20
HELD = 512 * MIB
"""Of embeddings, at most."""
EVERY = 100
"""Commits between two looks at the memory."""


def main() -> None:
    """Drive a session, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commits", type=int, default=600)
    parser.add_argument("--planes", type=int, default=4)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = hour(arguments.commits, arguments.planes, Path(folder) / "hour.journal")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def hour(commits: int, planes: int, path: Path) -> list[dict[str, Any]]:
    """Return the memory at every hundred commits."""
    stack = images(planes)
    predictor = Predictor(load_model("cell-tiny", "cpu"))
    session, journal = AnnotationSession(author="a person"), Journal(path, stack.shape)
    journal.follow(session)
    embeddings: Recent[int, Embedding] = Recent(HELD)
    draw = np.random.default_rng(0)
    began, report = time.perf_counter(), []
    for number in range(1, commits + 1):
        plane = number // 10 % planes  # a person goes on to the next one now and then
        step(session, predictor, opened(embeddings, predictor, stack, plane), plane, draw)
        if number % EVERY == 0:
            held = sum(each.nbytes for each in map(embeddings.get, embeddings.keys) if each is not None)
            found = looked(session, path, number, held, time.perf_counter() - began)
            print(json.dumps(found), flush=True)
            report.append(found)
    journal.close()
    return report


def images(planes: int) -> NDArray[Any]:
    """Return the sample, turned otherwise in each plane."""
    image = load_sample("fluorescence").image
    side = min(image.shape[:2])
    return np.stack([np.rot90(image[:side, :side], turn) for turn in range(planes)])


def opened(
    embeddings: Recent[int, Embedding], predictor: Predictor, stack: NDArray[Any], plane: int
) -> Embedding:
    """Return a plane's embedding, computed the first time."""
    held = embeddings.get(plane)
    if held is None:
        held = predictor.embed(stack[plane])
        embeddings.put(plane, held)
    return held


def step(
    session: AnnotationSession,
    predictor: Predictor,
    embedding: Embedding,
    plane: int,
    draw: np.random.Generator,
) -> None:
    """Point somewhere, correct once, commit; now and then take back, bring back, name, delete."""
    session.open(predictor, embedding, (plane,))
    rows, cols = embedding.shape
    first, second = draw.uniform(5, (rows - 5, cols - 5), (2, 2)).tolist()
    session.set_prompts([Prompts([first], [1])])
    session.set_prompts([Prompts([first, second], [1, 0])])
    if not any(item.mask.any() for item in session.proposals[0].candidates.items):
        session.set_prompts([Prompts(box=(first[0] - 5, first[1] - 5, first[0] + 5, first[1] + 5))])
    session.commit(int(np.argmax([item.mask.sum() for item in session.proposals[0].candidates.items])))
    act = draw.integers(10)
    last = [session.objects[-1].key]
    if act == 0:
        session.undo()
    elif act == 1:
        session.undo()
        session.redo()
    elif act == 2:
        session.edit("describe", last, category="nucleus")
    elif act == 3:
        session.edit("delete", last)


def looked(session: AnnotationSession, path: Path, number: int, held: int, seconds: float) -> dict[str, Any]:
    """Return how much memory is taken; `held` of it by embeddings, which grow where one points."""
    gc.collect()
    edits = (*session.history.done, *session.history.undone)
    masks = {id(each.mask): each.mask.nbytes for edit in edits for each in (*edit.before, *edit.after)}
    return {
        "commits": number,
        "objects": len(session.store),
        "rss_mib": round(rss() / MIB, 1),
        "embeddings_mib": round(held / MIB, 1),
        "rest_mib": round((rss() - held) / MIB, 1),
        "masks_mib": round(sum(masks.values()) / MIB, 2),
        "journal_mib": round(path.stat().st_size / MIB, 2),
        "seconds": round(seconds, 1),
    }


def rss() -> int:
    """Return this process's resident memory in bytes; Linux tells."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
