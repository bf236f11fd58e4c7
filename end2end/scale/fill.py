#!/usr/bin/env python3
"""Fills the lab's management cluster with a large fleet, and empties it again.

  fill.py fill APPLICATIONS CLUSTERS    resources per Application: median 20, p95 60, ten with 500, one with 2,000
  fill.py empty

The objects carry a made-up status: stop Argo CD's two controllers first, or they correct it.
"""
import base64
import json
import math
import random
import sys
import threading
import time

from cluster import APPLICATIONS, MARK, OFFSET, SECRETS, call, connect, filled

FIRST_PORT = 21000 + OFFSET
REPOSITORY = "https://git.example.test/fleet.git"
HEALTH = ["Healthy"] * 90 + ["Progressing"] * 4 + ["Degraded"] * 3 + ["Missing", "Suspended", "Unknown"]
SYNC = ["Synced"] * 88 + ["OutOfSync"] * 11 + ["Unknown"]
KINDS = [("", "Service"), ("apps", "Deployment"), ("", "ConfigMap"), ("batch", "CronJob"), ("", "ServiceAccount"), ("policy", "PodDisruptionBudget")]
LABELS = dict([MARK.split("=")])


def cluster_names(count):
    """Two of ten are dev, three staging, five prod: names as people give them."""
    shares = [("dev", 0.2), ("staging", 0.3)]
    names = [f"{env}-{n:02d}" for env, share in shares for n in range(1, int(count * share) + 1)]
    return names + [f"prod-{n:02d}" for n in range(1, count - len(names) + 1)]


def resource_count(index, chance):
    if index == 0:
        return 2000
    if index <= 10:
        return 500
    return max(1, min(300, round(math.exp(chance.gauss(math.log(20), 0.668)))))


def place(index):
    """Returns app and environment of an Application; its name is both, with a hyphen."""
    return f"app-{index // 3:04d}", ("dev", "staging", "prod")[index % 3]


def application(index, clusters):
    """One Application as Argo CD 3.2 leaves it behind after a few syncs."""
    chance = random.Random(index)
    app, env = place(index)
    of_env = [name for name in clusters if name.startswith(env)]
    cluster = of_env[(index // 3) % len(of_env)]
    kinds = [KINDS[n % len(KINDS)] + (f"{app}-{n}" if n >= len(KINDS) else app,) for n in range(resource_count(index, chance))]
    revision = f"{chance.getrandbits(160):040x}"
    source = {"repoURL": REPOSITORY, "path": f"apps/{app}/overlays/{env}", "targetRevision": "main"}
    destination = {"name": cluster, "namespace": app}
    health, sync = chance.choice(HEALTH), chance.choice(SYNC)
    operation = {"initiatedBy": {"automated": env != "prod"}, "retry": {"limit": 5}, "sync": {"revision": revision}}
    spec = {"project": f"team-{index // 3 % 40:02d}", "source": source, "destination": destination}
    if env != "prod":
        spec["syncPolicy"] = {"automated": {"prune": True, "selfHeal": True}}
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": f"{app}-{env}", "namespace": "argocd", "labels": LABELS | {"app": app, "environment": env}},
        "spec": spec,
        "status": {
            "health": {"status": health, "lastTransitionTime": "2026-11-01T08:00:00Z"},
            "sync": {"status": sync, "revision": revision, "comparedTo": {"source": source, "destination": destination}},
            "reconciledAt": "2026-11-01T09:00:00Z", "resourceHealthSource": "appTree", "sourceType": "Kustomize",
            "summary": {"images": [f"registry.example.test/shop/{app}:1.{index % 90}.{index % 7}"]},
            "resources": [{"group": g, "version": "v1", "kind": k, "namespace": app, "name": n, "status": "Synced"} for g, k, n in kinds],
            "history": [{"id": n, "revision": f"{chance.getrandbits(160):040x}", "deployedAt": f"2026-10-{10 + n}T08:00:00Z", "source": source} for n in range(5)],
            "operationState": {
                "operation": operation, "phase": "Succeeded", "message": "successfully synced (all tasks run)",
                "startedAt": "2026-11-01T08:00:00Z", "finishedAt": "2026-11-01T08:00:04Z",
                "syncResult": {"revision": revision, "source": source, "resources": [
                    {"group": g, "version": "v1", "kind": k, "namespace": app, "name": n, "status": "Synced", "hookPhase": "Running", "syncPhase": "Sync",
                     "message": f"{k.lower()}/{n} configured"} for g, k, n in kinds]},
            },
        },
    }


def fill_clusters(count):
    """Each cluster is a port of its own, which forward.py leads to one of the three API servers."""
    connection = connect()
    real = {}
    for env in ("dev", "staging", "prod"):
        _, data = call(connection, "GET", f"{SECRETS}/cluster-{env}")
        real[env] = base64.b64decode(json.loads(data)["data"]["config"]).decode()
    for number, name in enumerate(cluster_names(count)):
        secret = {
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": f"cluster-{name}", "namespace": "argocd", "labels": LABELS | {"argocd.argoproj.io/secret-type": "cluster"}},
            "stringData": {"name": name, "server": f"https://127.0.0.1:{FIRST_PORT + number}", "config": real[name.split("-")[0]]},
        }
        status, data = call(connection, "POST", SECRETS, secret)
        if status not in (201, 409):
            raise SystemExit(f"cluster {name}: {status} {data[:300]}")


def fill(count, clusters):
    fill_clusters(clusters)
    names = cluster_names(clusters)
    there = set(filled(connect()))
    todo = (application(index, names) for index in range(count) if "-".join(place(index)) not in there)
    lock, errors, began = threading.Lock(), [], time.time()

    def work():
        connection = connect()
        while len(errors) < 5:
            with lock:
                body = next(todo, None)
            if body is None:
                return
            status, data = call(connection, "POST", APPLICATIONS, body)
            if status != 201:
                errors.append((status, data[:300]))

    threads = [threading.Thread(target=work) for _ in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    if errors:
        raise SystemExit(f"filling failed: {errors[0]}")
    print(f"{count} Applications on {clusters} clusters, {count - len(there)} of them new, in {time.time() - began:.0f} s", flush=True)


def empty():
    """One deletion of thousands ends with 504 after a minute: asked again until nothing is left."""
    selector = f"?labelSelector={MARK.replace('=', '%3D')}"
    call(connect(), "DELETE", SECRETS + selector)
    while filled(connect()):
        call(connect(), "DELETE", APPLICATIONS + selector)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["fill", applications, clusters]:
            fill(int(applications), int(clusters))
        case ["empty"]:
            empty()
        case _:
            raise SystemExit(__doc__)
