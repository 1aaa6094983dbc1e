//! Streams' baselines at work: fed once a minute, told to monitors and metrics, kept in the state folder.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    time::Duration,
};

use super::{
    clock::today,
    roster::trouble,
    stream::{Watched, lock},
};
use crate::{
    event::{BaselineEvent, BaselineNews, Event, Seconds},
    facts::LightMode,
    monitor::{
        Input,
        baseline::{Baseline, Look, Origin},
    },
    state::{Shelf, ShelfError},
};

/// The file of baselines in the state folder.
const FILE: &str = "baselines.json";

/// How often baselines are written down: a machine that dies costs so much learning.
const WRITE: Duration = Duration::from_secs(3600);

/// A stream's baseline; none for what is no camera and where none is wanted.
#[derive(Debug, Default)]
pub(super) struct Learner {
    baseline: Option<Baseline>,
    /// The light that the monitor was told the normal of.
    told: Option<LightMode>,
}

impl Watched {
    /// Begins to learn, from what was kept of it on.
    pub(super) fn learn_from(&self, baseline: Baseline) {
        if !(self.stream.baseline && self.stream.location.is_live()) {
            return;
        }
        self.metrics().baseline(&baseline.statuses());
        *lock(self.learner()) = Learner { baseline: Some(baseline), told: None };
    }

    /// Looks, if a look is due; `score` is the smoothed score of the newest picture, if that was scored. Tells the monitor
    /// what is normal by the light there is now.
    pub(super) fn learn(&self, now: Duration, score: Option<f32>, floor: f32) {
        let mut learner = lock(self.learner());
        let Learner { baseline: Some(baseline), told } = &mut *learner else { return };
        let inspector = lock(self.inspector());
        let (Some(light), Some(scalars)) = (inspector.light(), inspector.scalars()) else { return };
        let wall = today();
        let due = baseline.is_due(wall);
        if !due && *told == Some(light) {
            return;
        }
        let (signature, sight) = (inspector.signature(), inspector.standing().next().map(|(sight, _)| sight));
        drop(inspector);
        let mut news = Vec::new();
        if let (true, Some(signature)) = (due, &signature) {
            news = baseline.look(wall, &Look { light, scalars, signature, score, sight }, floor);
            self.metrics().baseline(&baseline.statuses());
        }
        *told = Some(light);
        let status = baseline.status(light);
        drop(learner);
        if let Some(screen) = self.outlet().screen() {
            screen.pane(&self.stream.name).set_normal(status.band.map(Into::into));
        }
        self.step(now, Input::Baseline(Some(status)), None);
        news.into_iter().for_each(|news| self.tell_news(now, news));
    }

    pub(super) fn tell_news(&self, now: Duration, news: BaselineNews) {
        self.outlet().say(Event::Baseline(BaselineEvent { stream: self.stream.name.clone(), news, at: Seconds(now) }));
    }

    /// What is to be kept.
    pub(super) fn learnt(&self) -> Option<Baseline> {
        lock(self.learner()).baseline.clone()
    }
}

/// What earlier runs learnt, by stream, and where it is kept.
#[derive(Debug, Default)]
pub(super) struct Library {
    shelf: Option<Shelf>,
    kept: HashMap<String, Result<Baseline, String>>,
    written: Duration,
    /// The newest error of writing, said once as long as it stays the same.
    error: Option<String>,
}

impl Library {
    /// Reads what is kept in a state folder; what can't be read is said and learnt anew.
    pub(super) fn open(folder: &Path) -> (Self, Option<Event>) {
        let shelf = Shelf::new(folder, FILE);
        let (kept, error) = match shelf.read() {
            Ok(kept) => (kept.into_iter().collect(), None),
            Err(error) => (HashMap::new(), Some(anew(&error))),
        };
        (Self { shelf: Some(shelf), kept, ..Self::default() }, error)
    }

    /// A stream begins: its baseline goes on, or begins anew.
    pub(super) fn begin(&mut self, stream: &Watched, model: &str, now: Duration) {
        let origin = Origin { model: model.into(), head: stream.stream.gate.head.clone() };
        let resumed =
            self.kept.remove(&stream.stream.name).map(|kept| kept.and_then(|kept| Baseline::resume(kept, &origin)));
        let baseline = match resumed {
            Some(Ok(baseline)) => baseline,
            Some(Err(reason)) => {
                if stream.stream.baseline {
                    stream.tell_news(now, BaselineNews::Anew { reason });
                }
                Baseline::new(origin)
            }
            None => Baseline::new(origin),
        };
        stream.learn_from(baseline);
    }

    /// A stream ends here, and may begin again with other settings.
    pub(super) fn end(&mut self, stream: &Watched) {
        if let Some(baseline) = stream.learnt() {
            self.kept.insert(stream.stream.name.clone(), Ok(baseline));
        }
    }

    /// Writes down what was learnt, now and then or at the end; says what stands in the way.
    pub(super) fn write<'a>(
        &mut self,
        now: Duration,
        last: bool,
        streams: impl Iterator<Item = &'a Watched>,
    ) -> Option<Event> {
        let shelf = self.shelf.as_ref()?;
        if !last && now.saturating_sub(self.written) < WRITE {
            return None;
        }
        self.written = now;
        let kept: BTreeMap<_, _> = streams.filter_map(|s| Some((s.stream.name.clone(), s.learnt()?))).collect();
        let error = shelf.write(kept).err().map(|error| error.to_string());
        let new = error.clone().filter(|error| self.error.as_ref() != Some(error));
        self.error = error;
        new.map(|error| trouble(format!("baselines can't be kept: {error}")))
    }
}

fn anew(error: &ShelfError) -> Event {
    trouble(format!("baselines can't be read, every camera's normal is learnt anew: {error}"))
}
