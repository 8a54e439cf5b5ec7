"""Fetches what a capture fetches, with curl, and with `files` writes a file for each object in a plain loop.

    gather_pages.py curl|files FOLDER

The cluster is that of KUBECONFIG. Nothing is scrubbed, ordered or compressed.
"""

import json
import os
import re
import subprocess
import sys

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def cluster():
    """The server, and curl's arguments for it. The kubeconfig of `kubetape cluster up` is JSON and names files."""
    with open(os.environ["KUBECONFIG"]) as file:
        config = json.load(file)
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    args = ["--cacert", server["certificate-authority"]]
    for key, flag in [("client-certificate", "--cert"), ("client-key", "--key")]:
        if key in user:
            args += [flag, user[key]]
    if "token" in user:
        args += ["-H", "Authorization: Bearer " + user["token"]]
    return server["server"], args


def fetch(server, args, pairs, accept):
    """One curl for many pages, so that connections are used again, a few at once as gather does."""
    config = "".join(f'url = "{server}{url}"\noutput = "{path}"\n' for url, path in pairs)
    # To an agent called curl a server sends indented pages, which are not those of others.
    command = ["curl", "-sSf", "--no-progress-meter", "-A", "kubetape-bench", "--parallel", "--parallel-max", "8", "-H", "Accept: " + accept, *args, "-K", "-"]
    subprocess.run(command, input=config.encode(), check=True)


def kinds(server, args, folder):
    roots = [("/api", f"{folder}/api"), ("/apis", f"{folder}/apis")]
    fetch(server, args, roots, DISCOVERY)
    seen = {("events.k8s.io", "events"), ("", "componentstatuses")}
    for root, path in roots:
        with open(path) as file:
            groups = json.load(file)["items"]
        for group in groups:
            name = group["metadata"].get("name", "")
            for version in group["versions"]:
                for resource in version["resources"]:
                    key = (name, resource["resource"])
                    if "list" in resource["verbs"] and key not in seen:
                        seen.add(key)
                        yield "/".join(filter(None, [root, name, version["version"], resource["resource"]]))


def token(path):
    """The token of the next page, which stands in the page's first bytes."""
    with open(path, "rb") as file:
        found = re.search(rb'"continue": *"([^"]*)"', file.read(4096))
    return found.group(1).decode() if found else ""


def write(page, folder, count):
    with open(page) as file:
        rows = json.load(file).get("rows") or []
    for row in rows:
        count += 1
        with open(f"{folder}/{count}.json", "w") as file:
            json.dump(row["object"], file)
    return count


def main():
    what, folder = sys.argv[1:]
    os.makedirs(folder)
    server, args = cluster()
    pending = [(path, "") for path in kinds(server, args, folder)]
    number, count = 0, 0
    while pending:
        pairs = []
        for path, next_page in pending:
            number += 1
            query = "includeObject=Object&limit=500" + (f"&continue={next_page}" if next_page else "")
            pairs.append((f"{path}?{query}", f"{folder}/page-{number}"))
        fetch(server, args, pairs, TABLE)
        again = []
        for (path, _), (_, page) in zip(pending, pairs):
            if what == "files":
                count = write(page, folder, count)
            if next_page := token(page):
                again.append((path, next_page))
        pending = again


main()
