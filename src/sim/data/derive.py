#!/usr/bin/env python3
"""derive.py DUMP OUT: turns the dump of a live API server into the tables of one Kubernetes version.

DUMP holds `discovery/` (aggregated and legacy documents), `tables.jsonl`, `version.json`, `root-paths.json`
as they were answered, the table of a Scale among them as one of `scales`; OUT is a folder such as `v1_36`. Prints nothing when all is well.
"""
import json, pathlib, sys

dump, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
load = lambda path: json.loads((dump / path).read_text())


def write(name, rows):
    lines = ',\n'.join(json.dumps(row, separators=(',', ':'), ensure_ascii=False) for row in rows)
    (out / name).write_text('[\n' + lines + '\n]\n')


def hashes(group, version):
    path = f'apis__{group}__{version}' if group else f'api__{version}'
    legacy = load(f'discovery/legacy-{path}.json')
    return {r['name']: r.get('storageVersionHash') for r in legacy['resources']}


def subresource(sub):
    kind = sub['responseKind']
    row = {'name': sub['subresource'], 'kind': kind['kind'], 'verbs': sub['verbs']}
    if kind['group'] or kind['version']:
        row |= {'group': kind['group'], 'version': kind['version']}
    return row


def kinds():
    for document in ('api', 'apis'):
        for item in load(f'discovery/aggregated-{document}.json')['items']:
            group = item['metadata'].get('name', '')
            for version in item['versions']:
                hash_of = hashes(group, version['version'])
                for resource in version['resources']:
                    row = {
                        'group': group, 'version': version['version'], 'plural': resource['resource'],
                        'singular': resource['singularResource'], 'kind': resource['responseKind']['kind'],
                        'namespaced': resource['scope'] == 'Namespaced', 'verbs': resource['verbs'],
                    }
                    own = resource['responseKind']
                    if own['group'] or own['version']:
                        row['as'] = [own['group'], own['version']]
                    for key, name in (('shortNames', 'short'), ('categories', 'categories')):
                        if resource.get(key):
                            row[name] = resource[key]
                    if hash_of.get(resource['resource']):
                        row['hash'] = hash_of[resource['resource']]
                    if resource.get('subresources'):
                        row['subresources'] = [subresource(sub) for sub in resource['subresources']]
                    yield row


def columns():
    for line in (dump / 'tables.jsonl').read_text().splitlines():
        table = json.loads(line)
        defined = table.get('columnDefinitions')
        if defined:
            yield {'of': f"{table['groupVersion']}/{table['resource']}", 'columns': [
                [c['name'], c['type'], c['format'], c['priority'], c['description']] for c in defined]}


write('kinds.json', kinds())
write('columns.json', columns())
(out / 'version.json').write_text(json.dumps(load('version.json'), indent=2) + '\n')
(out / 'paths.json').write_text(json.dumps(load('root-paths.json'), indent=2) + '\n')
