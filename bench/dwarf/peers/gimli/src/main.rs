//! `peer WAY WORK FILE...`: reads debug information with gimli. Ways:
//!   own    as gimli's own dump tool reads relocatable files
//!   tuned  through the relocating reader of tuned.rs
//!   bare   the same, and of each unit no more than the work needs is read
//! Works:
//!   units      every unit's header, and the name of its root entry
//!   values     every entry and every attribute value; of each string the first byte is read
//!   rows       every row of every line program
//!   addresses  of the first FILE, with the crate addr2line: addresses of the standard input to functions and lines
//! Prints what it counted, and the seconds that took without the start of the process, as JSON; for addresses the
//! answers, and the JSON on standard error.

mod addresses;
mod own;
mod tuned;
mod works;

use std::time::Instant;
use works::{Counts, Result};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (way, work, files) = match arguments.as_slice() {
        [way, work, files @ ..] => (way, work, files),
        _ => return Err("usage: peer WAY WORK FILE...".into()),
    };
    let mut counts = Counts::default();
    let from = Instant::now();
    for file in files {
        match (way.as_str(), work.as_str()) {
            ("own", "units") => own::with_dwarf(file, |dwarf| works::units(dwarf, &mut counts))?,
            ("own", "values") => own::with_dwarf(file, |dwarf| works::values(dwarf, &mut counts))?,
            ("own", "rows") => own::with_dwarf(file, |dwarf| works::rows(dwarf, &mut counts))?,
            ("tuned", "units") => tuned::with_dwarf(file, |dwarf, _| works::units(&dwarf, &mut counts))?,
            ("tuned", "values") => tuned::with_dwarf(file, |dwarf, _| works::values_bare(&dwarf, &mut counts))?,
            ("tuned", "rows") => tuned::with_dwarf(file, |dwarf, _| works::rows(&dwarf, &mut counts))?,
            ("bare", "units") => tuned::with_dwarf(file, |dwarf, _| works::units_bare(&dwarf, &mut counts))?,
            ("bare", "rows") => tuned::with_dwarf(file, |dwarf, _| works::rows_bare(&dwarf, &mut counts))?,
            ("tuned", "addresses") => {
                tuned::with_dwarf(file, |dwarf, symbols| addresses::answer(dwarf, symbols))?;
                eprintln!("{{\"seconds\": {:.6}}}", from.elapsed().as_secs_f64());
                return Ok(());
            }
            _ => return Err("unknown way or work".into()),
        }
    }
    let seconds = from.elapsed().as_secs_f64();
    println!(
        "{{\"seconds\": {seconds:.6}, \"units\": {}, \"names\": {}, \"dies\": {}, \"values\": {}, \"strings\": {}, \
         \"rows\": {}, \"lines\": {}, \"firstBytes\": {}}}",
        counts.units, counts.names, counts.dies, counts.values, counts.strings, counts.rows, counts.lines,
        counts.first_bytes
    );
    Ok(())
}
