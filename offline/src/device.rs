//! What labelling and training run on.

use miqa::engine::{Device, EngineError, Runtime};

/// As `--device` names it. There is no falling back from one to the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChosenDevice {
    /// The CPU, a core a thread.
    #[default]
    Cpu,
    /// A GPU with CUDA, by its number.
    Cuda(u32),
}

impl ChosenDevice {
    /// ONNX Runtime for it. Labels of another device are other labels in the last digits.
    ///
    /// # Errors
    /// No library, or none that can open a session there; one line that names the next step.
    pub fn runtime(self) -> Result<Runtime, String> {
        let opened = match self {
            Self::Cpu => Runtime::open(Device::Cpu),
            Self::Cuda(number) => Runtime::open_cuda(number),
        };
        opened.map_err(|error| match error {
            EngineError::Cuda { reason, next } => self.refused(&reason, next),
            other => other.to_string(),
        })
    }
}

impl ChosenDevice {
    /// libtorch's name for it; with CUDA libtorch's part for it is loaded first, so nothing may have been asked of libtorch
    /// before.
    ///
    /// # Errors
    /// That part can't be loaded or finds no such GPU; one line that names the next step.
    #[cfg(feature = "train")]
    pub fn torch(self) -> Result<tch::Device, String> {
        let Self::Cuda(number) = self else { return Ok(tch::Device::Cpu) };
        load_torch_cuda().map_err(|reason| {
            self.refused(
                &reason,
                "put it and the CUDA libraries it needs, of the same torch 2.11.0, on LD_LIBRARY_PATH",
            )
        })?;
        let found = tch::Cuda::device_count();
        if i64::from(number) >= found {
            let next = "look at the driver (nvidia-smi) and CUDA_VISIBLE_DEVICES";
            return Err(self.refused(&format!("libtorch finds {found} GPUs"), next));
        }
        Ok(tch::Device::Cuda(number as usize))
    }

    fn refused(self, reason: &str, next: &str) -> String {
        format!("--device {self} is not usable: {reason}; {next}, or give --device cpu")
    }
}

/// The program is linked to libtorch's CPU part alone, so that it runs without CUDA; loading the CUDA part registers it.
#[cfg(feature = "train")]
fn load_torch_cuda() -> Result<(), String> {
    let name = c"libtorch_cuda.so";
    #[expect(unsafe_code, reason = "FFI: loading a library runs its initialisers, which is what is wanted")]
    let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if !library.is_null() {
        return Ok(());
    }
    #[expect(
        unsafe_code,
        reason = "FFI: dlerror gives a string that lives until the next call on this thread, or null"
    )]
    let why = unsafe {
        let text = libc::dlerror();
        (!text.is_null()).then(|| std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    Err(why.unwrap_or_else(|| "libtorch_cuda.so can't be loaded".to_owned()))
}

impl std::str::FromStr for ChosenDevice {
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

impl std::fmt::Display for ChosenDevice {
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
            ("cpu", ChosenDevice::Cpu, "cpu"),
            ("cuda", ChosenDevice::Cuda(0), "cuda:0"),
            ("cuda:3", ChosenDevice::Cuda(3), "cuda:3"),
        ] {
            assert_eq!(text.parse(), Ok(device));
            assert_eq!(device.to_string(), name);
        }
        for bad in ["gpu", "cuda:", "cuda:-1", "cpu:0", "cuda:x", ""] {
            assert!(bad.parse::<ChosenDevice>().is_err_and(|text| text.contains("cuda:N")), "{bad}");
        }
    }

    /// A library without CUDA says so; one with it and no GPU too. Where there is a GPU this opens.
    #[test]
    fn cuda_that_cannot_run_is_an_error_with_the_next_step() {
        match ChosenDevice::Cuda(0).runtime() {
            Ok(_) => println!("skipped: refusal of CUDA (there is a GPU)"),
            Err(text) => {
                assert!(text.starts_with("--device cuda:0 is not usable: "), "{text}");
                assert!(text.ends_with(", or give --device cpu") && !text.contains('\n'), "{text}");
            }
        }
    }

    /// Nothing of libtorch's may have run before in the process where there is a GPU; here it must say what is missing.
    #[cfg(feature = "train")]
    #[test]
    fn training_on_cuda_that_is_not_there_is_an_error_with_the_next_step() {
        assert_eq!(ChosenDevice::Cpu.torch(), Ok(tch::Device::Cpu));
        match ChosenDevice::Cuda(0).torch() {
            Ok(_) => println!("skipped: refusal of CUDA (there is a GPU)"),
            Err(text) => {
                assert!(text.starts_with("--device cuda:0 is not usable: "), "{text}");
                assert!(text.ends_with(", or give --device cpu") && !text.contains('\n'), "{text}");
            }
        }
    }
}
