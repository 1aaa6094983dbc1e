//! Manifests against Kubernetes' published schema, and against the rules that its server has beside it.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::os::unix::ffi::OsStringExt;

use super::*;
use crate::submit::bash::tests::nasty;

fn job() -> KubernetesJob {
    KubernetesJob {
        work: Work {
            program: "miqa-offline".into(),
            step: "generate".into(),
            arguments: ["--plan", "/data/plan.parquet", "--out", "s3://bucket/my data"].map(OsString::from).into(),
            shards: Some(7),
            writes: Vec::new(),
            on_gpu: false,
            inputs: "plan 0123456789ab".into(),
        },
        name: None,
        namespace: None,
        image: "registry.example/miqa:1".into(),
        secrets: Vec::new(),
        config_maps: Vec::new(),
        service_account: None,
        mounts: Vec::new(),
        running: None,
        cpus: 1,
        gpus: 0,
        memory: None,
        retries: 6,
    }
}

fn full() -> KubernetesJob {
    KubernetesJob {
        name: Some("night-run".into()),
        namespace: Some("pictures".into()),
        secrets: vec!["s3.keys".into()],
        config_maps: vec!["s3-endpoint".into()],
        service_account: Some("worker".into()),
        mounts: ["originals:/data:ro", "scratch:/scratch", "originals:/again"].map(|m| m.parse().unwrap()).into(),
        running: Some(3),
        cpus: 4,
        gpus: 1,
        memory: Some(Memory(2048)),
        ..job()
    }
}

/// What is wrong with a value by the trimmed schema; a part that the schema leaves out is wrong too.
fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return faults(root, root.pointer(&reference[1..]).unwrap(), value, at);
    }
    let Some(schema) = schema.as_object().filter(|schema| !schema.is_empty()) else {
        return vec![format!("{at}: not in the trimmed schema; add it to trim_schema.py")];
    };
    if let Some(several) = schema.get("oneOf") {
        let fits = several.as_array().unwrap().iter().any(|one| faults(root, one, value, at).is_empty());
        return if fits { Vec::new() } else { vec![format!("{at}: fits none of {several}")] };
    }
    let mut found = Vec::new();
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = schema.get("type").cloned().unwrap_or(Value::Null);
    let allowed = |name: &str| kinds == name || kinds.as_array().is_some_and(|kinds| kinds.iter().any(|k| k == name));
    let fits = allowed(kind) || kind == "integer" && allowed("number");
    if !fits {
        found.push(format!("{at}: {kind}, should be {kinds}"));
    }
    if schema.get("enum").is_some_and(|allowed| !allowed.as_array().unwrap().contains(value)) {
        found.push(format!("{at}: {value}"));
    }
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let property = schema.get("properties").and_then(|properties| properties.get(name));
        match property.or_else(|| schema.get("additionalProperties").filter(|additional| additional.is_object())) {
            Some(schema) => found.extend(faults(root, schema, value, &format!("{at}.{name}"))),
            None => found.push(format!("{at}.{name}: unknown")),
        }
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(faults(root, &schema["items"], item, &format!("{at}[{i}]")));
    }
    found
}

fn by_schema(value: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(include_str!("../../tests/kubernetes/job-batch-v1.json")).unwrap();
    faults(&schema, &schema, value, "job")
}

/// The server's own rules for these fields, from the API reference of Job v1.
fn by_rules(job: &Value) -> Vec<&'static str> {
    let spec = &job["spec"];
    let pod = &spec["template"]["spec"];
    let int = |value: &Value| value.as_u64().unwrap();
    let completions = int(&spec["completions"]);
    let name = job["metadata"]["name"].as_str().unwrap();
    let rules = spec["podFailurePolicy"]["rules"].as_array().unwrap();
    let volumes: Vec<&Value> = pod["volumes"].as_array().into_iter().flatten().map(|v| &v["name"]).collect();
    let container = &pod["containers"][0];
    let mounts: Vec<&Value> = container["volumeMounts"].as_array().into_iter().flatten().collect();
    let codes = |rule: &Value| -> Vec<u64> {
        rule["onExitCodes"]["values"].as_array().into_iter().flatten().map(|v| v.as_u64().unwrap()).collect()
    };
    [
        ("completions of an Indexed Job are set", spec["completionMode"] == "Indexed" && completions > 0),
        ("retries by index: at most 100,000 indexes without maxFailedIndexes", completions <= 100_000),
        ("parallelism of an Indexed Job", (1..=100_000).contains(&int(&spec["parallelism"]))),
        ("no retry inside the pod with podFailurePolicy", pod["restartPolicy"] == "Never"),
        ("at most 20 rules", rules.len() <= 20),
        (
            "a rule has one of the two",
            rules.iter().all(|r| r["onExitCodes"].is_null() != r["onPodConditions"].is_null()),
        ),
        (
            "actions",
            rules.iter().all(|r| ["FailJob", "FailIndex", "Ignore", "Count"].contains(&r["action"].as_str().unwrap())),
        ),
        ("codes: rising, none is 0 with In", rules.iter().all(|r| codes(r).is_sorted_by(|a, b| 0 < *a && a < b))),
        (
            "exit codes are of a container that is there",
            rules.iter().filter_map(|r| r["onExitCodes"].get("containerName")).all(|name| *name == container["name"]),
        ),
        ("a pod's host name is a label", name.len() + 1 + (completions - 1).to_string().len() <= 63),
        ("mounts are of volumes that are there", mounts.iter().all(|mount| volumes.contains(&&mount["name"]))),
        ("volumes differ in name", (1..volumes.len()).all(|i| !volumes[..i].contains(&volumes[i]))),
        (
            "mount paths differ",
            (1..mounts.len()).all(|i| mounts[..i].iter().all(|m| m["mountPath"] != mounts[i]["mountPath"])),
        ),
    ]
    .into_iter()
    .filter_map(|(rule, holds)| (!holds).then_some(rule))
    .collect()
}

