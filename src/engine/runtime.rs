//! ONNX Runtime: where its library lies, which execution provider really runs, sessions.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
};

use ort::{
    environment::Environment,
    ep,
    session::{Session, builder::GraphOptimizationLevel, builder::SessionBuilder},
};

use super::{CardError, Device};

/// The version that this program is built for.
pub const VERSION: &str = "1.31.1";

/// Environment variable with the path of ONNX Runtime's shared library, before every other place.
pub const LIBRARY_VARIABLE: &str = "MIQA_ONNXRUNTIME";

/// Why there is no session or no score.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No library in any of the usual places.
    #[error(
        "ONNX Runtime {VERSION} not found (looked for {looked}); run `make deps` or set {LIBRARY_VARIABLE} to libonnxruntime.so.{VERSION}"
    )]
    NoLibrary {
        /// The places.
        looked: String,
    },
    /// The library can't be used.
    #[error("can't load ONNX Runtime from {}: {message}; run `make deps` or set {LIBRARY_VARIABLE} to libonnxruntime.so.{VERSION}", path.display())]
    Library {
        /// The library.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// CUDA was asked for and isn't usable.
    #[error("device \"cuda\" is not usable: {reason}; {next}, or set device = \"auto\" or \"cpu\"")]
    Cuda {
        /// What ONNX Runtime said.
        reason: String,
        /// What helps, besides taking the CPU.
        next: &'static str,
    },
    /// The card or the file it names.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The file is no model that ONNX Runtime can open.
    #[error("can't open model {name}: {message}; restore or export the model again")]
    Model {
        /// The model.
        name: String,
        /// What ONNX Runtime said.
        message: String,
    },
    /// The model's tensors aren't those of its card.
    #[error("model {name} does not fit its card: {message}; export the model again")]
    Shape {
        /// The model.
        name: String,
        /// What differs.
        message: String,
    },
    /// Inference failed.
    #[error("inference with {name} failed: {message}")]
    Run {
        /// The model.
        name: String,
        /// What ONNX Runtime said.
        message: String,
    },
}

/// The execution provider that a runtime got, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// CUDA, asked for or found.
    Cuda,
    /// The CPU; the reason if CUDA was tried first.
    Cpu {
        /// Why not CUDA; `None` if the CPU was asked for.
        instead_of_cuda: Option<String>,
    },
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cuda => f.write_str("CUDA"),
            Self::Cpu { instead_of_cuda: None } => f.write_str("CPU"),
            Self::Cpu { instead_of_cuda: Some(why) } => write!(f, "CPU (CUDA not used: {why})"),
        }
    }
}

/// ONNX Runtime, loaded, and the execution provider that its sessions get.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
    provider: Provider,
    /// Which GPU, for CUDA.
    gpu: i32,
}

impl Runtime {
    /// Loads the library and settles the execution provider. For `cuda` and `auto` CUDA is really tried, by opening a
    /// session: that a library was built with CUDA says nothing about whether it works here.
    ///
    /// # Errors
    /// [`EngineError::NoLibrary`], [`EngineError::Library`], and [`EngineError::Cuda`] for [`Device::Cuda`].
    pub fn open(device: Device) -> Result<Self, EngineError> {
        Self::on(device, 0)
    }

    /// As [`Runtime::open`] with [`Device::Cuda`], on the GPU of this number.
    ///
    /// # Errors
    /// As there.
    pub fn open_cuda(gpu: u32) -> Result<Self, EngineError> {
        let gpu = i32::try_from(gpu).map_err(|_| EngineError::Cuda {
            reason: format!("there is no GPU {gpu}"),
            next: "take a number that nvidia-smi lists",
        })?;
        Self::on(Device::Cuda, gpu)
    }

    fn on(device: Device, gpu: i32) -> Result<Self, EngineError> {
        let (environment, library) = environment(device)?;
        let mut runtime = Self { environment, library, provider: Provider::Cpu { instead_of_cuda: None }, gpu };
        if device == Device::Cpu {
            return Ok(runtime);
        }
        runtime.provider = match runtime.builder(1, true).and_then(|mut b| b.commit_from_memory(IDENTITY)) {
            Ok(_) => Provider::Cuda,
            Err(e) => {
                let reason = one_line(&e.to_string());
                if device == Device::Cuda {
                    return Err(EngineError::Cuda { next: next_step(&reason), reason });
                }
                Provider::Cpu { instead_of_cuda: Some(reason) }
            }
        };
        Ok(runtime)
    }

    /// The provider that sessions get.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The library file in use.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// A session on a model file with this many threads of its own.
    ///
    /// # Errors
    /// [`EngineError::Model`] names the file.
    pub fn session(&self, model: &Path, threads: usize) -> Result<Session, EngineError> {
        let name = model.display().to_string();
        let bytes =
            std::fs::read(model).map_err(|e| EngineError::Model { name: name.clone(), message: e.to_string() })?;
        self.session_from_bytes(&name, &bytes, threads)
    }

