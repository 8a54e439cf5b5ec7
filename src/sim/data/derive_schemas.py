#!/usr/bin/env python3
"""derive_schemas.py DUMP MODULES OUT: the structure of the built-in types of one Kubernetes version.

DUMP holds `openapi-v3/` as a live server answered it, MODULES is the `k8s.io` folder of a Go module cache
with the types of that version, named by `--version` (default v0.36.3). OUT gets `definitions.txt`: a line
for each definition, `NAME<TAB>GROUP/VERSION/KIND ...<TAB>SCHEMA`, in the order of the names.

Out of the Go types come two things that OpenAPI does not tell. `x` of a property: how its zero value is
written ("k" always; "v" left out when empty; "s" a struct that is always written; "z" a struct that is left
out when zero; no mark: a pointer, left out when null). `go`: its Go type where it is not the usual one.
"""
import json, pathlib, re, sys

args = [a for a in sys.argv[1:] if not a.startswith('--')]
version = next((a.split('=')[1] for a in sys.argv if a.startswith('--version=')), 'v0.36.3')
dump, modules, out = map(pathlib.Path, args)

KEEP = ['type', 'format', 'default', 'enum', 'required', 'oneOf', 'properties', 'items', 'additionalProperties',
        'x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type',
        'x-kubernetes-patch-strategy', 'x-kubernetes-patch-merge-key', 'x-kubernetes-unions']
# Documents of discovery that are called lists and are no lists of objects.
DOCUMENTS = ('APIResourceList', 'APIGroupList')
REF = '#/components/schemas/'


def go_file(package):
    """io.k8s.api.core.v1 -> the folder of k8s.io/api/core/v1."""
    path = package.removeprefix('io.k8s.')
    module, rest = path.split('.', 1)
    return modules / f'{module}@{version}' / rest.replace('.', '/')


def go_types(package, cache={}):
    """Name -> ('struct', [(go name, go type, tag)]) or ('is', go type)."""
    if package in cache:
        return cache[package]
    found = cache[package] = {}
    if not package:
        return found
    folder = go_file(package)
    for file in sorted(folder.glob('*.go')) if folder.is_dir() else []:
        if file.name.endswith('_test.go') or 'generated' in file.name:
            continue
        text = re.sub(r'/\*.*?\*/', '', file.read_text(), flags=re.S)
        text = re.sub(r'//[^\n]*', '', text)
        for name, body in re.findall(r'^type (\w+) struct \{\n(.*?)^\}', text, flags=re.S | re.M):
            fields = []
            for line in body.split('\n'):
                m = re.match(r'\s*(?:(\w+)\s+)?([\w.\[\]*]+)\s+`([^`]*)`', line)
                if m:
                    tag = re.search(r'json:"([^"]*)"', m[3])
                    fields.append((m[1], m[2], tag[1] if tag else ''))
            found[name] = ('struct', fields)
        for name, of in re.findall(r'^type (\w+) ([\w.\[\]*]+)$', text, flags=re.M):
            found.setdefault(name, ('is', of))
    return found


PACKAGES = {'metav1': 'io.k8s.apimachinery.pkg.apis.meta.v1', 'v1': 'io.k8s.api.core.v1',
            'corev1': 'io.k8s.api.core.v1', 'resource': 'io.k8s.apimachinery.pkg.api.resource',
            'intstr': 'io.k8s.apimachinery.pkg.util.intstr', 'runtime': 'io.k8s.apimachinery.pkg.runtime',
            'types': 'io.k8s.apimachinery.pkg.types', 'authnv1': 'io.k8s.api.authentication.v1',
            'authenticationv1': 'io.k8s.api.authentication.v1', 'networkingv1': 'io.k8s.api.networking.v1'}


def locate(package, name):
    if '.' in name:
        alias, name = name.split('.')
        return PACKAGES.get(alias, ''), name
    return package, name


