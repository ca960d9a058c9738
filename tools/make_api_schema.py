#!/usr/bin/env python3
"""Writes src/node/service/schema_data.cpp, the parameter schemas of the verbs that the node serves.

usage: make_api_schema.py FACTS.json > src/node/service/schema_data.cpp

FACTS.json holds the names, types, limits and formats of the published Proxmox VE API schema. What came after the
release that the node says it is (8.4) is left out, so that an unknown parameter is refused as that release does.
"""
import json
import re
import sys

RELEASE = (8, 4)
PATHS = re.compile(
    r"^(GET|POST|PUT|DELETE) /("
    r"version|access(/(acl|domains|groups|openid|password|permissions|roles|tfa|ticket|users|vncticket)(/.*)?)?"
    r"|cluster(/(resources|nextid|status|options|tasks|log|backup-info(/not-backed-up)?"
    r"|ha(/(resources|groups)(/\{\w+\})?)?))?"
    r"|pools(/\{poolid\})?|storage(/\{storage\})?"
    r"|nodes(/\{node\}(/(status|time|dns|version|startall|stopall|capabilities(/qemu(/cpu|/machines)?)?"
    r"|query-url-metadata"
    r"|network(/\{iface\})?|tasks(/\{upid\}(/(log|status))?)?|storage(/\{storage\}(/(status|upload|download-url"
    r"|rrddata|content(/\{volume\})?))?)?|rrddata"
    r"|qemu(/\{vmid\}(/(clone|config|pending|resize|template|unlink|cloudinit(/dump)?|move_disk|sendkey|monitor"
    r"|feature|rrddata|status(/\w+)?|agent(/[\w-]+)?|snapshot(/\{snapname\}(/(config|rollback))?)?))?)?))?)?"
    r")$")
KEEP = ("type", "optional", "enum", "min", "max", "minLength", "maxLength", "format", "pattern", "requires", "alias",
        "keyAlias", "default_key", "items")
# Verbs that the facts list by name only, and parameters that release 8.4 has otherwise.
VMID = {"type": "integer", "format": "pve-vmid", "min": 100, "max": 999999999}
NODE = {"type": "string", "format": "pve-node"}
EXTRA = {
    "GET /": {}, "GET /nodes/{node}/lxc": {"node": NODE}, "GET /nodes/{node}/lxc/{vmid}/config": {"node": NODE, "vmid": VMID},
    "GET /nodes/{node}/subscription": {"node": NODE}, "GET /nodes/{node}/replication": {"node": NODE},
    "GET /nodes/{node}/config": {"node": NODE},
    "PUT /nodes/{node}/config": {"instant": {"type": "string", "optional": 1, "enum": ["off", "marked", "all"]},
                                 "node": NODE},
    "GET /nodes/{node}/services": {"node": NODE},
    "GET /nodes/{node}/netstat": {"node": NODE}, "GET /nodes/{node}/sdn/zones": {"node": NODE},
    "GET /nodes/{node}/hardware/pci": {"node": NODE},
    "GET /nodes/{node}/qemu/{vmid}/firewall/rules": {"node": NODE, "vmid": VMID},
    "GET /cluster/config/qdevice": {}, "GET /cluster/config/nodes": {}, "GET /cluster/replication": {},
    "POST /access/vncticket": {"authid": {"type": "string", "maxLength": 64}, "vncticket": {"type": "string"},
                               "privs": {"type": "string", "format": "pve-priv-list", "maxLength": 64},
                               "path": {"type": "string", "maxLength": 64}},
    # Ours: no Proxmox VE has anything below hlid.
    "GET /nodes/{node}/hlid": {"node": NODE}, "GET /nodes/{node}/hlid/publish": {"node": NODE},
    "PUT /nodes/{node}/hlid/publish": {"node": NODE, "lab": {"type": "string", "optional": 1, "format": "dns-name", "maxLength": 63},
                                       "ports": {"type": "array", "optional": 1,
                                                 "items": {"type": "string", "format": "hlid-publish"}}},
    "GET /cluster/sdn/zones": {}, "GET /cluster/firewall/options": {}, "GET /cluster/backup": {},
}

EXTRA_FORMATS = {
    "hlid-publish": {"listen": {"type": "string", "optional": 1, "format": "ipv4"},
                     "port": {"type": "integer", "min": 1, "max": 65535},
                     "to": {"type": "string", "format": "hlid-endpoint-list"}},
}


def later(spec):
    found = re.match(r"(\d+)\.(\d+)", str(spec.get("since", "")))
    return bool(found) and (int(found[1]), int(found[2])) > RELEASE


def pattern(text):
    text = text.replace("(?^:", "(?:").replace("FLAG", r"[a-zA-Z0-9_.\-]+")
    return re.sub(r"\{,(\d+)\}", r"{0,\1}", text)


def enumeration(spec):
    words = []
    for word in spec["enum"]:
        since = spec.get("enum_since", {}).get(str(word))
        if since and later({"since": since}):
            continue
        folded = re.fullmatch(r"([a-z]+)(\d+)\.\.(\d+)", str(word))
        words += [f"{folded[1]}{n}" for n in range(int(folded[2]), int(folded[3]) + 1)] if folded else [str(word)]
    return words


def prop(spec):
    out = {}
    for key in KEEP:
        if key not in spec:
            continue
        value = spec[key]
        if key == "enum":
            value = enumeration(spec)
        elif key == "pattern":
            value = pattern(value)
        elif key == "items":
            value = prop(value)
        out[key] = value
    return out


def props(specs):
    return {name: prop(spec) for name, spec in sorted(specs.items()) if not later(spec)}


def line(key, value):
    return f'{json.dumps(key)}: {json.dumps(value, separators=(",", ":"))}'


def main():
    facts = json.load(open(sys.argv[1], encoding="utf-8"))
    verbs = {}
    for key, spec in facts["ep"].items():
        if PATHS.match(key) and not later(spec):
            verb = {"params": props(spec.get("params", {}))}
            if "params_from" in spec:
                verb["from"] = spec["params_from"]
            verbs[key] = verb
    for key, spec in EXTRA.items():
        verbs.setdefault(key, {"params": spec})
    formats = {name: props(f) for name, f in facts["formats"].items() if "#" not in name}
    for name, f in facts["formats_named"].items():
        if isinstance(next(iter(f.values())), dict) and name != "pve-tfa-config":
            formats[name] = props(f)
    formats.update(EXTRA_FORMATS)
    used = re.findall(r'"format": ?"@?([\w-]+)"', json.dumps([verbs, facts["param_sets"]]))
    formats = {name: f for name, f in formats.items() if name in used or name in ("ide",)}
    sets = {name: props(facts["param_sets"][name]) for name in sorted({v["from"] for v in verbs.values() if "from" in v})}
    parts = [("kVerbs", [line(k, v) for k, v in sorted(verbs.items())]),
             ("kFormats", [line(k, v) for k, v in sorted(formats.items())]),
             ("kIndexRanges", [line(k, v) for k, v in sorted(facts["meta"]["index_ranges"].items()) if k != "single"])]
    parts += [("kSet_" + name.replace("-", "_"), [line(k, v) for k, v in sorted(specs.items())]) for name, specs in sets.items()]
    print("// Written by tools/make_api_schema.py; do not edit. One verb, format or parameter a line.\n"
          '#include "node/service/schema_data.h"\n\nnamespace hlid::node::service::data {\n')
    for name, lines in parts:
        print(f"const char* const {name} = R\"json({{")
        print(",\n".join(lines))
        print("})json\";\n")
    print("}  // namespace hlid::node::service::data")


main()
