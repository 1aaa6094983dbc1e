//! Some of an original's variants, where all are more than is needed.

use sha2::{Digest, Sha256};

use crate::plan::PlannedOriginal;

/// An original with at most `limit` of its variants, [`chosen`] by the names of their pictures.
#[must_use]
pub fn thinned(mut planned: PlannedOriginal, limit: usize) -> PlannedOriginal {
    if planned.variants.len() > limit {
        let id = &planned.original.id;
        let ids: Vec<String> = planned.variants.iter().map(|v| v.pair.stem(id, &v.distortion)).collect();
        let mut kept = chosen(ids.iter().map(String::as_str), limit).into_iter().peekable();
        let mut at = 0..;
        planned.variants.retain(|_| kept.next_if_eq(&at.next().unwrap_or_default()).is_some());
    }
    planned
}

/// Which `limit` of an original's variants are taken, as ascending places in `ids`: those whose ids have the least SHA-256, so that
/// the choice stays the same when others come or go.
pub fn chosen<'a>(ids: impl IntoIterator<Item = &'a str>, limit: usize) -> Vec<usize> {
    let mut hashed: Vec<([u8; 32], usize)> =
        ids.into_iter().enumerate().map(|(at, id)| (Sha256::digest(id).into(), at)).collect();
    hashed.sort_unstable();
    let mut kept: Vec<usize> = hashed.into_iter().take(limit).map(|(_, at)| at).collect();
    kept.sort_unstable();
    kept
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::plan::fixture::planned;
    use crate::sample::Sample;

    #[test]
    fn the_choice_depends_on_the_ids_alone() {
        let ids: Vec<String> = (0..50).map(|at| format!("a_fog_{at}")).collect();
        let names = |ids: &[String], limit| -> Vec<String> {
            chosen(ids.iter().map(String::as_str), limit).into_iter().map(|at| ids[at].clone()).collect()
        };
        let kept = names(&ids, 12);
        assert_eq!(kept.len(), 12);
        assert!(
            kept.windows(2)
                .all(|two| ids.iter().position(|id| *id == two[0]) < ids.iter().position(|id| *id == two[1]))
        );
        // Without five that were not taken, and with five of those taken gone.
        let fewer: Vec<String> = ids.iter().filter(|id| kept.contains(id) || id.len() > 7).cloned().collect();
        assert_eq!(names(&fewer, 12), kept);
        let gone: Vec<String> = ids.iter().filter(|id| !kept[..5].contains(id)).cloned().collect();
        assert!(kept[5..].iter().all(|id| names(&gone, 12).contains(id)));
        assert_eq!(names(&ids, 500), ids);
    }

    #[test]
    fn an_original_keeps_its_chosen_variants_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let whole = planned(folder.path(), 1).remove(0);
        let samples = Sample::of(whole.clone());
        let ids: Vec<String> = samples[1..].iter().map(|sample| sample.id(&whole.original.id)).collect();
        let wanted: Vec<_> =
            chosen(ids.iter().map(String::as_str), 7).into_iter().map(|at| whole.variants[at].clone()).collect();
        assert_eq!(thinned(whole.clone(), 7).variants, wanted);
        assert_eq!(wanted.len(), 7);
        assert_eq!(thinned(whole.clone(), usize::MAX), whole);
    }
}
