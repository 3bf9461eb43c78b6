"""Converts the wheel of ua-parser-builtins to the JSON that user-metadata-ua embeds.

    python3 ua_data.py WHEEL DIRECTORY

Writes DIRECTORY/regexes.json: the content of uap-core's regexes.yaml under the same keys, a rule
a line, so that a renewal is a readable diff. Prints the revision of uap-core. The rules are read
as literals; nothing of the wheel is run.
"""

import ast
import json
import pathlib
import sys
import zipfile

VERSIONS = ["v1_replacement", "v2_replacement", "v3_replacement", "v4_replacement"]
KEYS = {
    "user_agent_parsers": ["regex", "family_replacement", *VERSIONS],
    "os_parsers": ["regex", "os_replacement", *(f"os_{key}" for key in VERSIONS)],
    "device_parsers": [
        "regex",
        "regex_flag",
        "device_replacement",
        "brand_replacement",
        "model_replacement",
    ],
}


def rules(source):
    """The arguments of each matcher, in the three lists of `MATCHERS: … = ([…], […], […])`."""
    [lists] = [
        node.value.elts
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and node.target.id == "MATCHERS"
    ]
    for keys, matchers in zip(KEYS.values(), lists, strict=True):
        rows = []
        for call in matchers.elts:
            if call.keywords or len(call.args) > len(keys):
                sys.exit(f"unknown form of rule in line {call.lineno}")
            values = map(ast.literal_eval, call.args)
            rows.append({key: value for key, value in zip(keys, values) if value is not None})
        yield rows


def main(wheel, directory):
    with zipfile.ZipFile(wheel) as files:
        source = files.read("ua_parser_builtins/matchers.py").decode()
        revision = files.read("REVISION").decode().strip()
    lists = []
    for name, rows in zip(KEYS, rules(source)):
        if len(rows) < 100:
            sys.exit(f"{name} has only {len(rows)} rules")
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        lists.append(f'"{name}": [\n{lines}\n]')
    text = "{\n" + ",\n".join(lists) + "\n}\n"
    pathlib.Path(directory, "regexes.json").write_text(text, encoding="utf-8")
    print(revision)


main(*sys.argv[1:])
