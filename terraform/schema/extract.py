"""Prints the schema of every type that modules use, from the jsii assembly in the wheel of the provider's bindings.

usage: extract.py WHEEL FOLDER-OF-MODULES

A type is {name: {"req", "t"}} for arguments and {name: {"req", "block", "max1", "is_block"}} for blocks; "_computed" lists
what is only read.
"""
import json
import pathlib
import re
import sys
import tarfile
import zipfile

# The bindings say in their comments what each property is called by the provider.
LINK = re.compile(r"/[a-z]+/([0-9.]+)/docs(?:/(?:resources|data-sources)/([a-z0-9_]+))?#([a-z0-9_]+) ")
META = {"count", "depends_on", "for_each", "lifecycle", "provider", "provisioners", "connection", "tf_resource_type"}


def assembly(wheel):
    """The .jsii of a wheel: JSON in an archive in an archive, compressed or not."""
    with zipfile.ZipFile(wheel) as files:
        inner = next(name for name in files.namelist() if name.endswith(".jsii.tgz"))
        with files.open(inner) as stream, tarfile.open(fileobj=stream, mode="r|gz") as archive:
            for member in archive:
                if member.name.endswith("/.jsii.gz"):
                    import gzip

                    return json.loads(gzip.decompress(archive.extractfile(member).read()))
                if member.name.endswith("/.jsii"):
                    loaded = json.load(archive.extractfile(member))
                    if "types" in loaded:
                        return loaded
    raise SystemExit("the wheel holds no assembly")


def link(thing):
    docs = thing.get("docs", {})
    return LINK.search(docs.get("summary", "") + " " + docs.get("remarks", ""))


def snake(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def block(types, fqn, seen=()):
    out = {}
    for prop in types[fqn].get("properties", []):
        found = link(prop)
        if not found:
            continue  # What every resource has.
        name, of, needed = found.group(3), prop["type"], not prop.get("optional", False)
        inner, many = None, False
        for option in [of] + of.get("union", {}).get("types", []):
            element = option.get("collection", {}).get("elementtype", {})
            for one, repeated in [(option, False)] + [(e, True) for e in [element] + element.get("union", {}).get("types", [])]:
                if "fqn" in one and not one["fqn"].endswith(".IResolvable"):
                    inner, many = one["fqn"], repeated
        text = prop["docs"].get("summary", "") + " " + prop["docs"].get("remarks", "")
        if inner and inner in types and inner not in seen:
            out[name] = {
                "block": block(types, inner, seen + (inner,)),
                "is_block": " block." in text,
                "max1": not many,
                "req": needed,
            }
        else:
            kind = of.get("primitive") or (of.get("collection") or {}).get("kind") or "any"
            if kind == "any" and any(option.get("primitive") == "boolean" for option in of.get("union", {}).get("types", [])):
                kind = "bool"
            out[name] = {"req": needed, "t": kind}
    return out


def used(folder):
    found = set()
    for path in pathlib.Path(folder).rglob("*.tf"):
        found |= set(re.findall(r'^(resource|data) "([a-z0-9_]+)"', path.read_text(), re.M))
    return found


def main(wheel, folder):
    types, wanted = assembly(wheel)["types"], used(folder)
    out = {"data": {}, "resources": {}, "version": None}
    for fqn, config in types.items():
        if not fqn.endswith("Config") or config["kind"] != "interface":
            continue
        found = next((m for m in map(link, config.get("properties", [])) if m), None)
        owner = types.get(fqn[: -len("Config")])
        if not owner or not found:
            continue
        out["version"] = out["version"] or found.group(1)
        base = (owner.get("base") or "").split(".")[-1]
        kind = {"TerraformResource": "resource", "TerraformDataSource": "data"}.get(base)
        name = f"aws_{found.group(2)}"
        if (kind, name) in wanted:
            described = block(types, fqn)
            read = {snake(p["name"]) for p in owner["properties"] if not p["name"].endswith("Input")}
            described["_computed"] = sorted(read - set(described) - META)
            out["resources" if kind == "resource" else "data"][name] = described
    # Without a single optional argument a type has no link to be found by.
    for kind, name in sorted(wanted):
        out["resources" if kind == "resource" else "data"].setdefault(name, None)
    lacking = [name for part in ("data", "resources") for name, value in out[part].items() if value is None]
    if lacking:
        raise SystemExit(f"not in the bindings: {', '.join(sorted(lacking))}")
    json.dump(out, sys.stdout, indent=1, sort_keys=True)
    print()


main(*sys.argv[1:])
