"""Ask a server for its health, steadily: `python prober.py PORT COUNT PER_SECOND`; prints the milliseconds of each answer as JSON."""

import http.client
import json
import sys
import time


def main(port: int, count: int, per_second: float) -> None:
    """Ask `count` times. A question that an earlier slow answer made late counts from the moment it was due."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    found_ms = []
    begun = time.perf_counter()
    for number in range(count):
        due = begun + number / per_second
        now = time.perf_counter()
        if now < due:
            time.sleep(due - now)
            due = time.perf_counter()  # waking late is this process's own affair
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read()
        found_ms.append((time.perf_counter() - due) * 1000)
        if answer.status != 200:
            sys.exit(f"/health answered {answer.status}")
    print(json.dumps(found_ms))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
