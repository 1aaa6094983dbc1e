//! Small JPEGs of streams, made when somebody looks: one thread behind everything else, in front of which orders are given up
//! rather than waited for. Frames go back to their decoder as soon as they are drawn.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{Instant, SystemTime},
};

use jpeg_encoder::{ColorType, Encoder};
use tokio::sync::Notify;

use super::{lock, thin::thin};
use crate::{
    frame::Frame,
    preprocess::{Filter, resize_rgb, to_rgb},
};

/// Orders that may wait: each holds a decoder's buffer.
const WAITING: usize = 4;

/// JPEG quality (1–100).
const QUALITY: u8 = 70;

/// How much later than everything else the thread is served (0–19, `nice`).
const LATER: i32 = 10;

/// How large a picture is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Size {
    /// For a grid of many.
    Small,
    /// For a closer look.
    Large,
}

impl Size {
    /// Longest width in pixels.
    const fn width(self) -> u32 {
        match self {
            Self::Small => 384,
            Self::Large => 960,
        }
    }

    /// Its bit where several are wanted.
    pub(super) const fn bit(self) -> u8 {
        match self {
            Self::Small => 1,
            Self::Large => 2,
        }
    }
}

/// A picture as it is served.
#[derive(Clone, Debug)]
pub(in crate::http) struct Picture {
    /// JPEG.
    pub(in crate::http) bytes: axum::body::Bytes,
    /// When the frame was taken.
    pub(in crate::http) taken: SystemTime,
    pub(super) at: Instant,
}

/// Where the newest picture of a kind hangs.
#[derive(Debug, Default)]
pub(super) struct Place {
    picture: Mutex<Option<Picture>>,
    pub(super) changed: Notify,
}

impl Place {
    pub(super) fn get(&self) -> Option<Picture> {
        lock(&self.picture).clone()
    }

    pub(super) fn clear(&self) {
        lock(&self.picture).take();
    }
}

pub(super) struct Order {
    pub(super) frame: Frame,
    pub(super) size: Size,
    pub(super) place: Arc<Place>,
}

/// Where pictures are ordered; cheap to clone.
#[derive(Clone)]
pub(super) struct Orders(SyncSender<Order>);

impl Orders {
    /// False if too many wait.
    pub(super) fn give(&self, order: Order) -> bool {
        !matches!(self.0.try_send(order), Err(TrySendError::Full(_)))
    }
}

/// The thread that draws; it ends with the last one who may order.
pub(super) struct Painter(Orders);

impl Painter {
    pub(super) fn start() -> std::io::Result<Self> {
        let (to, from) = sync_channel(WAITING);
        std::thread::Builder::new().name("pictures".into()).spawn(move || work(&from))?;
        Ok(Self(Orders(to)))
    }

    pub(super) fn order(&self) -> Orders {
        self.0.clone()
    }
}

fn work(from: &Receiver<Order>) {
    // On Linux that concerns this thread alone. If it can't be had the pictures are made all the same.
    let _as_before = rustix::process::nice(LATER);
    for Order { frame, size, place } in from {
        match draw(&frame, size) {
            Ok(bytes) => {
                let picture = Picture { bytes: bytes.into(), taken: SystemTime::now(), at: Instant::now() };
                *lock(&place.picture) = Some(picture);
            }
            Err(error) => tracing::debug!(error, "a picture could not be drawn"),
        }
        drop(frame);
        place.changed.notify_waiters();
    }
}

/// The frame as a JPEG of at most that width.
fn draw(frame: &Frame, size: Size) -> Result<Vec<u8>, String> {
    let wanted = size.width().min(frame.width);
    // Thinned to about twice the size first: resizing what is thrown away would be most of the work.
    let rgb = to_rgb(&thin(frame, frame.width / (2 * wanted).max(1))).map_err(|e| e.to_string())?;
    let height = u64::from(frame.height) * u64::from(wanted) / u64::from(frame.width.max(1));
    let target = (wanted, height.clamp(1, 4096) as u32);
    let bytes =
        resize_rgb(rgb.as_raw(), rgb.dimensions(), None, target, Filter::Bilinear).map_err(|e| e.to_string())?;
    let (Ok(width), Ok(height)) = (u16::try_from(target.0), u16::try_from(target.1)) else {
        return Err("too large".into());
    };
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, QUALITY).encode(&bytes, width, height, ColorType::Rgb).map_err(|e| e.to_string())?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_small_and_keep_their_shape() {
        for ((width, height), size, expected) in [
            ((1920, 1080), Size::Small, (384, 216)),
            ((1920, 1080), Size::Large, (960, 540)),
            ((320, 288), Size::Small, (320, 288)),
            ((32, 4000), Size::Large, (32, 4000)),
            ((5000, 33), Size::Small, (384, 2)),
        ] {
            let frame = Frame::from_rgb(image::RgbImage::from_pixel(width, height, image::Rgb([200, 40, 40])));
            let jpeg = draw(&frame, size).expect("drawn");
            let picture = image::load_from_memory(&jpeg).expect("a JPEG").into_rgb8();
            assert_eq!(picture.dimensions(), expected, "{width}×{height}");
            let [r, g, b] = picture.get_pixel(1, 1).0;
            assert!(r > 190 && g < 60 && b < 60, "{r} {g} {b}");
        }
    }

    #[test]
    fn whoever_orders_too_much_waits_for_nothing() {
        let (to, from) = sync_channel(1);
        let orders = Orders(to);
        let order =
            || Order { frame: Frame::from_rgb(image::RgbImage::new(2, 2)), size: Size::Small, place: Arc::default() };
        assert!(orders.give(order()) && !orders.give(order()));
        drop(from);
    }
}
