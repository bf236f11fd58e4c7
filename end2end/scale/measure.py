#!/usr/bin/env python3
"""Times Quarterdeck and argocd-server on the same fleet, in the same minutes.

  measure.py PID    of the Quarterdeck at QUARTERDECK_URL; QUARTERDECK_ADMIN_PASSWORD is the password of admin
"""
import http.client
import json
import os
import random
import statistics
import sys
import threading
import time
import urllib.parse

from cluster import APPLICATIONS, ARGOCD, argocd_token, call, connect, filled, memory, pid_of

URL = urllib.parse.urlsplit(os.environ["QUARTERDECK_URL"])
PID = int(sys.argv[1])
TICKS = os.sysconf("SC_CLK_TCK")


def sign_in():
    connection = http.client.HTTPConnection(URL.netloc, timeout=30)
    form = urllib.parse.urlencode({"name": "admin", "password": os.environ["QUARTERDECK_ADMIN_PASSWORD"], "next": "/"})
    connection.request("POST", "/auth/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
    response = connection.getresponse()
    cookie = response.getheader("Set-Cookie")
    if response.status != 303 or cookie is None:
        raise SystemExit(f"signing in: {response.status}")
    return cookie.split(";")[0]


def reader(netloc, headers):
    """Returns a function that gets a path over a connection of its own and returns the size of the answer."""
    connection = http.client.HTTPConnection(netloc, timeout=300)

    def get(path):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise SystemExit(f"{path}: {response.status} {body[:200]}")
        return len(body)
    return get


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def p95(values):
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


def timed(label, make_reader, path, pid, readers=1, each=40):
    """One line: times as readers see them, and the processor time of one answer."""
    took, size, lock = [], 0, threading.Lock()

    def work():
        nonlocal size
        get = make_reader()
        for _ in range(each):
            began = time.perf_counter()
            n = get(path)
            with lock:
                took.append((time.perf_counter() - began) * 1000)
                size = n

    make_reader()(path)
    cpu = cpu_seconds(pid)
    threads = [threading.Thread(target=work) for _ in range(readers)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    spent = (cpu_seconds(pid) - cpu) * 1000 / len(took)
    print(f"| {label} | {readers} | {statistics.median(took):.1f} | {p95(took):.1f} | {spent:.1f} | {size / 1000:,.1f} |", flush=True)


def changes(cookie, seconds=60, share=0.05):
    """Changes this share of the fleet a minute, and times each change of a watched row from the write to the stream."""
    names = filled(connect())
    watched = sorted(names)[:50]
    view = {"view": "applications", "q": "", "sort": "name", "per_page": 50, "page": 1}
    seen, written, stop = {}, {}, threading.Event()

    def read():
        connection = http.client.HTTPConnection(URL.netloc, timeout=60)
        connection.request("GET", "/events?view=" + urllib.parse.quote(json.dumps(view)), headers={"Cookie": cookie, "Accept": "text/event-stream"})
        for line in connection.getresponse():
            if stop.is_set():
                return
            if line.startswith(b"data:") and b'"rows"' in line:
                now = time.perf_counter()
                for row in json.loads(line[5:])["rows"]:
                    seen.setdefault((row["id"]["name"], row["revision"]), now)

    threading.Thread(target=read, daemon=True).start()
    time.sleep(2)
    connection, rate = connect(), len(names) * share / 60
    began = time.perf_counter()
    for n in range(int(seconds * rate)):
        name = random.choice(watched) if n % 5 == 0 else random.choice(names)
        revision = f"{random.getrandbits(160):040x}"
        status, data = call(connection, "PATCH", f"{APPLICATIONS}/{name}", {"status": {"sync": {"revision": revision}}}, "application/merge-patch+json")
        if status != 200:
            raise SystemExit(f"patch: {status} {data[:200]}")
        if name in watched:
            written[name, revision] = time.perf_counter()
        time.sleep(max(0, began + n / rate - time.perf_counter()))
    time.sleep(2)
    stop.set()
    # What was overwritten within the same quarter of a second is rightly never shown.
    took = [(seen[key] - at) * 1000 for key, at in written.items() if key in seen]
    print(f"write to stream at {rate * 60:.0f} changes a minute: median {statistics.median(took):.0f} ms, p95 {p95(took):.0f} ms, "
          f"{len(took)} of {len(written)} changes of watched rows seen")


def main():
    cookie = sign_in()
    pages = lambda: reader(URL.netloc, {"Cookie": cookie, "Accept": "text/html", "Accept-Encoding": "gzip"})
    token = argocd_token()
    argocd = lambda: reader(ARGOCD.removeprefix("http://"), {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"})
    server = pid_of("argocd-server")
    print("| request | readers | median ms | p95 ms | processor ms each | kB |\n|---|---|---|---|---|---|")
    for label, path in [("overview", "/"), ("first page, worst first", "/applications"), ("filtered and sorted", "/applications?health=Degraded&environment=prod&sort=name"),
                        ("text, late page", "/applications?q=app-1&page=20&sort=cluster"), ("Application, 20 resources", "/applications/mgmt/argocd/app-0100-prod"),
                        ("Application, 2,000 resources", "/applications/mgmt/argocd/app-0000-dev"), ("clusters", "/clusters")]:
        timed(label, pages, path, PID)
    for readers in (10, 50):
        timed("filtered and sorted", pages, "/applications?health=Degraded&environment=prod&sort=name", PID, readers, 10)
    timed("argocd-server: the list, gzip", argocd, "/api/v1/applications", server, 1, 5)
    timed("argocd-server: names and sync alone", argocd, "/api/v1/applications?fields=items.metadata.name,items.status.sync.status", server, 1, 5)
    timed("argocd-server: names and sync alone", argocd, "/api/v1/applications?fields=items.metadata.name,items.status.sync.status", server, 10, 2)
    print()
    changes(cookie)
    for name, pid in [("Quarterdeck", PID), ("argocd-server", server)]:
        now, highest = memory(pid)
        print(f"resident memory of {name}: {now} MB, at its highest {highest} MB")


if __name__ == "__main__":
    main()
