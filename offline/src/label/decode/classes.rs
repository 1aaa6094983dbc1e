//! A classifier's output: one value a class.

use super::{DecodeError, Seen, TopFive, is_share};

/// The five most probable classes; equal values: the lower position first, on every machine.
pub(super) fn top_five(seen: &Seen, logits: bool) -> Result<TopFive, DecodeError> {
    let refuse = |reason: String| Err(DecodeError(reason));
    let Some(output) = seen.outputs.first() else { return refuse("it has no output".to_owned()) };
    let values = &output.values;
    let positions = seen.classes.positions();
    if values.len() != positions {
        return refuse(format!("its output has {} classes, not {positions}", values.len()));
    }
    if let Some(position) = values.iter().position(|value| !value.is_finite()) {
        return refuse(format!("its output for class {position} is {}", values[position]));
    }
    if let Some(position) = values.iter().position(|&value| !logits && !is_share(value)) {
        return refuse(format!(
            "its output for class {position} is {}, no probability; give its decoder kind = \"logits\"",
            values[position]
        ));
    }
    let named = |position: usize| seen.classes.class(position).map(|class| (position, class));
    let mut order: Vec<(usize, u16)> = (0..positions).filter_map(named).collect();
    if order.len() < 5 {
        return refuse(format!("its classes are {}, five are stored", order.len()));
    }
    let better = |a: &(usize, u16), b: &(usize, u16)| values[b.0].total_cmp(&values[a.0]).then(a.0.cmp(&b.0));
    order.select_nth_unstable_by(4, better);
    order.truncate(5);
    order.sort_unstable_by(better);
    let largest = values.iter().copied().fold(f32::MIN, f32::max);
    let exponential = |value: f32| (f64::from(value) - f64::from(largest)).exp();
    let sum: f64 = if logits { values.iter().map(|&value| exponential(value)).sum() } else { 1.0 };
    let probability =
        |position: usize| if logits { (exponential(values[position]) / sum) as f32 } else { values[position] };
    Ok(std::array::from_fn(|i| (order[i].1, probability(order[i].0))))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::decode::Tensor;
    use crate::label::fit::Placement;
    use crate::label::zoo::{ClassMap, KnownClasses};

    fn top(values: &[f32], logits: bool, classes: &ClassMap) -> Result<TopFive, DecodeError> {
        let outputs = [Tensor { name: "y".into(), shape: vec![values.len()], values: values.to_vec() }];
        let placement = Placement { picture: (1, 1), input: (1, 1), scale: (1.0, 1.0), corner: (0.0, 0.0) };
        top_five(&Seen { outputs: &outputs, placement: &placement, classes }, logits)
    }

    #[test]
    fn the_five_best_with_ties_and_softmax() {
        let imagenet = ClassMap::Known(KnownClasses::ImageNet);
        let mut values = vec![0.0; 1000];
        for (class, value) in [(7, 0.3), (900, 0.5), (3, 0.3), (500, 0.1)] {
            values[class] = value;
        }
        let best = top(&values, false, &imagenet).unwrap();
        assert_eq!(best, [(900, 0.5), (3, 0.3), (7, 0.3), (500, 0.1), (0, 0.0)]);
        values.iter_mut().for_each(|value| *value *= 10.0);
        let best = top(&values, true, &imagenet).unwrap();
        let sum: f64 = values.iter().map(|&v| f64::from(v).exp()).sum();
        assert!((f64::from(best[0].1) - 5.0_f64.exp() / sum).abs() < 1e-7);
        assert_eq!(best.map(|(class, _)| class), [900, 3, 7, 500, 0]);
    }

    #[test]
    fn the_background_is_no_class() {
        let with = ClassMap::Known(KnownClasses::BackgroundImageNet);
        let mut values = vec![0.0; 1001];
        (values[0], values[8]) = (0.9, 0.1);
        assert_eq!(top(&values, false, &with).unwrap()[0], (7, 0.1));
        let own = ClassMap::Own(vec![10, -1, 30, 40, 50, 60]);
        assert_eq!(
            top(&[1.0, 9.0, 3.0, 4.0, 5.0, 6.0], true, &own).unwrap().map(|(class, _)| class),
            [60, 50, 40, 30, 10]
        );
        assert!(top(&[1.0; 3], false, &ClassMap::Own(vec![1, 2, 3])).unwrap_err().0.contains("five"));
    }

    #[test]
    fn outputs_of_another_kind_are_refused() {
        let imagenet = ClassMap::Known(KnownClasses::ImageNet);
        assert!(top(&[0.0; 1001], true, &imagenet).unwrap_err().0.contains("1001 classes"));
        assert!(top(&[], true, &imagenet).is_err());
        let mut values = vec![0.0; 1000];
        for (value, fits) in [(632.0, false), (-0.2, false), (1.01, false), (1.0005, true), (-0.0005, true)] {
            values[4] = value;
            let text = top(&values, false, &imagenet).err().map(|error| error.0).unwrap_or_default();
            assert!(
                text.is_empty() == fits && (fits || text.contains("class 4 is") && text.contains("logits")),
                "{text}"
            );
            assert!(top(&values, true, &imagenet).is_ok());
        }
        values[4] = f32::NAN;
        assert!(top(&values, true, &imagenet).unwrap_err().0.contains("class 4 is NaN"));
    }
}
