//! ONNX Runtime and its execution provider.

use super::finding::Finding;
use crate::engine::{Device, EngineError, Provider, Runtime, runtime::VERSION};

/// What was found, and the runtime itself if it could be opened.
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    pub(super) opened: Option<Runtime>,
}

/// Loads the library; for CUDA a session is opened on it, which alone says whether it works.
pub(super) fn check(device: Device) -> Checked {
    match Runtime::open(device) {
        Ok(runtime) => {
            let library = format!("{VERSION} from {}", runtime.library().display());
            let findings = vec![Finding::fine("runtime", "ONNX Runtime", library), provider(runtime.provider())];
            Checked { findings, opened: Some(runtime) }
        }
        Err(error) => Checked { findings: vec![failure(&error)], opened: None },
    }
}

fn provider(provider: &Provider) -> Finding {
    match provider {
        Provider::Cpu { instead_of_cuda: Some(_) } => Finding::note("runtime", "provider", provider.to_string())
            .mended_by("set device = \"cpu\" in [engine] if there is no GPU, or see docs/operation.md for CUDA"),
        Provider::Cuda | Provider::Cpu { .. } => Finding::fine("runtime", "provider", provider.to_string()),
    }
}

fn failure(error: &EngineError) -> Finding {
    let (subject, mend) = match error {
        EngineError::Cuda { next, .. } => ("provider", (*next).to_owned()),
        EngineError::NoLibrary { .. } => ("ONNX Runtime", "make deps".into()),
        _ => ("ONNX Runtime", format!("make deps, or set {} to the library", crate::engine::runtime::LIBRARY_VARIABLE)),
    };
    Finding::problem("runtime", subject, error.to_string()).mended_by(mend)
}
