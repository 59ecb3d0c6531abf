#!/usr/bin/env python3
"""Writes what build/release/cairn is made of as an SPDX 2.3 document (JSON), and compares such a document with advisories.

scripts/sbom.py [--binary FILE] [--out FILE]   the shared libraries that the loader takes, the packages whose headers are compiled in,
                                               the compiler, each with Debian's version; the binary and the source tree with their hashes
scripts/sbom.py --match SBOM ADVISORIES        advisories: a JSON list in OSV form ("id", "affected": [{"package": {"name"}, "ranges":
                                               [{"events": [{"introduced"}, {"fixed"}]}]}]); names each package that is hit; exit 1 if any
"""
import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Compiled into the binary from headers or static archives, so the loader does not show them.
COMPILED_IN = ["libboost1.81-dev", "nlohmann-json3-dev", "libtomlplusplus-dev"]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def package_of(path):
    """Debian's package that owns a file; usr-merge gives libraries two names."""
    for name in (path, "/usr" + path if not path.startswith("/usr") else path.removeprefix("/usr")):
        found = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(":")[0].split(",")[0]
    sys.exit(f"sbom: no package owns {path}")


def libraries(binary):
    out = set()
    for line in output("ldd", str(binary)).splitlines():
        found = re.search(r"(?:=> )?(/\S+) \(0x", line)
        if found:
            out.add(os.path.realpath(found[1]) if os.path.exists(os.path.realpath(found[1])) else found[1])
    return sorted(out)


def debian(name, how):
    version, source = output("dpkg-query", "-W", "-f=${Version}\t${source:Package}", name).split("\t")
    return {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "sourceInfo": f"source package {source}; {how}",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": f"see /usr/share/doc/{name}/copyright",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:deb/debian/{source}@{version}?distro=bookworm"}],
    }


def relation(package, compiler):
    if package["name"] == compiler:
        return {"spdxElementId": package["SPDXID"], "relationshipType": "BUILD_TOOL_OF", "relatedSpdxElement": "SPDXRef-cairn"}
    kind = "DYNAMIC_LINK" if "shared library" in package["sourceInfo"] else "STATIC_LINK"
    return {"spdxElementId": "SPDXRef-cairn", "relationshipType": kind, "relatedSpdxElement": package["SPDXID"]}


def document(binary):
    digest = hashlib.sha256(binary.read_bytes()).hexdigest()
    tree = output("git", "-C", str(ROOT), "rev-parse", "HEAD^{tree}").strip()
    commit_time = int(output("git", "-C", str(ROOT), "log", "-1", "--format=%ct"))
    packages = {}
    for library in libraries(binary):
        name = package_of(library)
        packages.setdefault(name, debian(name, "shared library " + os.path.basename(library)))
    for name in COMPILED_IN:
        packages.setdefault(name, debian(name, "compiled in from headers"))
    compiler = package_of(os.path.realpath("/usr/bin/g++"))
    packages.setdefault(compiler, debian(compiler, "compiler"))
    cairn = {
        "SPDXID": "SPDXRef-cairn",
        "name": "cairn",
        "versionInfo": re.search(r"VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text().split("project(")[1])[1],
        "supplier": "NOASSERTION",
        "sourceInfo": f"git tree {tree}",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
    }
    ordered = [packages[name] for name in sorted(packages)]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "cairn",
        "documentNamespace": f"urn:cairn:sbom:{digest}",
        # The commit's time, so that the same tree gives the same document.
        "creationInfo": {"created": datetime.datetime.fromtimestamp(commit_time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: scripts/sbom.py"]},
        "packages": [cairn, *ordered],
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-cairn"},
                          *(relation(package, compiler) for package in ordered)],
    }


def older(left, right):
    return subprocess.run(["dpkg", "--compare-versions", left, "lt", right]).returncode == 0


def is_hit(version, ranges):
    """Within one of the ranges: not before what introduced it, before what fixed it."""
    for one in ranges:
        inside = False
        for event in one.get("events", []):
            if "introduced" in event and (event["introduced"] == "0" or not older(version, event["introduced"])):
                inside = True
            if "fixed" in event and not older(version, event["fixed"]):
                inside = False
        if inside:
            return True
    return False


def match(sbom, advisories):
    hits = 0
    for package in sbom["packages"]:
        names = {package["name"], *re.findall(r"source package (\S+);", package.get("sourceInfo", ""))}
        for advisory in advisories:
            for affected in advisory.get("affected", []):
                if affected["package"]["name"] in names and is_hit(package["versionInfo"], affected.get("ranges", [])):
                    print(f"{advisory['id']}: {package['name']} {package['versionInfo']}")
                    hits += 1
    print(f"{hits} hits in {len(sbom['packages'])} packages")
    return hits


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/release/cairn")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--match", nargs=2, metavar=("SBOM", "ADVISORIES"))
    arguments = parser.parse_args()
    if arguments.match:
        sbom, advisories = (json.loads(pathlib.Path(name).read_text()) for name in arguments.match)
        sys.exit(1 if match(sbom, advisories) else 0)
    text = json.dumps(document(arguments.binary), indent=2) + "\n"
    if arguments.out:
        arguments.out.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
