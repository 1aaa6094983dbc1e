//! Models on one GPU: a thread owns their sessions and runs batches; those that make pictures send them.
//!
//! ```text
//! worker threads: render → resize → normalise ─┐                       ┌→ decode → rows
//!                                              ├→ queue → inference ──→┤
//! worker threads: render → resize → normalise ─┘  (bounded)            └→ decode → rows
//! ```
//!
//! The queue holds a batch a model at most, so that the CPU is ahead of the GPU by as much and no more memory is taken.

mod asker;
mod batch_size;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::thread::JoinHandle;

use miqa::engine::Runtime;

pub use asker::Batches;
pub use batch_size::{BatchSize, probe};

use super::batch::Batch;
use super::decode::Tensor;
use super::model::ModelError;
use super::picture_session::PictureSession;
use super::zoo::{Zoo, ZooModel};

/// A batch for one model.
struct Request {
    model: usize,
    batch: Batch,
    /// The asker's name for it.
    first: usize,
    reply: Sender<Reply>,
}

/// What a model gave for a batch.
struct Reply {
    model: usize,
    first: usize,
    /// Given back, with its memory.
    batch: Batch,
    /// For each picture; or what ONNX Runtime said.
    outputs: Result<Vec<Vec<Tensor>>, String>,
}

/// The thread with the sessions. It ends when this is dropped.
pub struct Inference<'a> {
    zoo: &'a Zoo,
    sizes: Vec<usize>,
    queue: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl<'a> Inference<'a> {
    /// Opens all models of the zoo and settles how many pictures each takes at once; their files are searched in `folders`.
    ///
    /// # Errors
    /// A file is missing or not the one meant, or ONNX Runtime can't open it.
    pub fn start(runtime: &Runtime, zoo: &'a Zoo, folders: &[PathBuf], size: BatchSize) -> Result<Self, ModelError> {
        let mut models = Vec::new();
        for entry in &zoo.models {
            let (path, bytes) = entry.load(folders)?;
            models.push((entry.clone(), PictureSession::open(runtime, &path.display().to_string(), &bytes)?));
        }
        // All are open, with their weights in memory, when the first is tried.
        let sizes: Vec<usize> = models.iter_mut().map(|(entry, session)| size.of(session, &entry.input)).collect();
        let (queue, requests) = sync_channel(models.len());
        let thread = std::thread::Builder::new().name("inference".to_owned());
        let thread = thread.spawn(move || serve(models, &requests)).map_err(|error| ModelError::Run {
            model: zoo.models.first().map_or_else(String::new, |model| model.name.clone()),
            reason: format!("no thread for it: {error}"),
        })?;
        Ok(Self { zoo, sizes, queue: Some(queue), thread: Some(thread) })
    }

    /// Each model with the number of pictures that it takes at once.
    pub fn sizes(&self) -> impl Iterator<Item = (&ZooModel, usize)> {
        self.zoo.models.iter().zip(self.sizes.iter().copied())
    }
}

impl Drop for Inference<'_> {
    fn drop(&mut self) {
        // Those who send borrow this, so the queue closes here.
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was an error to whoever waited for a reply.
            let _ = thread.join();
        }
    }
}

fn serve(mut models: Vec<(ZooModel, PictureSession)>, requests: &Receiver<Request>) {
    for Request { model, batch, first, reply } in requests {
        let (entry, session) = &mut models[model];
        let outputs = session.outputs_of_each(&entry.input, &batch);
        // Whoever asked may have failed meanwhile.
        let _ = reply.send(Reply { model, first, batch, outputs });
    }
}