def form(package, of):
    """What a Go type is: pointer, list, map, struct or scalar."""
    if of.startswith('*'):
        return 'pointer'
    if of.startswith('[]'):
        return 'list'
    if of.startswith('map['):
        return 'map'
    where, name = locate(package, of)
    kind = go_types(where).get(name)
    if kind is None:
        return 'struct' if name in ('Time', 'MicroTime', 'Quantity', 'IntOrString', 'RawExtension', 'JSON') else 'scalar'
    return 'struct' if kind[0] == 'struct' else form(where, kind[1])


def fields_of(package, name):
    """JSON name -> (mark, package, go type), with what is inlined."""
    kind = go_types(package).get(name)
    if not kind or kind[0] != 'struct':
        return {}
    result = {}
    for go, of, tag in kind[1]:
        json_name, *options = tag.split(',')
        if 'inline' in options or (go is None and not json_name):
            where, inner = locate(package, of.lstrip('*'))
            result |= fields_of(where, inner)
            continue
        shape, omit = form(package, of), 'omitempty' in options
        if 'omitzero' in options and shape == 'struct':
            mark = 'z'
        elif not omit:
            mark = 'k'
        elif shape == 'struct':
            mark = 's'
        else:
            mark = None if shape == 'pointer' else 'v'
        result[json_name] = (mark, package, of)
    return result


def go_name(package, of):
    """The type as Go prints it in an error."""
    if of.startswith('[]'):
        return '[]' + go_name(package, of[2:])
    if of.startswith('map['):
        key, value = of[4:].split(']', 1)
        return f'map[{go_name(package, key)}]{go_name(package, value)}'
    of = of.removeprefix('*')
    where, name = locate(package, of)
    if name[0].islower():
        return name
    if not where:
        return of
    return where.rsplit('.', 1)[1] + '.' + name


def usual_go(schema):
    if '$ref' in schema:
        package, name = schema['$ref'].rsplit('.', 1)
        return package.rsplit('.', 1)[1] + '.' + name
    if schema.get('type') == 'array':
        return '[]' + usual_go(schema['items'])
    if schema.get('type') == 'object':
        return 'map[string]' + usual_go(schema.get('additionalProperties', {}))
    return {'integer': schema.get('format', 'int64'), 'boolean': 'bool', 'number': 'float64'}.get(schema.get('type'), 'string')


def lean(schema, owner=None):
    """The parts that structure is made of; `owner` gives the Go fields of the properties."""
    schema = dict(schema)
    if len(schema.get('allOf', [])) == 1:
        schema |= schema.pop('allOf')[0]
    result = {}
    if '$ref' in schema:
        result['$ref'] = schema['$ref'].removeprefix(REF)
    for key in KEEP:
        if key not in schema:
            continue
        value = schema[key]
        if key == 'properties':
            plain = [name for name, inner in value.items() if '$ref' in inner]
            value = {name: lean(inner) for name, inner in sorted(value.items())}
            for name in plain:
                value[name]['bare'] = True
            for name, inner in value.items():
                mark, package, of = (owner or {}).get(name, (None, None, None))
                if mark:
                    inner['x'] = mark
                if of and go_name(package, of) != usual_go(inner):
                    inner['go'] = go_name(package, of)
        elif key in ('items', 'additionalProperties') and isinstance(value, dict):
            value = lean(value)
        result[key] = value
    return result


definitions = {}
for file in sorted((dump / 'openapi-v3').glob('*.json')):
    for name, schema in json.loads(file.read_text()).get('components', {}).get('schemas', {}).items():
        if not name.endswith('List') or name.endswith(DOCUMENTS):
            definitions[name] = schema

with open(out / 'definitions.txt', 'w') as file:
    for name, schema in sorted(definitions.items()):
        package, kind = name.rsplit('.', 1)
        kinds = ' '.join(f"{k['group']}/{k['version']}/{k['kind']}"
                         for k in schema.get('x-kubernetes-group-version-kind', []))
        text = json.dumps(lean(schema, fields_of(package, kind)), separators=(',', ':'))
        file.write(f'{name}\t{kinds}\t{text}\n')
