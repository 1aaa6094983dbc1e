//! What a model's card says of how it was made, how well it does and what it is not for.

use crate::engine::Card;

/// Lines of a word and what belongs to it.
pub(super) fn lines(card: &Card) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("trained", format!("on {}; {}", card.training.data, card.training.split)),
        ("labels", card.training.labels.clone()),
    ];
    lines.extend(card.output.heads.iter().filter_map(|head| Some(("result", result(card, head)?))));
    lines.extend(card.limits.iter().map(|limit| ("limit", limit.clone())));
    lines.push(("licence", format!("{}: {}", card.licence.weights, card.licence.parts.join("; "))));
    lines
}

/// How well a head follows its labels on originals that training had not seen.
fn result(card: &Card, head: &str) -> Option<String> {
    let row = card.metrics.get(head)?;
    let figure = |name: &str| row.get(name).copied();
    let interval = figure("srcc_low").zip(figure("srcc_high"));
    let interval = interval.map(|(low, high)| format!(" [{low:.3}, {high:.3}]")).unwrap_or_default();
    let seen = figure("samples").zip(figure("originals"));
    let seen = seen.map(|(samples, originals)| format!(" on {samples} samples of {originals} unseen originals"));
    Some(format!("{head} SRCC {:.3}{interval}{}", figure("srcc")?, seen.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use std::path::Path;

    use super::*;

    #[test]
    fn the_shipped_card_says_how_it_was_made_and_how_well_it_does() {
        let card = Card::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/edge")).unwrap();
        let lines = lines(&card);
        let of = |word: &str| lines.iter().filter(|(found, _)| *found == word).collect::<Vec<_>>();
        assert_eq!((of("trained").len(), of("labels").len(), of("licence").len()), (1, 1, 1));
        assert_eq!(of("limit").len(), card.limits.len());
        assert_eq!(
            of("result").len(),
            card.output.heads.iter().filter(|head| card.metrics.contains_key(*head)).count()
        );
        let (_, first) = of("result")[0];
        let srcc = format!("{} SRCC {:.3} [", card.output.heads[0], card.metrics[&card.output.heads[0]]["srcc"]);
        assert!(first.starts_with(&srcc) && first.ends_with("unseen originals"), "{first}");
    }
}
