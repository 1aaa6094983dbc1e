//! Learning rate: linear warm-up, then half a cosine down to zero (paper, section 6.2).

/// Factor on the highest rate at `step` of `steps`, the first `warmup` of which rise linearly.
#[must_use]
pub fn factor(step: u64, steps: u64, warmup: u64) -> f64 {
    if step < warmup {
        return (step + 1) as f64 / warmup as f64;
    }
    let rest = steps.saturating_sub(warmup).max(1) as f64;
    let progress = ((step - warmup) as f64 / rest).min(1.0);
    0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::factor;

    #[test]
    fn rises_then_falls_to_zero() {
        for (step, expected) in [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (55, 0.5), (100, 0.0), (150, 0.0)] {
            assert!((factor(step, 100, 10) - expected).abs() < 1e-12, "step {step}: {}", factor(step, 100, 10));
        }
        assert!((factor(0, 10, 0) - 1.0).abs() < 1e-12);
    }
}
