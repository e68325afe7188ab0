"""speech.py - the sentences that are said on bad lines, and what is left of them: recorded people, men and women in four languages, and two
synthetic voices made from recorded ones. judge() compares a recording with them (judge.py, on packages from PyPI)."""
import json
import os
import subprocess

SOUNDS = "/usr/share/asterisk/sounds"  # Debian's asterisk-core-sounds-*-g722: people in a studio, 16 kHz
HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.join(HERE, "../../build/venv/bin/python")
GAP_S = 0.4
# (a file, or a voice of flite and its text; whether the recogniser, which knows English, is asked for the words)
SENTENCES = (
    ("en_US_f_Allison/auth-incorrect", True),
    ("it_IT_m_Carlo/auth-incorrect", False),
    (("slt", "Glue the sheet to the dark blue background. Rice is often served in round bowls."), True),
    ("fr_CA_f_June/demo-thanks", False),
    ("en_US_f_Allison/confbridge-pin-bad", False),
    ("ru_RU_f_IvrvoiceRU/privacy-unident", False),
    (("rms", "The birch canoe slid on the smooth planks. These days a chicken leg is a rare dish."), True),
    ("it_IT_m_Carlo/queue-youarenext", False),
)
QUICK = SENTENCES[:4]


class Missing(Exception):
    """What is not installed."""


def load(source, folder):
    """One sentence as floats of 48 kHz, without silence around it, at -23 dBFS where there is speech."""
    import numpy as np
    from harness import sound
    path = os.path.join(folder, "sentence.wav")
    if isinstance(source, str):
        command = ["ffmpeg", "-f", "g722", "-i", os.path.join(SOUNDS, source + ".g722")]
    else:
        subprocess.run(["flite", "-voice", source[0], "-t", source[1], "-o", path + ".raw.wav"], check=True)
        command = ["ffmpeg", "-i", path + ".raw.wav"]
    subprocess.run([*command, "-v", "error", "-y", "-ar", str(sound.RATE), "-ac", "1", path], check=True)
    x = sound.read_wav(path)
    loud = np.flatnonzero(sound.envelope(x) > 0.03 * np.max(np.abs(x)))
    x = x[loud[0] * 480:(loud[-1] + 1) * 480]
    return x * 10 ** (-23 / 20) / sound.rms(x)


class Speech:
    """All sentences in one file, with gaps between them; `marks` are (first, past the last, asked for words)."""

    def __init__(self, folder, sentences=SENTENCES):
        import numpy as np
        from harness import sound
        if not os.path.exists(PYTHON):
            raise Missing("there is no build/venv; ./dev bench makes it")
        gap = np.zeros(int(GAP_S * sound.RATE))
        pieces, self.marks, at = [], [], 0
        for source, words in sentences:
            try:
                x = load(source, folder)
            except (OSError, subprocess.CalledProcessError) as e:
                raise Missing("a sentence: %s" % e) from e
            pieces += [gap, x]
            at += len(gap)
            self.marks.append((at, at + len(x), words))
            at += len(x)
        self.seconds = at / sound.RATE + GAP_S
        self.path = sound.write_wav(os.path.join(folder, "speech.wav"), np.concatenate([*pieces, gap]))


def judge(speech, recordings):
    """For each path of a recording: {"pesq_wb", "stoi", "word_accuracy_percent"}, means over the sentences."""
    task = {"speech": speech.path, "marks": speech.marks, "recordings": recordings}
    r = subprocess.run([PYTHON, os.path.join(HERE, "judge.py")], input=json.dumps(task), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(r.stdout)
