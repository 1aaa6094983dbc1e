//! Which class a position in a model's output is.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Which class a position in a model's output is: ImageNet-1k classes 0..1000 in the order of their synsets, COCO classes
/// 0..80 in the order of COCO's category ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ClassMap {
    /// A common order, by name.
    Known(KnownClasses),
    /// The class at each position, negative for none.
    Own(Vec<i32>),
}

/// Orders of classes that many models have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum KnownClasses {
    /// The thousand classes.
    #[serde(rename = "imagenet-1k")]
    ImageNet,
    /// A background class, then the thousand.
    #[serde(rename = "background+imagenet-1k")]
    BackgroundImageNet,
    /// The eighty classes.
    #[serde(rename = "coco-80")]
    Coco80,
    /// COCO's category ids less one: 90 positions, ten of them unused.
    #[serde(rename = "coco-90")]
    Coco90,
    /// COCO's category ids: 91 positions, 0 is the background.
    #[serde(rename = "coco-91")]
    Coco91,
}

impl KnownClasses {
    /// All, by the names that lists give them.
    const NAMED: [(&str, Self); 5] = [
        ("imagenet-1k", Self::ImageNet),
        ("background+imagenet-1k", Self::BackgroundImageNet),
        ("coco-80", Self::Coco80),
        ("coco-90", Self::Coco90),
        ("coco-91", Self::Coco91),
    ];
}

/// Not derived: of an unknown name serde would say only that it is no variant.
impl<'de> Deserialize<'de> for ClassMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrList;

        impl<'de> Visitor<'de> for NameOrList {
            type Value = ClassMap;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("the name of a known order, as \"coco-80\", or a list with the class at each position")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<ClassMap, E> {
                const NAMES: [&str; 5] = {
                    let mut names = [""; 5];
                    let mut at = 0;
                    while at < 5 {
                        names[at] = KnownClasses::NAMED[at].0;
                        at += 1;
                    }
                    names
                };
                let known = KnownClasses::NAMED.into_iter().find(|(known, _)| *known == name);
                known.map(|(_, order)| ClassMap::Known(order)).ok_or_else(|| E::unknown_variant(name, &NAMES))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ClassMap, A::Error> {
                let mut map = Vec::new();
                while let Some(class) = list.next_element()? {
                    map.push(class);
                }
                Ok(ClassMap::Own(map))
            }
        }

        deserializer.deserialize_any(NameOrList)
    }
}

/// COCO's category ids 1..=90 that no category has.
const UNUSED: [u32; 10] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

/// Number of ImageNet-1k classes.
pub const IMAGENET_CLASSES: usize = 1000;

/// Number of COCO classes.
pub const COCO_CLASSES: usize = 80;

impl ClassMap {
    /// The class at a position of the output; none for the background and unused positions.
    #[must_use]
    pub fn class(&self, position: usize) -> Option<u16> {
        match self {
            Self::Known(KnownClasses::ImageNet) => u16::try_from(position).ok().filter(|class| *class < 1000),
            Self::Known(KnownClasses::BackgroundImageNet) => {
                u16::try_from(position.checked_sub(1)?).ok().filter(|class| *class < 1000)
            }
            Self::Known(KnownClasses::Coco80) => u16::try_from(position).ok().filter(|class| *class < 80),
            Self::Known(KnownClasses::Coco90) => coco_class(u32::try_from(position + 1).ok()?),
            Self::Known(KnownClasses::Coco91) => coco_class(u32::try_from(position).ok()?),
            Self::Own(map) => u16::try_from(*map.get(position)?).ok(),
        }
    }

    /// How many positions an output of these classes has.
    #[must_use]
    pub fn positions(&self) -> usize {
        match self {
            Self::Known(KnownClasses::ImageNet) => 1000,
            Self::Known(KnownClasses::BackgroundImageNet) => 1001,
            Self::Known(KnownClasses::Coco80) => 80,
            Self::Known(KnownClasses::Coco90) => 90,
            Self::Known(KnownClasses::Coco91) => 91,
            Self::Own(map) => map.len(),
        }
    }
}

/// The class 0..80 of a COCO category id 1..=90; none for ids that no category has.
#[must_use]
pub fn coco_class(category: u32) -> Option<u16> {
    if !(1..=90).contains(&category) || UNUSED.contains(&category) {
        return None;
    }
    let skipped = UNUSED.iter().filter(|unused| **unused < category).count();
    u16::try_from(category as usize - 1 - skipped).ok()
}

/// The COCO category id of a class 0..80.
#[must_use]
pub fn coco_category(class: u16) -> Option<u32> {
    (1..=90).find(|category| coco_class(*category) == Some(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighty_classes_of_ninety_ids_and_back() {
        let classes: Vec<u16> = (0..=91).filter_map(coco_class).collect();
        assert_eq!(classes, (0..80).collect::<Vec<u16>>());
        // person, stop sign after the gap, toothbrush.
        assert_eq!(
            (coco_class(1), coco_class(12), coco_class(13), coco_class(90)),
            (Some(0), None, Some(11), Some(79))
        );
        assert!((0..80).all(|class| coco_category(class).and_then(coco_class) == Some(class)));
        assert_eq!(coco_category(80), None);
    }

    #[test]
    fn orders_are_read_as_they_are_written() {
        for (name, order) in KnownClasses::NAMED {
            let json = serde_json::to_string(&ClassMap::Known(order)).unwrap_or_default();
            assert_eq!(json, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<ClassMap>(&json).ok(), Some(ClassMap::Known(order)));
        }
        assert_eq!(serde_json::from_str::<ClassMap>("[3, -1]").ok(), Some(ClassMap::Own(vec![3, -1])));
    }

    #[test]
    fn every_order_has_its_classes_once() {
        for (map, classes) in [
            (KnownClasses::ImageNet, IMAGENET_CLASSES),
            (KnownClasses::BackgroundImageNet, IMAGENET_CLASSES),
            (KnownClasses::Coco80, COCO_CLASSES),
            (KnownClasses::Coco90, COCO_CLASSES),
            (KnownClasses::Coco91, COCO_CLASSES),
        ] {
            let map = ClassMap::Known(map);
            let found: Vec<u16> = (0..map.positions()).filter_map(|position| map.class(position)).collect();
            assert_eq!(found, (0..classes as u16).collect::<Vec<_>>(), "{map:?}");
            assert_eq!(map.class(map.positions()), None);
        }
        let own = ClassMap::Own(vec![3, -1, 79]);
        assert_eq!([0, 1, 2, 3].map(|at| own.class(at)), [Some(3), None, Some(79), None]);
    }
}