    /// A session on a model in memory; `name` is what errors call it.
    ///
    /// # Errors
    /// [`EngineError::Model`].
    pub fn session_from_bytes(&self, name: &str, bytes: &[u8], threads: usize) -> Result<Session, EngineError> {
        self.builder(threads, self.provider == Provider::Cuda)
            .and_then(|mut b| b.commit_from_memory(bytes))
            .map_err(|e| EngineError::Model { name: name.to_owned(), message: one_line(&e.to_string()) })
    }

    fn builder(&self, threads: usize, cuda: bool) -> Result<SessionBuilder, ort::Error> {
        let mut builder = Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            // Spinning threads would steal the cores that decoding needs.
            .with_intra_op_spinning(false)?;
        if cuda {
            builder = builder
                .with_execution_providers([ep::CUDA::default().with_device_id(self.gpu).build().error_on_failure()])?;
        }
        Ok(builder)
    }
}

/// A model that returns its input, for trying a provider: ONNX IR 8, opset 13, one `Identity` on float [1].
const IDENTITY: &[u8] = b"\x08\x08\x3a\x37\x0a\x10\x0a\x01x\x12\x01y\"\x08Identity\x12\x01gZ\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01b\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01B\x04\x0a\x00\x10\x0d";

/// The process's one ONNX Runtime environment. The library of the first call stays: a process can load only one.
fn environment(device: Device) -> Result<(Environment, PathBuf), EngineError> {
    static LOADED: OnceLock<Mutex<Option<(Environment, PathBuf)>>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((environment, path)) = loaded.as_ref() {
        return Ok((environment.clone(), path.clone()));
    }
    let path = find_library(device)?;
    let fail = |message: String| EngineError::Library { path: path.clone(), message: one_line(&message) };
    let environment = ort::init_from(&path)
        .map_err(|e| fail(e.to_string()))?
        .with_name("miqa")
        .with_telemetry(false)
        .build()
        .map_err(|e| fail(e.to_string()))?;
    *loaded = Some((environment.clone(), path.clone()));
    Ok((environment, path))
}

/// Where the library is looked for: [`LIBRARY_VARIABLE`]; `../lib/miqa` beside the program (packages); `.deps/` in the
/// folders above the program and above the working folder (a checkout). Unless the CPU is asked for, a GPU build of
/// the library comes first.
fn find_library(device: Device) -> Result<PathBuf, EngineError> {
    if let Some(path) = std::env::var_os(LIBRARY_VARIABLE) {
        let path = PathBuf::from(path);
        if path.is_file() {
            return Ok(path);
        }
        return Err(EngineError::Library { path, message: format!("no such file (from {LIBRARY_VARIABLE})") });
    }
    let file = format!("libonnxruntime.so.{VERSION}");
    let program = std::env::current_exe().ok();
    let folder = std::env::current_dir().ok();
    let mut places = Vec::new();
    if let Some(bin) = program.as_deref().and_then(Path::parent) {
        places.push(bin.join("../lib/miqa").join(&file));
    }
    let builds: &[&str] =
        if device == Device::Cpu { &["onnxruntime", "onnxruntime-gpu"] } else { &["onnxruntime-gpu", "onnxruntime"] };
    for build in builds {
        for start in [program.as_deref().and_then(Path::parent), folder.as_deref()].into_iter().flatten() {
            places.extend(start.ancestors().map(|up| up.join(".deps").join(build).join("lib").join(&file)));
        }
    }
    places.into_iter().find(|p| p.is_file()).ok_or_else(|| EngineError::NoLibrary {
        looked: format!(
            "../lib/miqa beside the program and .deps/{}/lib above it and above the working folder",
            builds.join(" or ")
        ),
    })
}

/// ONNX Runtime's text on one line, without the absolute paths, source lines and status codes in it.
pub(super) fn one_line(text: &str) -> String {
    // "…: [ONNXRuntimeError] : 1 : FAIL : what happened"
    let what = text.split_once("[ONNXRuntimeError] : ").and_then(|(_, rest)| rest.splitn(3, " : ").nth(2));
    let words: Vec<_> = what
        .unwrap_or(text)
        .split_whitespace()
        .filter(|w| !(w.contains(".cc:") || w.contains(".h:")))
        .map(|w| if w.starts_with('/') && w.contains(".so") { w.rsplit('/').next().unwrap_or(w) } else { w })
        .collect();
    words.join(" ").trim_end_matches('.').to_owned()
}

/// What helps against a failure of CUDA.
fn next_step(reason: &str) -> &'static str {
    if reason.contains("not enabled in this build") {
        "get the GPU build of ONNX Runtime with `make deps GPU=1`"
    } else if reason.contains(".so") {
        "install CUDA 13 and cuDNN 9 so that the loader finds them"
    } else {
        "check the NVIDIA driver with nvidia-smi"
    }
}
