//! The page of a run: where, of what, and one table.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::{Machine, Outcome, Verdict};

/// A part that was run, as it is stored and printed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finished {
    /// The part's name.
    pub name: String,
    /// The commit it was run at.
    pub commit: String,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// What came out.
    pub outcome: Outcome,
}

/// The page in Markdown.
pub fn page(machine: &Machine, commit: &str, finished: &[Finished]) -> String {
    let mut page = format!(
        "# Acceptance of the single node\n\n\
         Made by `cargo xtask accept node`; do not edit. One row per target, and figures for\n\
         orientation. Durability class `quorum-fsync` unless a row says otherwise: every\n\
         acknowledgement follows an `fdatasync`.\n\n\
         | | |\n|---|---|\n\
         | date | {} |\n| commit | {commit} |\n| cores | {} |\n| memory | {} MiB |\n\
         | kernel | {} |\n| file system | {} |\n| `ulimit -n` | {} |\n\
         | `fdatasync` of 4 KiB appends | p50 {} µs, p99 {} µs |\n\n\
         | part | what | target | measured | verdict |\n|---|---|---|---|---|\n",
        machine.date,
        machine.cores,
        machine.memory_mib,
        machine.kernel,
        machine.filesystem,
        machine.open_files,
        machine.sync_p50_micros,
        machine.sync_p99_micros,
    );
    for part in finished {
        for row in &part.outcome.rows {
            let verdict = match row.verdict {
                Verdict::Met => "met",
                Verdict::Missed => "**missed**",
                Verdict::Figure => "",
                Verdict::Skipped => "not tried",
            };
            let cells = [&part.name, &row.what, &row.target, &row.measured];
            for cell in cells {
                // Writing to a string does not fail.
                let _ = write!(page, "| {} ", cell.replace('|', "\\|").replace('\n', " "));
            }
            let _ = writeln!(page, "| {verdict} |");
        }
    }
    page.push_str(
        "\nA single part is made again with `cargo xtask accept node --only PART --again`:\n",
    );
    for part in finished {
        let _ = writeln!(page, "`{}` took {} s.", part.name, part.seconds);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_one_title_and_a_row_for_everything_found() {
        let machine = Machine {
            date: "2026-11-21".to_owned(),
            cores: 2,
            memory_mib: 24_000,
            kernel: "6.1".to_owned(),
            filesystem: "ext2/ext3".to_owned(),
            open_files: 1024,
            sync_p50_micros: 250,
            sync_p99_micros: 900,
        };
        let mut outcome = Outcome::default();
        outcome.judge("size", "below 40 MB", "41 MB", false);
        outcome.figure("a | b", "7");
        let finished = Finished {
            name: "binary".to_owned(),
            commit: "abc".to_owned(),
            seconds: 3,
            outcome,
        };
        let page = page(&machine, "abc", &[finished]);
        assert_eq!(
            page.matches("\n# ").count() + usize::from(page.starts_with("# ")),
            1
        );
        assert!(page.contains("| binary | size | below 40 MB | 41 MB | **missed** |\n"));
        assert!(page.contains("| binary | a \\| b |  | 7 |  |\n"));
    }
}
