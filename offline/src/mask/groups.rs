//! Which originals are segmented together.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use crate::parts::Piece;
use crate::source::{Original, PixelHash};

/// Originals of one category that are segmented together.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// Name of the category, of a part of a large one, or of the one original; unique, and fit for a file name.
    pub name: String,
    /// The originals, in the order of their pixels' hashes.
    pub originals: Vec<&'a Original>,
    /// Hash over the originals' pixels: the same group has the same key, in whatever order the table lists it.
    pub key: PixelHash,
}

impl Group<'_> {
    /// The lowest id of its originals.
    #[must_use]
    pub fn first_id(&self) -> Option<&str> {
        self.originals.iter().map(|original| original.id.as_str()).min()
    }
}

impl Piece for Group<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &PixelHash {
        &self.key
    }
}

/// Groups of at most `most` originals of one category: `categories` by id, else the class; an original without either
/// is a group of its own. Larger categories are divided evenly. The order of `originals` does not matter.
#[must_use]
pub fn groups<'a>(originals: &'a [Original], categories: &HashMap<String, String>, most: usize) -> Vec<Group<'a>> {
    let mut by_name: BTreeMap<String, Vec<&Original>> = BTreeMap::new();
    for original in originals {
        let name = match categories.get(&original.id) {
            Some(category) => format!("category-{}", plain(category)),
            None if original.class >= 0 => format!("class-{:03}", original.class),
            None => format!("alone-{}", original.id),
        };
        by_name.entry(name).or_default().push(original);
    }
    let mut groups = Vec::new();
    for (name, mut members) in by_name {
        members.sort_by(|a, b| a.pixel_sha256.cmp(&b.pixel_sha256).then_with(|| a.id.cmp(&b.id)));
        let count = members.len().div_ceil(most.max(1));
        for i in 0..count {
            let part = members[i * members.len() / count..(i + 1) * members.len() / count].to_vec();
            let name = if count == 1 { name.clone() } else { format!("{name}-{}-of-{count}", i + 1) };
            let mut hash = Sha256::new();
            part.iter().for_each(|original| hash.update(original.pixel_sha256.0));
            groups.push(Group { name, originals: part, key: PixelHash(hash.finalize().into()) });
        }
    }
    groups
}

/// A category's name as part of a file name.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::tests::original;

    #[test]
    fn categories_classes_and_loners() {
        let mut originals: Vec<Original> = (0..12).map(|i| original(&format!("o{i:02}"), 4, 4)).collect();
        for (i, original) in originals.iter_mut().enumerate() {
            original.pixel_sha256 = PixelHash([(7 * i % 12) as u8; 32]);
            original.class = if i < 2 { 7 } else { -1 };
        }
        let categories: HashMap<String, String> =
            (4..11).map(|i| (format!("o{i:02}"), "traffic light".to_owned())).collect();
        let found = groups(&originals, &categories, 4);
        let sizes: Vec<_> = found.iter().map(|group| (group.name.as_str(), group.originals.len())).collect();
        let expected = [
            ("alone-o02", 1),
            ("alone-o03", 1),
            ("alone-o11", 1),
            ("category-traffic_light-1-of-2", 3),
            ("category-traffic_light-2-of-2", 4),
            ("class-007", 2),
        ];
        assert_eq!(sizes, expected);
        let mut reversed = originals.clone();
        reversed.reverse();
        let keys = |groups: &[Group]| groups.iter().map(|group| group.key).collect::<Vec<_>>();
        assert_eq!(keys(&found), keys(&groups(&reversed, &categories, 4)));
    }
}
