"""judge.py - how much of what was said arrived: PESQ (wideband, ITU-T P.862.2), STOI, and the words that a recogniser still finds.

Reads {"speech": FILE, "marks": [[FIRST, PAST, WORDS], …], "recordings": [FILE, …]} from standard input (48 kHz mono, 16 bit) and
prints a list with one object a recording, the means over its sentences. Each sentence is found in the recording by
cross-correlation. Words are counted against what the recogniser finds in the sentence as it was said: its own errors are
not the line's. Runs on build/venv (numpy, scipy, pesq, pystoi, pocketsphinx).
"""
import json
import multiprocessing
import os
import sys
import warnings
import wave

import numpy as np
import pesq
from pocketsphinx import Decoder
from pystoi import stoi
from scipy.signal import correlate, resample_poly

RATE = 16000
SEARCH = int(0.7 * RATE)  # a sentence is so far at most from where the whole recording says
WORST = 1.04              # PESQ of silence


def read(path):
    with wave.open(path) as w:
        return resample_poly(np.frombuffer(w.readframes(w.getnframes()), "<i2") / 32768, 1, w.getframerate() // RATE)


def offset(long, short):
    """Where in `long` `short` begins."""
    return int(np.argmax(correlate(long, short, "full", "fft"))) - len(short) + 1


def cut(x, start, size):
    """So many samples from there on; beyond the ends is silence."""
    out = np.zeros(size)
    a, b = max(0, start), min(len(x), start + size)
    if b > a:
        out[a - start:b - start] = x[a:b]
    return out


def find(heard, where, said):
    near = cut(heard, where - SEARCH, len(said) + 2 * SEARCH)
    return cut(near, offset(near, said), len(said))


def words(samples, decoder=[]):  # pylint: disable=dangerous-default-value  # one a process: its model is large
    if not decoder:
        decoder.append(Decoder(samprate=RATE, loglevel="FATAL"))
    decoder[0].reinit_feat()
    decoder[0].start_utt()
    decoder[0].process_raw((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder[0].end_utt()
    return decoder[0].hyp().hypstr.split() if decoder[0].hyp() else []


def distance(a, b):
    """Words to add, drop or change."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(above + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def loudness(said, heard):
    try:
        return pesq.pesq(RATE, said, heard, "wb")
    except pesq.NoUtterancesError:
        return WORST


def sentences(task):
    """(where, samples, words or None) of each sentence as it was said."""
    said = read(task["speech"])
    cuts = [(a * RATE // 48000, said[a * RATE // 48000:b * RATE // 48000], ask) for a, b, ask in task["marks"]]
    return said, [(at, samples, words(samples) if ask else None) for at, samples, ask in cuts]


def judge(task):
    said, cuts, path = task
    warnings.simplefilter("ignore")  # STOI warns where next to nothing is heard, and says 1e-5
    heard = read(path)
    whole = offset(heard, said)
    scores, found, asked = [], 0, 0
    for at, sentence, truth in cuts:
        got = find(heard, whole + at, sentence)
        scores.append((loudness(sentence, got), stoi(sentence, got, RATE)))
        if truth:
            asked += len(truth)
            found += max(0, len(truth) - distance(truth, words(got)))
    p, s = np.mean(scores, axis=0)
    return {"pesq_wb": float(p), "stoi": float(s), "word_accuracy_percent": 100 * found / max(1, asked)}


def main():
    task = json.load(sys.stdin)
    said, cuts = sentences(task)
    with multiprocessing.Pool(os.cpu_count()) as pool:
        json.dump(pool.map(judge, [(said, cuts, r) for r in task["recordings"]], 1), sys.stdout)


if __name__ == "__main__":
    main()
