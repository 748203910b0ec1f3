//! The strongest way known to read relocatable x86-64 files with gimli: the file is mapped, and the reader looks for the
//! relocation of an offset or address in the sorted SHT_RELA section where it lies, beginning where it last was.

use crate::works::Result;
use gimli::{EndianSlice, LittleEndian, Reader, ReaderOffset};
use object::elf::{FileHeader64, Rela64, Sym64, SHF_ALLOC, SHF_EXECINSTR, SHT_RELA};
use object::read::elf::{FileHeader, Rela, SectionHeader, Sym};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

const LITTLE: object::LittleEndian = object::LittleEndian;
const R_X86_64_64: u32 = object::elf::R_X86_64_64;
const R_X86_64_32: u32 = object::elf::R_X86_64_32;
const R_X86_64_32S: u32 = object::elf::R_X86_64_32S;
const ET_REL: u16 = object::elf::ET_REL;
const STT_FUNC: u8 = object::elf::STT_FUNC;

/// Functions of the symbol table: address, size, name; sorted by address.
pub type Functions<'a> = Vec<(u64, u64, &'a str)>;

/// Where symbols are, by their index: the first section of code of a relocatable file at 0, the others behind it.
struct Symbols<'a> {
    table: &'a [Sym64<object::LittleEndian>],
    bases: Vec<u64>,
}

impl Symbols<'_> {
    fn address(&self, index: u32) -> u64 {
        let symbol = &self.table[index as usize];
        let base = self.bases.get(symbol.st_shndx(LITTLE) as usize).copied().unwrap_or(0);
        symbol.st_value(LITTLE).wrapping_add(base)
    }
}

/// What readers of one section share.
struct Section<'a> {
    bytes: Slice<'a>,
    records: &'a [Rela64<object::LittleEndian>],
    symbols: &'a Symbols<'a>,
    /// The record behind the last one that was found.
    next: Cell<usize>,
}

impl Section<'_> {
    #[inline]
    fn relocate(&self, offset: u64, value: u64) -> u64 {
        let records = self.records;
        let mut next = self.next.get();
        let at = |index: usize| records.get(index).map_or(u64::MAX, |record| record.r_offset.get(LITTLE));
        if at(next) != offset {
            if at(next) < offset || (next > 0 && at(next - 1) >= offset) {
                next = records.partition_point(|record| record.r_offset.get(LITTLE) < offset);
                self.next.set(next);
            }
            if at(next) != offset {
                return value;
            }
        }
        self.next.set(next + 1);
        let record = &records[next];
        match record.r_type(LITTLE, false) {
            R_X86_64_64 | R_X86_64_32 | R_X86_64_32S => self
                .symbols
                .address(record.r_sym(LITTLE, false))
                .wrapping_add(record.r_addend(LITTLE) as u64),
            kind => panic!("unsupported relocation {kind}"),
        }
    }
}

/// Maps a file, and hands on its debug sections and functions.
pub fn with_dwarf(
    path: &str,
    work: impl FnOnce(gimli::Dwarf<Tuned>, &dyn Fn() -> Functions<'static>) -> Result<()>,
) -> Result<()> {
    let file = std::fs::File::open(path)?;
    // Lives as long as the process, or until it is unmapped below: readers borrow from it.
    let map = unsafe { memmap2::Mmap::map(&file)? };
    let data: &'static [u8] = unsafe { std::mem::transmute::<&[u8], &'static [u8]>(&map) };
    let header = FileHeader64::<object::LittleEndian>::parse(data)?;
    let sections = header.sections(LITTLE, data)?;
    let table = sections.symbols(LITTLE, data, object::elf::SHT_SYMTAB)?;
    let relocatable = header.e_type.get(LITTLE) == ET_REL;
    let mut bases = vec![0; sections.len()];
    if relocatable {
        let mut end = 0;
        for executable in [true, false] {
            for (index, section) in sections.iter().enumerate() {
                let flags = section.sh_flags(LITTLE) as u32;
                if flags & SHF_ALLOC == 0 || (flags & SHF_EXECINSTR != 0) != executable {
                    continue;
                }
                let align = section.sh_addralign(LITTLE).max(1);
                bases[index] = (end + align - 1) / align * align;
                end = bases[index] + section.sh_size(LITTLE);
            }
        }
    }
    let symbols = Symbols { table: table.symbols(), bases };
    let mut records: HashMap<usize, &[Rela64<object::LittleEndian>]> = HashMap::new();
    let mut named: HashMap<&[u8], usize> = HashMap::new();
    for (index, section) in sections.iter().enumerate() {
        if relocatable && section.sh_type(LITTLE) == SHT_RELA {
            if let Some((found, _)) = section.rela(LITTLE, data)? {
                records.insert(section.sh_info(LITTLE) as usize, found);
            }
        }
        named.insert(sections.section_name(LITTLE, section)?, index);
    }
    let mut shared = Vec::new();
    let ids = [
        gimli::SectionId::DebugAbbrev,
        gimli::SectionId::DebugAddr,
        gimli::SectionId::DebugAranges,
        gimli::SectionId::DebugInfo,
        gimli::SectionId::DebugLine,
        gimli::SectionId::DebugLineStr,
        gimli::SectionId::DebugStr,
        gimli::SectionId::DebugStrOffsets,
        gimli::SectionId::DebugTypes,
        gimli::SectionId::DebugLoc,
        gimli::SectionId::DebugLocLists,
        gimli::SectionId::DebugRanges,
        gimli::SectionId::DebugRngLists,
    ];
    for id in ids {
        let index = named.get(id.name().as_bytes()).copied();
        let bytes: &[u8] = match index {
            Some(index) => sections.section(object::SectionIndex(index))?.data(LITTLE, data)?,
            None => &[],
        };
        let records = index.and_then(|index| records.get(&index).copied()).unwrap_or(&[]);
        if records.windows(2).any(|pair| pair[0].r_offset.get(LITTLE) > pair[1].r_offset.get(LITTLE)) {
            return Err("relocations are not sorted".into());
        }
        shared.push((id, Section { bytes: Slice::new(bytes, LittleEndian), records, symbols: &symbols, next: Cell::new(0) }));
    }
    let dwarf = gimli::Dwarf::load(|id| -> Result<Tuned> {
        let (_, section) = shared.iter().find(|(known, _)| *known == id).ok_or("unknown section")?;
        Ok(Tuned { section, slice: section.bytes })
    })?;
    let functions = || -> Functions<'static> {
        let mut found = Vec::new();
        for (index, symbol) in table.symbols().iter().enumerate() {
            if symbol.st_type() == STT_FUNC && symbol.st_shndx(LITTLE) != 0 {
                let name = table.symbol_name(LITTLE, symbol).unwrap_or(b"");
                let name = std::str::from_utf8(name).unwrap_or("");
                found.push((symbols.address(index as u32), symbol.st_size(LITTLE), name));
            }
        }
        found.sort_unstable();
        found
    };
    work(dwarf, &functions)
}

