"""Judges documents by a JSON schema: {"schema": …, "cases": [[name of a definition or null, document], …]} on standard
input, a JSON list of messages on standard output, null for what is valid."""

import json
import sys

import jsonschema

given = json.load(sys.stdin)
schema = given["schema"]
kind = jsonschema.validators.validator_for(schema)
kind.check_schema(schema)


def judge(name, document):
    part = schema if name is None else {"$defs": schema["$defs"], "$ref": f"#/$defs/{name}"}
    error = jsonschema.exceptions.best_match(kind(part).iter_errors(document))
    return None if error is None else f"{error.json_path}: {error.message}"


json.dump([judge(*case) for case in given["cases"]], sys.stdout)
