//! Addresses to functions, lines and inline chains with the crate addr2line, printed as its own program prints them.

use crate::tuned::{Functions, Tuned};
use crate::works::Result;
use std::io::{BufRead, BufWriter, Write};

pub fn answer(dwarf: gimli::Dwarf<Tuned>, functions: &dyn Fn() -> Functions<'static>) -> Result<()> {
    let functions = functions();
    let context = addr2line::Context::from_dwarf(dwarf)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let address = u64::from_str_radix(line.trim_start_matches("0x"), 16)?;
        writeln!(out, "0x{address:016x}")?;
        let mut frames = context.find_frames(address)?;
        let mut any = false;
        while let Some(frame) = frames.next()? {
            any = true;
            match frame.function {
                Some(function) => writeln!(out, "{}", function.raw_name()?)?,
                None => writeln!(out, "{}", symbol(&functions, address))?,
            }
            match frame.location {
                Some(location) => {
                    writeln!(out, "{}:{}", location.file.unwrap_or("??"), location.line.unwrap_or(0))?
                }
                None => writeln!(out, "??:0")?,
            }
        }
        if !any {
            writeln!(out, "{}\n??:0", symbol(&functions, address))?;
        }
    }
    out.flush()?;
    Ok(())
}

fn symbol<'a>(functions: &Functions<'a>, address: u64) -> &'a str {
    let behind = functions.partition_point(|(start, _, _)| *start <= address);
    match functions[..behind].last() {
        Some((start, size, name)) if address < start + size => name,
        _ => "??",
    }
}
