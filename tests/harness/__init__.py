"""harness - real components for tests, benchmarks and the demo: network namespace, desktops, rtcroomd, sound.

Everything is started by and belongs to one Workspace, which ends it in reverse order, also after a failure. Readiness is
asked for, never slept for. /usr/bin/python3 with the standard library; sound.py needs numpy.
"""
