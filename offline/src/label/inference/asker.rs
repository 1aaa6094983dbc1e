//! One thread's pictures on their way to the models, and the answers on their way back.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};

use image::RgbImage;

use super::{Inference, Reply, Request};
use crate::label::ask::Ask;
use crate::label::batch::Batch;
use crate::label::decode::{Answer, Seen};
use crate::label::fit::Geometry;
use crate::label::model::ModelError;
use crate::label::zoo::ZooModel;

/// A picture asked about: its width and height, and an answer a model.
type Asked = ((u32, u32), Vec<Option<Answer>>);

/// Makes batches of pictures and answers of what the models give for them.
pub struct Batches<'a> {
    inference: &'a Inference<'a>,
    queue: Option<SyncSender<Request>>,
    /// A batch a model that is not full yet, with the number of its first picture.
    begun: Vec<(usize, Batch)>,
    /// Batches that came back.
    spare: Vec<Batch>,
    asked: Vec<Asked>,
    waiting: usize,
    /// Where replies come in. Once nothing more is sent the sender here is dropped: only batches on their way have one.
    sender: Option<Sender<Reply>>,
    replies: Receiver<Reply>,
}

/// The thread with the sessions is gone: a panic of ONNX Runtime's binding.
const ENDED: &str = "its thread ended";

impl<'a> Batches<'a> {
    /// For one thread.
    #[must_use]
    pub fn new(inference: &'a Inference<'a>) -> Self {
        let (sender, replies) = channel();
        let begun = inference.sizes.iter().map(|_| (0, Batch::default())).collect();
        let queue = inference.queue.clone();
        Self {
            inference,
            queue,
            begun,
            spare: Vec::new(),
            asked: Vec::new(),
            waiting: 0,
            sender: Some(sender),
            replies,
        }
    }

    fn entry(&self, model: usize) -> &'a ZooModel {
        &self.inference.zoo.models[model]
    }

    fn failed(&self, model: usize, reason: String) -> ModelError {
        ModelError::Run { model: self.entry(model).name.clone(), reason }
    }

    /// Replies that are still to come go nowhere.
    fn reopen(&mut self) {
        let (sender, replies) = channel();
        (self.sender, self.replies, self.waiting) = (Some(sender), replies, 0);
    }

    /// Sends what is begun for a model; waits while the queue is full.
    fn send(&mut self, model: usize) -> Result<(), ModelError> {
        let empty = self.spare.pop().unwrap_or_default();
        let (first, batch) = std::mem::replace(&mut self.begun[model], (0, empty));
        let (Some(queue), Some(reply)) = (&self.queue, self.sender.clone()) else {
            return Err(self.failed(model, ENDED.to_owned()));
        };
        queue.send(Request { model, batch, first, reply }).map_err(|_| self.failed(model, ENDED.to_owned()))?;
        self.waiting += 1;
        Ok(())
    }

    fn take(&mut self, reply: Reply) -> Result<(), ModelError> {
        let Reply { model, first, mut batch, outputs } = reply;
        self.waiting -= 1;
        let entry = self.entry(model);
        let outputs = outputs.map_err(|reason| self.failed(model, reason))?;
        for (number, outputs) in (first..).zip(&outputs) {
            let ((width, height), _) = self.asked[number];
            let placement = Geometry::of(&entry.input).place(width, height);
            let seen = Seen { outputs, placement: &placement, classes: &entry.classes };
            let answer = entry.decoder.decode(&seen).map_err(|error| self.failed(model, error.0))?;
            self.asked[number].1[model] = Some(answer);
        }
        batch.clear();
        self.spare.push(batch);
        Ok(())
    }
}

impl Ask for Batches<'_> {
    fn ask(&mut self, picture: &RgbImage) -> Result<(), ModelError> {
        let number = self.asked.len();
        self.asked.push((picture.dimensions(), vec![None; self.begun.len()]));
        let mut fitted: Vec<(Geometry, RgbImage)> = Vec::new();
        for model in 0..self.begun.len() {
            let entry = self.entry(model);
            let geometry = Geometry::of(&entry.input);
            let at = match fitted.iter().position(|(done, _)| *done == geometry) {
                Some(at) => at,
                None => {
                    let fit = geometry.fit(picture);
                    let fit = fit.map_err(|source| ModelError::Fit { model: entry.name.clone(), source })?;
                    fitted.push((geometry, fit));
                    fitted.len() - 1
                }
            };
            if !self.begun[model].1.push(&entry.input, &fitted[at].1) {
                // Of another size, for a model that takes any.
                self.send(model)?;
                let _ = self.begun[model].1.push(&entry.input, &fitted[at].1);
            }
            if self.begun[model].1.len() == 1 {
                self.begun[model].0 = number;
            }
            if self.begun[model].1.len() >= self.inference.sizes[model] {
                self.send(model)?;
            }
        }
        while let Ok(reply) = self.replies.try_recv() {
            self.take(reply)?;
        }
        Ok(())
    }

    fn answers(&mut self) -> Result<Vec<Vec<Answer>>, ModelError> {
        for model in 0..self.begun.len() {
            if !self.begun[model].1.is_empty() {
                self.send(model)?;
            }
        }
        self.sender = None;
        while self.waiting > 0 {
            let reply = self.replies.recv().map_err(|_| self.failed(0, ENDED.to_owned()))?;
            self.take(reply)?;
        }
        self.reopen();
        let whole = |(_, answers): (_, Vec<Option<Answer>>)| answers.into_iter().collect::<Option<Vec<Answer>>>();
        let answers: Option<Vec<_>> = self.asked.drain(..).map(whole).collect();
        Ok(answers.expect("every batch was answered"))
    }

    fn forget(&mut self) {
        self.asked.clear();
        self.begun.iter_mut().for_each(|(_, batch)| batch.clear());
        self.reopen();
    }
}
