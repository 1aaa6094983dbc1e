//! Lines of the ledger as Parquet: the columns of the CSV with their types.

use std::sync::Arc;

pub use parquet::errors::ParquetError;
use parquet::{
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type},
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};

use super::Line;

const SCHEMA: &str = "message ledger {
    required int32 day (DATE);
    required binary stream (STRING);
    required binary decided (STRING);
    optional binary enforced (STRING);
    required binary reason (STRING);
    required double seconds;
    required int32 stays (INTEGER(32, false));
    required int32 flaps (INTEGER(32, false));
    required double detector_fps;
    required double detector_frame_ms;
    required double saved_frames;
    required double saved_seconds;
}";

/// The bytes of a Parquet file; `enforced` is null in shadow mode.
///
/// # Errors
/// The library's.
pub fn parquet(lines: &[Line]) -> Result<Vec<u8>, ParquetError> {
    let (schema, properties) = (Arc::new(parse_message_type(SCHEMA)?), Arc::new(WriterProperties::new()));
    let mut file = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    let mut group = file.next_row_group()?;
    let text = |of: fn(&Line) -> &str| lines.iter().map(|line| ByteArray::from(of(line))).collect::<Vec<_>>();
    let real = |of: fn(&Line) -> f64| lines.iter().map(of).collect::<Vec<_>>();
    let whole = |of: fn(&Line) -> i32| lines.iter().map(of).collect::<Vec<_>>();
    let enforced: Vec<_> = lines.iter().filter_map(|line| line.key.enforced.map(ByteArray::from)).collect();
    let there: Vec<i16> = lines.iter().map(|line| i16::from(line.key.enforced.is_some())).collect();
    column::<Int32Type>(&mut group, &whole(|line| line.key.day), None)?;
    column::<ByteArrayType>(&mut group, &text(|line| &line.key.stream), None)?;
    column::<ByteArrayType>(&mut group, &text(|line| line.key.decided), None)?;
    column::<ByteArrayType>(&mut group, &enforced, Some(&there))?;
    column::<ByteArrayType>(&mut group, &text(|line| line.key.reason), None)?;
    column::<DoubleType>(&mut group, &real(|line| line.sum.seconds()), None)?;
    column::<Int32Type>(&mut group, &whole(|line| line.sum.stays.cast_signed()), None)?;
    column::<Int32Type>(&mut group, &whole(|line| line.sum.flaps.cast_signed()), None)?;
    column::<DoubleType>(&mut group, &real(|line| line.detector.fps), None)?;
    column::<DoubleType>(&mut group, &real(|line| line.detector.frame_ms), None)?;
    column::<DoubleType>(&mut group, &real(|line| line.saving.frames), None)?;
    column::<DoubleType>(&mut group, &real(|line| line.saving.seconds), None)?;
    group.close()?;
    file.into_inner()
}

/// Writes the next column; `there` says which lines have a value.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    there: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns than are written".into());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, there, None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::RowAccessor,
    };

    use super::*;
    use crate::{
        config::Detector,
        event::{GateReason, GateState},
        ledger::{
            Rows, Stretch,
            export::{csv, lines},
            row::add,
            stretch::{DAY, tests::event},
        },
    };

    #[test]
    fn both_forms_say_the_same() {
        let mut rows = Rows::new();
        for (i, enforced) in [Some(GateState::Closed), None].into_iter().enumerate() {
            let begun = Stretch::begun(&event(GateState::Closed, GateState::Open, GateReason::Black), 20_000.5 * DAY);
            let until = begun.from + 90.25 + i as f64;
            add(&mut rows, "yard", &Stretch { until, enforced, ..begun });
        }
        let lines = lines(&rows, |_| Detector { fps: 4.0, frame_ms: 10.0 });
        let mut text = Vec::new();
        csv(&lines, &mut text).expect("written");
        let text = String::from_utf8(text).expect("text");
        let text: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(
            text[1..],
            [
                "2024-10-04,yard,closed,,black,91.250,1,1,4,10,365.0,3.650",
                "2024-10-04,yard,closed,closed,black,90.250,1,1,4,10,361.0,3.610"
            ]
        );
        let bytes = parquet(&lines).expect("written");
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("readable");
        let read: Vec<_> = reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].get_column_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(","), text[0]);
        for (row, line) in read.iter().zip(&text[1..]) {
            let shown: Vec<String> = line.split(',').map(Into::into).collect();
            assert!(row.is_null(3).expect("a column") == shown[3].is_empty());
            assert_eq!(row.get_string(1).expect("text"), &shown[1]);
            assert_eq!(row.get_uint(6).expect("a number").to_string(), shown[6]);
            assert_eq!(format!("{:.3}", row.get_double(5).expect("a number")), shown[5]);
            assert_eq!(format!("{:.3}", row.get_double(11).expect("a number")), shown[11]);
        }
    }
}
