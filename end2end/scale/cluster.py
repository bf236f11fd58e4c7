"""The management cluster of the lab, as its administrator. Standard library only."""
import http.client
import json
import os
import ssl
import urllib.request

LAB = os.environ["LAB_DIR"]
OFFSET = int(os.environ.get("LAB_PORT_OFFSET", "0"))
ARGOCD = f"http://127.0.0.1:{18080 + OFFSET}"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
SECRETS = "/api/v1/namespaces/argocd/secrets"
MARK = "scale=filled"                       # the label of everything that fill.py makes
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def connect():
    context = ssl.create_default_context(cafile=f"{LAB}/pki/mgmt/ca.crt")
    context.load_cert_chain(f"{LAB}/pki/mgmt/admin.crt", f"{LAB}/pki/mgmt/admin.key")
    return http.client.HTTPSConnection("127.0.0.1", 16443 + OFFSET, context=context, timeout=300)


def call(connection, method, path, body=None, content="application/json", accept="application/json"):
    """Returns status and body; the connection is used again."""
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": content, "Accept": accept})
    response = connection.getresponse()
    return response.status, response.read()


def filled(connection):
    """Returns the names of the filled Applications. remainingItemCount is absent under a selector, so they are listed."""
    _, data = call(connection, "GET", f"{APPLICATIONS}?labelSelector={MARK.replace('=', '%3D')}", accept=METADATA)
    return [item["metadata"]["name"] for item in json.loads(data)["items"] or []]


def argocd_token():
    body = json.dumps({"username": "admin", "password": "password"}).encode()
    request = urllib.request.Request(f"{ARGOCD}/api/v1/session", body, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=60))["token"]


def memory(pid):
    """Returns the resident memory in MB, now and at its highest."""
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status if line.startswith(("VmRSS", "VmHWM")))
    return tuple(int(fields[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM"))


def pid_of(name):
    with open(f"{LAB}/pids/{name}") as file:
        return int(file.read().split()[0])
