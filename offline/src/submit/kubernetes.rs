//! Manifests for Kubernetes: an Indexed Job with a pod a shard.
//!
//! Which shard a pod has, `--shard auto` reads from `JOB_COMPLETION_INDEX`. Retries are counted by shard
//! (`backoffLimitPerIndex`, stable since 1.33), so one bad shard doesn't use up those of the others.

use std::ffi::OsString;
use std::path::Path;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::{FINAL_CODES, GRACE_SECONDS, Memory, SubmitError, Work, yaml};

/// Indexes of a Job; above that Kubernetes wants a limit on failed ones too.
pub const MAX_INDEXES: u32 = 100_000;

/// Pods at the same time, if nothing else is said.
pub const PODS: u32 = 100;

/// A claim of a volume, and where the pods see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The PersistentVolumeClaim's name.
    pub claim: String,
    /// Absolute path in the container.
    pub path: String,
    /// Whether pods may not write there.
    pub read_only: bool,
}

impl FromStr for Mount {
    type Err = String;

    /// `CLAIM:/path` or `CLAIM:/path:ro`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}`: give CLAIM:/PATH or CLAIM:/PATH:ro");
        let (claim, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (path, read_only) = rest.strip_suffix(":ro").map_or((rest, false), |path| (path, true));
        // Kubernetes wants no colon in it.
        if claim.is_empty() || !path.starts_with('/') || path.contains(':') {
            return Err(wrong());
        }
        Ok(Self { claim: claim.to_owned(), path: path.to_owned(), read_only })
    }
}

/// A step of the flow as a Kubernetes Job.
#[derive(Debug, Clone, PartialEq)]
pub struct KubernetesJob {
    /// What the pods run; paths are those in the container.
    pub work: Work,
    /// Name of the Job; without one `miqa-<step>`.
    pub name: Option<String>,
    /// Its namespace; without one that of kubectl's context.
    pub namespace: Option<String>,
    /// The container's image.
    pub image: String,
    /// Secrets whose keys become environment variables, by name.
    pub secrets: Vec<String>,
    /// Likewise what is no secret: endpoint, region.
    pub config_maps: Vec<String>,
    /// Account of the pods, where the cloud gives it access to the store.
    pub service_account: Option<String>,
    /// Volumes.
    pub mounts: Vec<Mount>,
    /// Pods at the same time; without it [`PODS`].
    pub running: Option<u32>,
    /// Cores that a pod asks for.
    pub cpus: u32,
    /// GPUs (`nvidia.com/gpu`) of a pod.
    pub gpus: u32,
    /// Main memory that a pod asks for and may not exceed; none leaves it to the namespace.
    pub memory: Option<Memory>,
    /// Times that a shard is started again.
    pub retries: u32,
}

impl KubernetesJob {
    /// The manifest, as YAML.
    ///
    /// # Errors
    /// A name is none for Kubernetes, there are too many shards, a folder to write to is relative, an argument is not UTF-8
    /// or holds a password.
    pub fn manifest(&self) -> Result<String, SubmitError> {
        let Work { step, shards, inputs, .. } = &self.work;
        let job = self.job()?;
        let what = match shards {
            Some(shards) => format!("{shards} shards of {inputs}, a pod each"),
            None => "in one piece".to_owned(),
        };
        let codes = FINAL_CODES.map(|code| code.to_string()).join(", ");
        Ok(format!(
            "# miqa-offline {step}: {what}.\n\
             # Give it to `kubectl apply -f`. Needs Kubernetes 1.33. Exit codes {codes} are final, all others are tried again.\n\
             {}",
            yaml::document(&job)
        ))
    }