#[test]
fn jobs_fit_the_published_schema_and_the_servers_rules() {
    let large = KubernetesJob { work: Work { shards: Some(100_000), ..job().work }, ..job() };
    let whole = KubernetesJob { work: Work { shards: None, step: "finalize".into(), ..job().work }, ..job() };
    for job in [job(), full(), large, whole] {
        let job = job.job().unwrap();
        assert_eq!(by_schema(&job), [""; 0], "{job:#}");
        assert_eq!(by_rules(&job), [""; 0], "{job:#}");
    }
    // The check sees what is wrong.
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut job = full().job().unwrap();
        change(&mut job);
        let faults = by_schema(&job);
        // The rules are about jobs of the right shape.
        let rules = if faults.is_empty() { by_rules(&job) } else { Vec::new() };
        (faults, rules)
    };
    assert_eq!(wrong(&|j| j["spec"]["retries"] = json!(1)).0, ["job.spec.retries: unknown"]);
    assert_eq!(wrong(&|j| j["spec"]["completions"] = json!("7")).0.len(), 1);
    assert_eq!(wrong(&|j| j["kind"] = json!("CronJob")).0.len(), 1);
    assert_eq!(
        wrong(&|j| j["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] = json!({"cpu": []})).0.len(),
        1
    );
    assert!(
        wrong(&|j| j["spec"]["suspend"] = json!({}))
            .0
            .iter()
            .any(|fault| fault.starts_with("job.spec.suspend: object"))
    );
    let values = "/spec/podFailurePolicy/rules/1/onExitCodes/values";
    assert_eq!(wrong(&|j| *j.pointer_mut(values).unwrap() = json!([0, 65])).1, ["codes: rising, none is 0 with In"]);
    assert_eq!(wrong(&|j| j["spec"]["template"]["spec"]["volumes"] = json!([])).1.len(), 1);
}

#[test]
fn the_contract_is_in_the_manifest() {
    let text = full().manifest().unwrap();
    assert_eq!(
        text,
        r#"# miqa-offline generate: 7 shards of plan 0123456789ab, a pod each.
# Give it to `kubectl apply -f`. Needs Kubernetes 1.33. Exit codes 2, 65, 78 are final, all others are tried again.
apiVersion: "batch/v1"
kind: "Job"
metadata:
  name: "night-run"
  namespace: "pictures"
spec:
  backoffLimitPerIndex: 6
  completionMode: "Indexed"
  completions: 7
  parallelism: 3
  podFailurePolicy:
    rules:
      - action: "Ignore"
        onPodConditions:
          - status: "True"
            type: "DisruptionTarget"
      - action: "FailIndex"
        onExitCodes:
          containerName: "worker"
          operator: "In"
          values:
            - 2
            - 65
            - 78
  template:
    spec:
      containers:
        - args:
            - "generate"
            - "--plan"
            - "/data/plan.parquet"
            - "--out"
            - "s3://bucket/my data"
            - "--shard"
            - "auto"
          command:
            - "miqa-offline"
          envFrom:
            - secretRef:
                name: "s3.keys"
            - configMapRef:
                name: "s3-endpoint"
          image: "registry.example/miqa:1"
          name: "worker"
          resources:
            limits:
              memory: "2048Mi"
              nvidia.com/gpu: "1"
            requests:
              cpu: "4"
              memory: "2048Mi"
          volumeMounts:
            - mountPath: "/data"
              name: "data-0"
              readOnly: true
            - mountPath: "/scratch"
              name: "data-1"
            - mountPath: "/again"
              name: "data-0"
      restartPolicy: "Never"
      serviceAccountName: "worker"
      terminationGracePeriodSeconds: 120
      volumes:
        - name: "data-0"
          persistentVolumeClaim:
            claimName: "originals"
        - name: "data-1"
          persistentVolumeClaim:
            claimName: "scratch"
"#
        .replace("nvidia.com/gpu:", "\"nvidia.com/gpu\":")
    );
}

/// What the kubelet makes of an argument (k8s.io/kubernetes/third_party/forked/golang/expansion, in its rules):
/// `$$` is a dollar, `$(NAME)` the variable or, if there is none, itself; any other dollar is itself.
fn expanded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let (Some(after), Some(end)) = (rest.strip_prefix('('), rest.find(')')) {
            out.push_str("<value>");
            rest = &after[end..];
        } else {
            out.push('$');
        }
    }
    out + rest
}

