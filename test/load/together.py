"""Clients that run side by side, each in a thread: what writers.py and kinds.py have in common.

A client has run(), which ends once `stop` is set; counts, a Counter of names or tuples of names; and failure, None if all
went well.
"""
import collections
import sys
import threading


def run(seconds, count, make_client):
    """Lets so many clients run, each made by make_client(number, stop), for as long or until one of them stops all."""
    stop = threading.Event()
    clients = [make_client(number, stop) for number in range(count)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return clients


def report(clients):
    """Prints the sums of all counts, and failures to stderr. The exit status: 1 if there are any."""
    counts = sum((client.counts for client in clients), collections.Counter())
    for what in sorted(counts, key=str):
        print('%-32s %d' % (' '.join(what) if isinstance(what, tuple) else what, counts[what]))
    failures = [client.failure for client in clients if client.failure is not None]
    for failure in failures:
        print('%s: %s' % (type(failure).__name__, failure), file=sys.stderr)
    return 1 if failures else 0
