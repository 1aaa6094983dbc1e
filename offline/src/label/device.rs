//! What models of a zoo run on.

use miqa::engine::{Device, EngineError, Runtime};

/// As `--device` names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LabelDevice {
    /// The CPU, a core a thread.
    #[default]
    Cpu,
    /// A GPU with CUDA, by its number.
    Cuda(u32),
}

impl LabelDevice {
    /// ONNX Runtime for it. There is no falling back: labels of another device are other labels in the last digits.
    ///
    /// # Errors
    /// No library, or none that can open a session there; one line that names the next step.
    pub fn runtime(self) -> Result<Runtime, String> {
        let opened = match self {
            Self::Cpu => Runtime::open(Device::Cpu),
            Self::Cuda(number) => Runtime::open_cuda(number),
        };
        opened.map_err(|error| match error {
            EngineError::Cuda { reason, next } => {
                format!("--device {self} is not usable: {reason}; {next}, or give --device cpu")
            }
            other => other.to_string(),
        })
    }
}

impl std::str::FromStr for LabelDevice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || format!("`{text}`: give cpu, cuda or cuda:N");
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", number)) => number.parse().map(Self::Cuda).map_err(|_| refused()),
            _ => Err(refused()),
        }
    }
}

impl std::fmt::Display for LabelDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named() {
        for (text, device, name) in [
            ("cpu", LabelDevice::Cpu, "cpu"),
            ("cuda", LabelDevice::Cuda(0), "cuda:0"),
            ("cuda:3", LabelDevice::Cuda(3), "cuda:3"),
        ] {
            assert_eq!(text.parse(), Ok(device));
            assert_eq!(device.to_string(), name);
        }
        for bad in ["gpu", "cuda:", "cuda:-1", "cpu:0", "cuda:x", ""] {
            assert!(bad.parse::<LabelDevice>().is_err_and(|text| text.contains("cuda:N")), "{bad}");
        }
    }

    /// A library without CUDA says so; one with it and no GPU too. Where there is a GPU this opens.
    #[test]
    fn cuda_that_cannot_run_is_an_error_with_the_next_step() {
        match LabelDevice::Cuda(0).runtime() {
            Ok(_) => println!("skipped: refusal of CUDA (there is a GPU)"),
            Err(text) => {
                assert!(text.starts_with("--device cuda:0 is not usable: "), "{text}");
                assert!(text.ends_with(", or give --device cpu") && !text.contains('\n'), "{text}");
            }
        }
    }
}
