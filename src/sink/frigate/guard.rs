//! A connection of its own for one camera, whose last will puts its detection back.
//!
//! A client has one last will only, fixed when it connects; so each camera that is kept off has a connection for as long as
//! it is. If this program, its machine or its network dies, the broker says the word in our place.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use rumqttc::{AsyncClient, Event, Incoming, Outgoing};
use tokio::{
    sync::Notify,
    time::{Duration, sleep, timeout},
};

use crate::sink::broker::Options;

/// The pause before a broken connection is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// Time that the word of farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// A last will that lies with the broker. Dropped with the connection's runtime it is carried out.
pub(super) struct Guard {
    state: Arc<State>,
    seen: u64,
}

#[derive(Default)]
struct State {
    up: AtomicBool,
    /// How often the connection broke: each time the will may have been carried out.
    breaks: AtomicU64,
    over: Notify,
    gone: AtomicBool,
}

impl Guard {
    /// Leaves the will of `options`. Must be called within the connection's runtime.
    pub(super) fn leave(options: &Options) -> Self {
        let state = Arc::new(State::default());
        tokio::spawn(keep(options.clone(), Arc::clone(&state)));
        Self { state, seen: 0 }
    }

    /// Whether the will lies with the broker.
    pub(super) fn is_up(&self) -> bool {
        self.state.up.load(Ordering::Acquire)
    }

    /// Whether the connection broke since the last call.
    pub(super) fn has_broken(&mut self) -> bool {
        let breaks = self.state.breaks.load(Ordering::Acquire);
        std::mem::replace(&mut self.seen, breaks) != breaks
    }

    /// Takes the will back.
    pub(super) fn take_back(self) -> Farewell {
        self.state.over.notify_one();
        Farewell(self.state)
    }
}

/// A will that is being taken back.
pub(super) struct Farewell(Arc<State>);

impl Farewell {
    /// Whether the broker was told, or could not be.
    pub(super) fn is_over(&self) -> bool {
        self.0.gone.load(Ordering::Acquire)
    }
}

async fn keep(options: Options, state: Arc<State>) {
    let (client, mut events) = AsyncClient::new(options.into_mqtt(), 4);
    loop {
        tokio::select! {
            biased;
            // The poll is cut short here, but nothing is polled afterwards that it could have left half done.
            () = state.over.notified() => break,
            event = events.poll() => match event {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => state.up.store(true, Ordering::Release),
                Ok(_) => {}
                Err(_) => {
                    if state.up.swap(false, Ordering::AcqRel) {
                        state.breaks.fetch_add(1, Ordering::AcqRel);
                    }
                    sleep(PAUSE).await;
                }
            },
        }
    }
    if state.up.load(Ordering::Acquire) && client.try_disconnect().is_ok() {
        let gone =
            async { while !matches!(events.poll().await, Err(_) | Ok(Event::Outgoing(Outgoing::Disconnect))) {} };
        let _ = timeout(FAREWELL, gone).await;
    }
    state.gone.store(true, Ordering::Release);
}