    fn job(&self) -> Result<Value, SubmitError> {
        self.work.check()?;
        if let Some((flag, path)) =
            self.work.writes.iter().find(|(_, path)| !path.contains("://") && !path.starts_with('/'))
        {
            return Err(SubmitError::Relative { step: self.work.step.clone(), flag, path: path.clone() });
        }
        if self.image.is_empty() || self.image.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let rule = "as REGISTRY/NAME:TAG, without blanks".to_owned();
            return Err(SubmitError::Name { name: self.image.clone(), what: "container image", rule });
        }
        let shards = self.work.shards.unwrap_or(1);
        if shards > MAX_INDEXES {
            return Err(SubmitError::Indexes { step: self.work.step.clone(), shards, most: MAX_INDEXES });
        }
        let name = self.name.clone().unwrap_or_else(|| format!("miqa-{}", self.work.step));
        // A pod's host name is the Job's name, a hyphen and the index.
        let longest = 63 - 1 - (shards.max(1) - 1).to_string().len();
        label(&name, "Job", longest)?;
        let mut metadata = Map::new();
        metadata.insert("name".into(), json!(name));
        if let Some(namespace) = &self.namespace {
            label(namespace, "namespace", 63)?;
            metadata.insert("namespace".into(), json!(namespace));
        }
        let mut pod = json!({
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "containers": [self.container()?],
        });
        if let Some(account) = &self.service_account {
            subdomain(account, "service account")?;
            pod["serviceAccountName"] = json!(account);
        }
        if !self.mounts.is_empty() {
            pod["volumes"] = self.volumes()?;
        }
        Ok(json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": {
                "completionMode": "Indexed",
                "completions": shards,
                "parallelism": self.running.unwrap_or(PODS).clamp(1, shards.max(1)),
                "backoffLimitPerIndex": self.retries,
                "podFailurePolicy": {
                    // In this order: a worker that is evicted ends with 75, which is nobody's fault and costs no retry.
                    "rules": [
                        { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
                        { "action": "FailIndex", "onExitCodes": { "containerName": "worker", "operator": "In", "values": FINAL_CODES } },
                    ],
                },
                "template": { "spec": pod },
            },
        }))
    }

    /// What would be lost with its pod, a line each: folders that the step writes to and no mount covers.
    #[must_use]
    pub fn unmounted(&self) -> Vec<String> {
        let covered = |path: &str| self.mounts.iter().any(|mount| Path::new(path).starts_with(&mount.path));
        let lost = self.work.writes.iter().filter(|(_, path)| !path.contains("://") && !covered(path));
        lost.map(|(flag, path)| {
            format!("{flag} {path} is on no volume (--mount): what is written there ends with its pod")
        })
        .collect()
    }

    fn container(&self) -> Result<Value, SubmitError> {
        let mut words = self.work.words().collect::<Vec<_>>();
        if self.work.shards.is_some() {
            words.extend(["--shard", "auto"].map(OsString::from));
        }
        let mut words: Vec<String> = words.iter().map(exact).collect::<Result<_, _>>()?;
        let program = words.remove(0);
        let mut requests = Map::from_iter([("cpu".to_owned(), json!(self.cpus.to_string()))]);
        let mut limits = Map::new();
        if let Some(memory) = self.memory {
            requests.insert("memory".into(), json!(format!("{memory}i")));
            limits.insert("memory".into(), json!(format!("{memory}i")));
        }
        if self.gpus > 0 {
            limits.insert("nvidia.com/gpu".into(), json!(self.gpus.to_string()));
        }
        let mut resources = json!({ "requests": requests });
        if !limits.is_empty() {
            resources["limits"] = json!(limits);
        }
        let mut container = json!({
            "name": "worker",
            "image": self.image,
            // No shell: the worker is the container's first process and gets the signals.
            "command": [program],
            "args": words,
            "resources": resources,
        });
        let mut sources = Vec::new();
        for secret in &self.secrets {
            subdomain(secret, "Secret")?;
            sources.push(json!({ "secretRef": { "name": secret } }));
        }
        for map in &self.config_maps {
            subdomain(map, "ConfigMap")?;
            sources.push(json!({ "configMapRef": { "name": map } }));
        }
        if !sources.is_empty() {
            container["envFrom"] = json!(sources);
        }
        if !self.mounts.is_empty() {
            let mount = |mount: &Mount| {
                let mut json = json!({ "name": self.volume_of(&mount.claim), "mountPath": mount.path });
                if mount.read_only {
                    json["readOnly"] = json!(true);
                }
                json
            };
            container["volumeMounts"] = self.mounts.iter().map(mount).collect();
        }
        Ok(container)
    }

    /// Each claim once, however many mounts it has.
    fn volumes(&self) -> Result<Value, SubmitError> {
        let mut volumes = Vec::new();
        for (i, mount) in self.mounts.iter().enumerate() {
            subdomain(&mount.claim, "PersistentVolumeClaim")?;
            if self.mounts[..i].iter().all(|before| before.claim != mount.claim) {
                let name = self.volume_of(&mount.claim);
                volumes.push(json!({ "name": name, "persistentVolumeClaim": { "claimName": mount.claim } }));
            }
        }
        Ok(json!(volumes))
    }

    /// A claim's name may have dots and 253 characters, a volume's may not.
    fn volume_of(&self, claim: &str) -> String {
        let first = self.mounts.iter().position(|mount| mount.claim == claim).unwrap_or(0);
        format!("data-{first}")
    }
}

/// An argument as Kubernetes hands it on unchanged: it reads `$(NAME)` as a variable and `$$` as a dollar.
fn exact(argument: &OsString) -> Result<String, SubmitError> {
    match argument.to_str() {
        Some(text) => Ok(text.replace('$', "$$")),
        None => Err(SubmitError::NotUtf8 { argument: argument.to_string_lossy().into_owned() }),
    }
}

/// Checks the name of an object that becomes a host name (RFC 1123 label).
fn label(name: &str, what: &'static str, longest: usize) -> Result<(), SubmitError> {
    if name.len() <= longest && is_label(name) {
        return Ok(());
    }
    let rule = format!("small letters, digits and hyphens between them, {longest} at most");
    Err(SubmitError::Name { name: name.to_owned(), what, rule })
}

/// Checks the name of another object (RFC 1123 subdomain).
fn subdomain(name: &str, what: &'static str) -> Result<(), SubmitError> {
    if name.len() <= 253 && name.split('.').all(is_label) {
        return Ok(());
    }
    let rule = "small letters, digits, and hyphens or dots between them, 253 at most".to_owned();
    Err(SubmitError::Name { name: name.to_owned(), what, rule })
}

fn is_label(name: &str) -> bool {
    let inner = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    inner && !name.is_empty() && !name.starts_with('-') && !name.ends_with('-')
}

#[cfg(test)]
#[path = "kubernetes_tests.rs"]
mod tests;
