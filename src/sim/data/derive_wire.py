#!/usr/bin/env python3
"""derive_wire.py MODULES OUT: how the built-in types of one Kubernetes version stand in protobuf.

MODULES is the `k8s.io` folder of a Go module cache with the types of that version, named by `--version` (default
v0.36.3); OUT gets `wire.txt`: a line for each message, `NAME<TAB>FIELD FIELD ...`, in the order of the names.
A field is `NUMBER:JSON:TYPE`; one without a JSON name is inlined. A type is `s` text, `y` bytes, `i` a whole number,
`b` a flag, `d` a number with a fraction, or the name of a message; before it `*` (left out when it is null), `[]` or
`{}` (a map from texts).
"""
import pathlib, re, sys

args = [a for a in sys.argv[1:] if not a.startswith('--')]
version = next((a.split('=')[1] for a in sys.argv if a.startswith('--version=')), 'v0.36.3')
modules, out = map(pathlib.Path, args)
SCALARS = {'string': 's', 'bytes': 'y', 'bool': 'b', 'double': 'd'} | dict.fromkeys(
    ('int32', 'int64', 'uint32', 'uint64'), 'i')


def go_fields(folder):
    """(message, number) -> (JSON name, whether it is inlined, whether it is a pointer)."""
    found = {}
    for file in folder.glob('*.go'):
        if file.name.endswith('_test.go') or 'generated' in file.name:
            continue
        text = re.sub(r'/\*.*?\*/', '', file.read_text(), flags=re.S)
        text = re.sub(r'//[^\n]*', '', text)
        for name, body in re.findall(r'^type (\w+) struct \{\n(.*?)^\}', text, flags=re.S | re.M):
            for line in body.split('\n'):
                m = re.match(r'\s*(?:\w+\s+)?([\w.\[\]*]+)\s+`([^`]*)`', line)
                number = m and re.search(r'protobuf:"\w+,(\d+)', m[2])
                if number:
                    tag = re.search(r'json:"([^"]*)"', m[2])
                    json_name, *options = (tag[1] if tag else '').split(',')
                    found[name, int(number[1])] = (json_name, 'inline' in options, m[1].startswith('*'))
    return found


def name_of(proto, package):
    """io.k8s.api.core.v1.Pod without its first parts."""
    return (proto if '.' in proto else f'{package}.{proto}').removeprefix('k8s.io.')


messages = {}
for module in ('api', 'apimachinery', 'apiextensions-apiserver', 'kube-aggregator'):
    for file in sorted((modules / f'{module}@{version}').rglob('generated.proto')):
        text = re.sub(r'//[^\n]*', '', file.read_text())
        package = re.search(r'^package ([\w.]+);', text, flags=re.M)[1].replace('apiextensions_apiserver', 'apiextensions-apiserver').replace('kube_aggregator', 'kube-aggregator')
        go = go_fields(file.parent)
        for name, body in re.findall(r'^message (\w+) \{\n(.*?)^\}', text, flags=re.S | re.M):
            fields = []
            for line in body.split('\n'):
                m = re.match(r'\s*(optional|repeated|map<string, ([\w.]+)>) ?(.*?) ?(\w+) = (\d+);', line)
                if not m:
                    continue
                proto = m[2] or m[3]
                proto = proto.strip().replace('apiextensions_apiserver', 'apiextensions-apiserver').replace('kube_aggregator', 'kube-aggregator')
                json_name, inline, pointer = go.get((name, int(m[5])), (m[4], False, False))
                of = SCALARS.get(proto) or name_of(proto.lstrip('.'), package)
                shape = '{}' if m[2] else '[]' if m[1] == 'repeated' else '*' if pointer else ''
                fields.append((int(m[5]), f"{m[5]}:{'' if inline else json_name}:{shape}{of}"))
            messages[name_of(name, package)] = ' '.join(text for _, text in sorted(fields))

with open(out / 'wire.txt', 'w') as file:
    for name, fields in sorted(messages.items()):
        if re.search(r'\.v\d+\.|^apimachinery', name) and 'testapigroup' not in name:
            file.write(f'{name}\t{fields}\n')
