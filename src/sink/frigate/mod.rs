//! Frigate's detection follows the gates: off while a gate is closed, put back once it opens, when we stop, and at the
//! next start if we died; by `miqa gate restore` ([`restore`]) without the daemon; by the broker itself (a last will for
//! each camera) if nobody is left.
//!
//! [`camera`] decides, [`bridge`] carries out.

mod bridge;
mod camera;
mod guard;
mod wanted;

use std::{
    io,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Setting, Sink, SinkError,
    broker::{Link, Options},
};
use crate::{
    config::{self, FrigateMode},
    event::{Event, Said},
    gate::Board,
    state::Store,
};
use bridge::{Bridge, Left};

/// Time to put everything back once the queue has ended.
const FAREWELL: Duration = Duration::from_millis(2500);

/// The bridge as a sink: it takes no events, follows the board, and ends with its queue.
pub struct Frigate {
    link: Link,
    left: Left,
}

impl Frigate {
    /// Starts the bridge.
    ///
    /// # Errors
    /// [`SinkError`] without a state folder, certificates or threads; a broker that can't be reached is no error.
    pub fn start(settings: &config::Frigate, setting: &Setting) -> Result<Self, SinkError> {
        let store = setting.store.clone().ok_or(SinkError::NoState)?;
        let (link, left) = talk(settings.clone(), Arc::clone(&setting.board), store)?;
        Ok(Self { link, left })
    }
}

fn talk(settings: config::Frigate, board: Arc<Board>, store: Arc<Store>) -> Result<(Link, Left), SinkError> {
    let options = Options::new(&settings.broker, "-frigate", None)?;
    let left = Left::default();
    let bridge = Bridge::new(settings, board, store, Arc::clone(&left));
    let thread = |source| SinkError::Thread { what: "frigate".into(), source };
    Ok((Link::start("frigate", options, bridge).map_err(thread)?, left))
}

fn remaining(left: &Left) -> Vec<String> {
    left.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Sink for Frigate {
    fn name(&self) -> &'static str {
        "frigate"
    }

    fn wants(&self) -> Box<dyn Fn(&Event) -> bool + Send + Sync> {
        Box::new(|_| false)
    }

    fn write(&mut self, _said: &Said) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Frigate {
    fn drop(&mut self) {
        self.link.stop(FAREWELL);
        for camera in remaining(&self.left) {
            tracing::warn!(
                sink = "frigate",
                camera,
                "detection could not be put back now; run `miqa gate restore`, or start miqa again"
            );
        }
    }
}

/// Puts back every setting that an earlier run changed, without a daemon, and forgets those that are back. Waits at most
/// for `limit`; returns the cameras that are not back yet, because the broker or Frigate isn't there.
///
/// # Errors
/// [`SinkError`] without certificates or threads.
pub fn restore(settings: &config::Frigate, store: &Arc<Store>, limit: Duration) -> Result<Vec<String>, SinkError> {
    let cameras = store.get().frigate.into_keys().collect::<Vec<_>>();
    if cameras.is_empty() {
        return Ok(cameras);
    }
    // In shadow mode nothing is switched off, and what is off by us is put back.
    let settings = config::Frigate { mode: FrigateMode::Shadow, cameras: [].into(), ..settings.clone() };
    let (mut link, left) = talk(settings, Arc::default(), Arc::clone(store))?;
    let until = Instant::now() + limit;
    while !remaining(&left).is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    link.stop(until.saturating_duration_since(Instant::now()).max(Duration::from_millis(500)));
    Ok(remaining(&left))
}