/// A reader that relocates what it reads.
#[derive(Clone, Copy)]
pub struct Tuned<'a> {
    section: &'a Section<'a>,
    slice: Slice<'a>,
}

impl std::fmt::Debug for Tuned<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.slice.fmt(formatter)
    }
}

impl Tuned<'_> {
    #[inline]
    fn offset(&self) -> u64 {
        self.slice.offset_from(self.section.bytes) as u64
    }
}

impl<'a> Reader for Tuned<'a> {
    type Endian = LittleEndian;
    type Offset = usize;

    #[inline]
    fn read_address(&mut self, address_size: u8) -> gimli::Result<u64> {
        let offset = self.offset();
        let value = self.slice.read_address(address_size)?;
        Ok(self.section.relocate(offset, value))
    }

    #[inline]
    fn read_offset(&mut self, format: gimli::Format) -> gimli::Result<usize> {
        let offset = self.offset();
        let value = self.slice.read_offset(format)?;
        usize::from_u64(self.section.relocate(offset, value as u64))
    }

    #[inline]
    fn read_sized_offset(&mut self, size: u8) -> gimli::Result<usize> {
        let offset = self.offset();
        let value = self.slice.read_sized_offset(size)?;
        usize::from_u64(self.section.relocate(offset, value as u64))
    }

    #[inline]
    fn split(&mut self, len: usize) -> gimli::Result<Self> {
        let slice = Reader::split(&mut self.slice, len)?;
        Ok(Tuned { section: self.section, slice })
    }

    #[inline]
    fn endian(&self) -> LittleEndian {
        LittleEndian
    }

    #[inline]
    fn len(&self) -> usize {
        self.slice.len()
    }

    #[inline]
    fn empty(&mut self) {
        Reader::empty(&mut self.slice)
    }

    #[inline]
    fn truncate(&mut self, len: usize) -> gimli::Result<()> {
        Reader::truncate(&mut self.slice, len)
    }

    #[inline]
    fn offset_from(&self, base: &Self) -> usize {
        self.slice.offset_from(base.slice)
    }

    #[inline]
    fn offset_id(&self) -> gimli::ReaderOffsetId {
        self.slice.offset_id()
    }

    #[inline]
    fn lookup_offset_id(&self, id: gimli::ReaderOffsetId) -> Option<usize> {
        self.slice.lookup_offset_id(id)
    }

    #[inline]
    fn find(&self, byte: u8) -> gimli::Result<usize> {
        Reader::find(&self.slice, byte)
    }

    #[inline]
    fn skip(&mut self, len: usize) -> gimli::Result<()> {
        Reader::skip(&mut self.slice, len)
    }

    #[inline]
    fn to_slice(&self) -> gimli::Result<Cow<[u8]>> {
        Reader::to_slice(&self.slice)
    }

    #[inline]
    fn to_string(&self) -> gimli::Result<Cow<str>> {
        Reader::to_string(&self.slice)
    }

    #[inline]
    fn to_string_lossy(&self) -> gimli::Result<Cow<str>> {
        Reader::to_string_lossy(&self.slice)
    }

    #[inline]
    fn read_slice(&mut self, buffer: &mut [u8]) -> gimli::Result<()> {
        self.slice.read_slice(buffer)
    }

    #[inline]
    fn read_u8(&mut self) -> gimli::Result<u8> {
        self.slice.read_u8()
    }

    #[inline]
    fn read_u16(&mut self) -> gimli::Result<u16> {
        self.slice.read_u16()
    }

    #[inline]
    fn read_u32(&mut self) -> gimli::Result<u32> {
        self.slice.read_u32()
    }

    #[inline]
    fn read_u64(&mut self) -> gimli::Result<u64> {
        self.slice.read_u64()
    }
}
