//! Columns whose every value is a list.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Float32Type, UInt16Type};

use super::Column;

fn item(kind: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", kind, false))
}

macro_rules! list_column {
    ($($rust:ty => $kind:ident, $arrow:ident;)+) => {$(
        impl Column for Vec<$rust> {
            const NULLABLE: bool = false;

            fn data_type() -> DataType {
                DataType::List(item(DataType::$arrow))
            }

            fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                let (mut lengths, mut all) = (Vec::new(), Vec::new());
                for list in values {
                    lengths.push(list.len());
                    all.extend_from_slice(list);
                }
                let all = Arc::new(PrimitiveArray::<$kind>::from_iter_values(all));
                Arc::new(ListArray::new(item(DataType::$arrow), OffsetBuffer::from_lengths(lengths), all, None))
            }

            fn values(array: &dyn Array) -> Option<Vec<Self>> {
                let lists = array.as_list_opt::<i32>()?;
                let all = lists.values().as_primitive_opt::<$kind>()?;
                if lists.null_count() + all.null_count() > 0 {
                    return None;
                }
                let all = all.values();
                let list = |ends: &[i32]| all[ends[0] as usize..ends[1] as usize].to_vec();
                Some(lists.value_offsets().windows(2).map(list).collect())
            }
        }
    )+};
}

list_column! {
    u16 => UInt16Type, UInt16;
    f32 => Float32Type, Float32;
}

impl Column for Option<Vec<String>> {
    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        DataType::List(item(DataType::Utf8))
    }

    fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        let (mut lengths, mut all, mut there) = (Vec::new(), Vec::new(), Vec::new());
        for list in values {
            there.push(list.is_some());
            let list = list.as_deref().unwrap_or_default();
            lengths.push(list.len());
            all.extend(list.iter().map(String::as_str));
        }
        let all = Arc::new(StringArray::from_iter_values(all));
        let nulls = NullBuffer::from(there);
        Arc::new(ListArray::new(item(DataType::Utf8), OffsetBuffer::from_lengths(lengths), all, Some(nulls)))
    }

    fn values(array: &dyn Array) -> Option<Vec<Self>> {
        let lists = array.as_list_opt::<i32>()?;
        let all = lists.values().as_string_opt::<i32>()?;
        if all.null_count() > 0 {
            return None;
        }
        let list = |at: usize| {
            let (from, to) = (lists.value_offsets()[at] as usize, lists.value_offsets()[at + 1] as usize);
            lists.is_valid(at).then(|| (from..to).map(|i| all.value(i).to_owned()).collect())
        };
        Some((0..lists.len()).map(list).collect())
    }

    fn absent(rows: usize) -> Option<Vec<Self>> {
        Some(vec![None; rows])
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use crate::columns;
    use crate::table::{decode, encode};

    #[derive(Debug, Clone, PartialEq)]
    struct Found {
        sample: String,
        classes: Vec<u16>,
        boxes: Vec<f32>,
        masks: Option<Vec<String>>,
    }

    columns!(Found { sample, classes, boxes, masks });

    #[derive(Debug, Clone, PartialEq)]
    struct Classes {
        classes: Vec<u16>,
    }

    columns!(Classes { classes });

    #[test]
    fn lists_survive_the_round_trip_and_can_be_read_alone() {
        let row = |i: usize| Found {
            sample: format!("sample {i}"),
            classes: (0..i % 5).map(|class| class as u16).collect(),
            boxes: (0..4 * (i % 5)).map(|at| at as f32 / 8.0).collect(),
            masks: (!i.is_multiple_of(3)).then(|| (0..i % 5).map(|at| format!("mask {at}")).collect()),
        };
        for count in [0, 1, 20_000] {
            let rows: Vec<Found> = (0..count).map(row).collect();
            let bytes = encode("lists", &rows).unwrap();
            assert_eq!(decode::<Found>("lists", bytes.clone()).unwrap(), rows);
            let alone: Vec<Classes> = rows.into_iter().map(|row| Classes { classes: row.classes }).collect();
            assert_eq!(decode::<Classes>("lists", bytes).unwrap(), alone);
        }
    }
}
