//! Little texture where this camera has much: something lies over the lens.

use serde::{Deserialize, Serialize};

/// A picture has lost its texture below this share of what the camera's poorest pictures usually have.
const LOST: f32 = 0.2;
/// It has it again from this share on.
const BACK: f32 = 0.4;
/// Looks in a row until either is said.
const AFTER: u8 = 5;

/// Whether the view is covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cover {
    /// Since when, in seconds since 1970.
    since: Option<u64>,
    /// Looks in a row that say otherwise, and the first one's time.
    #[serde(skip)]
    otherwise: u8,
    #[serde(skip)]
    first: u64,
}

impl Cover {
    /// Since when the view is covered, in seconds since 1970.
    pub(super) fn since(&self) -> Option<u64> {
        self.since
    }

    /// Whether this picture has lost its texture against what is usual.
    pub(super) fn is_lost(texture: f32, usual: f32) -> bool {
        texture < LOST * usual
    }

    /// Takes a look of time `wall` with that texture (0–1), where `usual` is what the poorest tenth has; true if it turns.
    pub(super) fn look(&mut self, wall: u64, texture: f32, usual: f32) -> bool {
        let otherwise = match self.since {
            None => Self::is_lost(texture, usual),
            Some(_) => texture >= BACK * usual,
        };
        if !otherwise {
            self.otherwise = 0;
            return false;
        }
        if self.otherwise == 0 {
            self.first = wall;
        }
        self.otherwise += 1;
        let turns = self.otherwise >= AFTER;
        if turns {
            self.otherwise = 0;
            self.since = if self.since.is_some() { None } else { Some(self.first) };
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_comes_and_goes_after_five_looks() {
        let mut cover = Cover::default();
        let mut turns = Vec::new();
        for minute in 0..40_u64 {
            let texture = match minute {
                10..13 | 15..25 => 0.02,
                25..28 => 0.1,
                _ => 0.3,
            };
            if cover.look(60 * minute, texture, 0.3) {
                turns.push((minute, cover.since()));
            }
        }
        assert_eq!(turns, [(19, Some(900)), (32, None)]);
    }
}
