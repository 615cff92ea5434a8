//! Standard output: buffered, and ending quietly when nobody reads it any more.
//!
//! Keeps: a closed pipe (`| head`) is no failure and prints nothing; every other failure to write
//! is told. Absent: colours.

use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

use chronik_io::ExitCode;
use comfy_table::{CellAlignment, Table, presets};

use super::Failure;

/// Standard output.
pub(super) struct Output(BufWriter<Stdout>);

impl Output {
    pub(super) fn new() -> Self {
        Self(BufWriter::with_capacity(1 << 16, io::stdout()))
    }

    /// Writes bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        check(self.0.write_all(bytes))
    }

    /// Writes a line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.bytes(line.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes a line of JSON.
    pub(super) fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| {
            Failure::new(ExitCode::Failure, format!("cannot write JSON: {error}"))
        })?;
        self.line(&text)
    }

    /// Makes everything so far visible.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        check(self.0.flush())
    }
}

fn check(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Ok(()) => Ok(()),
        // Whoever read this has what they wanted. Nothing here has to be cleaned up.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::new(
            ExitCode::Failure,
            format!("cannot write to standard output: {error}"),
        )),
    }
}

/// A table without lines; the columns in `right` hold numbers.
pub(super) fn table(
    header: &[&str],
    right: &[usize],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Bytes for people: `1.5 KiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // A tenth of a unit is what is shown.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_with_one_digit_after_the_point() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(1 << 30), "1.0 GiB");
        assert_eq!(size(u64::MAX), "16383.9 PiB");
    }

    #[test]
    fn tables_have_aligned_columns_and_no_spaces_at_the_end() {
        let rows = [
            vec!["a".into(), "1".into()],
            vec!["long".into(), "20".into()],
        ];
        let text = table(&["NAME", "N"], &[1], rows);
        assert_eq!(text, "NAME   N\na      1\nlong  20");
    }
}