#[test]
fn every_argument_arrives_unchanged() {
    let mut arguments: Vec<OsString> = nasty().into_iter().filter(|argument| argument.to_str().is_some()).collect();
    arguments.extend(["$(HOME)", "$$(HOME)", "$$$", "a$", "$(", "$(x"].map(OsString::from));
    let job = KubernetesJob { work: Work { arguments: arguments.clone(), ..job().work }, ..job() };
    let value = job.job().unwrap();
    let args = value["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().clone();
    let read: Vec<OsString> = args.iter().map(|arg| expanded(arg.as_str().unwrap()).into()).collect();
    assert_eq!(read[1..=arguments.len()], arguments);
    assert_eq!(expanded("$(HOME)"), "<value>");

    let bytes = OsString::from_vec(b"/data/\xff".to_vec());
    let job = KubernetesJob { work: Work { arguments: vec![bytes], ..job.work }, ..job };
    assert!(matches!(job.manifest(), Err(SubmitError::NotUtf8 { .. })));
}

/// Python's reader of YAML, where the object-store tests have put it.
#[test]
fn a_reader_of_yaml_sees_the_same_job() {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(std::path::PathBuf::from);
    let cache = cache.or_else(|| Some(std::path::PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).unwrap();
    let folder = cache.join("miqa/moto-5.2.5");
    if !folder.join("yaml").exists() {
        println!("skipped: no PyYAML; scripts/moto.sh installs it");
        return;
    }
    let arguments = nasty().into_iter().filter(|argument| argument.to_str().is_some()).collect();
    let job = KubernetesJob { work: Work { arguments, ..full().work }, ..full() };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), job.manifest().unwrap()).unwrap();
    let program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let mut python = std::process::Command::new("python3");
    let output = python.args(["-c", program]).arg(file.path()).env("PYTHONPATH", folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), job.job().unwrap());
}

#[test]
fn names_and_counts_that_kubernetes_refuses_are_refused_here() {
    let named = |name: &str| KubernetesJob { name: Some(name.into()), ..job() }.manifest().is_ok();
    assert!(named("a") && named("night-run-7") && named(&"a".repeat(61)));
    for wrong in ["", "Night", "a_b", "-a", "a-", "a.b", "é", &"a".repeat(62)] {
        assert!(!named(wrong), "{wrong}");
    }
    for (text, mount) in [
        ("c:/x", Some(("c", "/x", false))),
        ("c:/x y:ro", Some(("c", "/x y", true))),
        ("c:x", None),
        ("/x", None),
        (":/x", None),
        ("c:/x:rw", None),
    ] {
        let mount = mount.map(|(claim, path, read_only)| Mount { claim: claim.into(), path: path.into(), read_only });
        assert_eq!(text.parse::<Mount>().ok(), mount, "{text}");
    }
    let secret = KubernetesJob { secrets: vec!["key=value".into()], ..job() }.manifest();
    assert!(secret.unwrap_err().to_string().contains("no name of a Secret"));
    let many = KubernetesJob { work: Work { shards: Some(100_001), ..job().work }, ..job() }.manifest();
    assert!(many.unwrap_err().to_string().contains("plan --shards"));
}

#[test]
fn what_a_pod_writes_outlives_it() {
    let writing = |path: &str| {
        let mut job = full();
        job.work.writes = vec![("--out", path.to_owned())];
        job
    };
    for (path, lines) in [("s3://bucket/x", 0), ("/scratch/out", 0), ("/scratchy", 1), ("/w", 1)] {
        let job = writing(path);
        assert!(job.manifest().is_ok() && job.unmounted().len() == lines, "{path}: {:?}", job.unmounted());
    }
    for path in ["out", "./out", ""] {
        assert!(writing(path).manifest().unwrap_err().to_string().contains("is relative"), "{path}");
    }
    for image in ["", "a b", "registry.example/miqa:1\n", "a\tb"] {
        let refused = KubernetesJob { image: image.into(), ..full() }.manifest().unwrap_err().to_string();
        assert!(refused.contains("container image"), "{refused}");
    }
}
