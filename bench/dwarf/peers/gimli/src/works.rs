//! The works. As gimli's dump tool and its other users go, unit by unit with `gimli::Dwarf::unit`, which also reads where
//! the unit's line program begins; and bare, where no more is read of a unit than the work needs.

use gimli::{AttributeValue, Dwarf, Reader, Section};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Default)]
pub struct Counts {
    pub units: u64,
    pub names: u64,
    pub dies: u64,
    pub values: u64,
    pub strings: u64,
    pub rows: u64,
    pub lines: u64,
    pub first_bytes: u64,
}

impl Counts {
    fn touch<R: Reader<Offset = usize>>(&mut self, section: &R, offset: usize) -> Result<()> {
        let mut reader = section.clone();
        reader.skip(offset)?;
        self.touch_at(reader)
    }

    /// A string in place may be empty: its reader ends before the terminator.
    fn touch_at<R: Reader<Offset = usize>>(&mut self, mut reader: R) -> Result<()> {
        if !reader.is_empty() {
            self.first_bytes += u64::from(reader.read_u8()?);
        }
        Ok(())
    }
}

/// Has the compiler believe that a value is looked at, so that it must be decoded.
#[inline(always)]
fn keep<T>(value: &T) {
    unsafe { std::arch::asm!("/* {0} */", in(reg) value as *const T, options(nostack, preserves_flags)) }
}

fn is_string<R: Reader>(value: &AttributeValue<R>) -> bool {
    matches!(
        value,
        AttributeValue::String(_)
            | AttributeValue::DebugStrRef(_)
            | AttributeValue::DebugLineStrRef(_)
            | AttributeValue::DebugStrOffsetsIndex(_)
    )
}

pub fn units<R: Reader<Offset = usize>>(dwarf: &Dwarf<R>, counts: &mut Counts) -> Result<()> {
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        counts.units += 1;
        let unit = dwarf.unit(header)?;
        if let Some(name) = unit.name {
            counts.names += 1;
            counts.touch_at(name)?;
        }
    }
    Ok(())
}

pub fn units_bare<R: Reader<Offset = usize>>(dwarf: &Dwarf<R>, counts: &mut Counts) -> Result<()> {
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        counts.units += 1;
        let abbreviations = dwarf.abbreviations(&header)?;
        let mut entries = header.entries_raw(&abbreviations, None)?;
        let abbreviation = match entries.read_abbreviation()? {
                Some(abbreviation) => abbreviation,
                None => continue,
            };
        for attribute in abbreviation.attributes() {
            let attribute = entries.read_attribute(*attribute)?;
            if attribute.name() == gimli::DW_AT_name {
                counts.names += 1;
                touch_string(dwarf, attribute.raw_value(), counts)?;
                break;
            }
        }
    }
    Ok(())
}

pub fn values<R: Reader<Offset = usize>>(dwarf: &Dwarf<R>, counts: &mut Counts) -> Result<()> {
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        counts.units += 1;
        let unit = dwarf.unit(header)?;
        let mut entries = unit.entries_raw(None)?;
        while !entries.is_empty() {
            let abbreviation = match entries.read_abbreviation()? {
                Some(abbreviation) => abbreviation,
                None => continue,
            };
            counts.dies += 1;
            for attribute in abbreviation.attributes() {
                let value = entries.read_attribute(*attribute)?.value();
                counts.values += 1;
                if is_string(&value) {
                    counts.strings += 1;
                    counts.touch_at(dwarf.attr_string(&unit, value)?)?;
                } else {
                    keep(&value);
                }
            }
        }
    }
    Ok(())
}

pub fn values_bare<R: Reader<Offset = usize>>(dwarf: &Dwarf<R>, counts: &mut Counts) -> Result<()> {
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        counts.units += 1;
        let abbreviations = dwarf.abbreviations(&header)?;
        let mut entries = header.entries_raw(&abbreviations, None)?;
        while !entries.is_empty() {
            let abbreviation = match entries.read_abbreviation()? {
                Some(abbreviation) => abbreviation,
                None => continue,
            };
            counts.dies += 1;
            for attribute in abbreviation.attributes() {
                let value = entries.read_attribute(*attribute)?.raw_value();
                counts.values += 1;
                if is_string(&value) {
                    counts.strings += 1;
                    touch_string(dwarf, value, counts)?;
                } else {
                    keep(&value);
                }
            }
        }
    }
    Ok(())
}

fn touch_string<R: Reader<Offset = usize>>(
    dwarf: &Dwarf<R>,
    value: AttributeValue<R>,
    counts: &mut Counts,
) -> Result<()> {
    match value {
        AttributeValue::DebugStrRef(offset) => counts.touch(dwarf.debug_str.reader(), offset.0),
        AttributeValue::DebugLineStrRef(offset) => counts.touch(dwarf.debug_line_str.reader(), offset.0),
        AttributeValue::String(reader) => counts.touch_at(reader),
        _ => Err("a string form that kernel modules do not have".into()),
    }
}

pub fn rows<R: Reader<Offset = usize>>(dwarf: &Dwarf<R>, counts: &mut Counts) -> Result<()> {
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        counts.units += 1;
        let unit = dwarf.unit(header)?;
        if let Some(program) = unit.line_program.clone() {
            count_rows(program, counts)?;
        }
    }
    Ok(())
}

/// Programs lie one behind the other in their section: no unit is asked where its own is.
pub fn rows_bare<R: Reader<Offset = usize>>(dwarf: &Dwarf<R>, counts: &mut Counts) -> Result<()> {
    let section = dwarf.debug_line.reader();
    let mut rest = section.clone();
    while !rest.is_empty() {
        let offset = rest.offset_from(section);
        counts.units += 1;
        count_rows(dwarf.debug_line.program(gimli::DebugLineOffset(offset), 8, None, None)?, counts)?;
        let (length, _) = rest.read_initial_length()?;
        rest.skip(length)?;
    }
    Ok(())
}

fn count_rows<R: Reader<Offset = usize>>(program: gimli::IncompleteLineProgram<R>, counts: &mut Counts) -> Result<()> {
    let mut rows = program.rows();
    while let Some((_, row)) = rows.next_row()? {
        counts.rows += 1;
        counts.lines += row.line().map_or(0, |line| line.get());
        keep(&(row.address(), row.column()));
    }
    Ok(())
}
