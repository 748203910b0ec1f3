//! Opening a file as gimli 0.27's own dump tool does (crates/examples, dwarfdump.rs): every relocation of every debug
//! section goes into a hash map, and a reader looks there at each offset and address that it reads.

use crate::works::Result;
use object::{Object, ObjectSection, ObjectSymbol};
use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use typed_arena::Arena;

type RelocationMap = HashMap<usize, object::Relocation>;

pub type Own<'a> = Relocate<'a, gimli::EndianSlice<'a, gimli::RunTimeEndian>>;

/// Maps a file, loads its debug sections, and hands them on.
pub fn with_dwarf(path: &str, work: impl FnOnce(&gimli::Dwarf<Own>) -> Result<()>) -> Result<()> {
    let file = std::fs::File::open(path)?;
    let map = unsafe { memmap2::Mmap::map(&file)? };
    let file = object::File::parse(&*map)?;
    let endian = if file.is_little_endian() {
        gimli::RunTimeEndian::Little
    } else {
        gimli::RunTimeEndian::Big
    };
    let arena_data = Arena::new();
    let arena_relocations = Arena::new();
    let dwarf = gimli::Dwarf::load(|id| load_section(id, &file, endian, &arena_data, &arena_relocations))?;
    work(&dwarf)
}

fn load_section<'input, 'arena>(
    id: gimli::SectionId,
    file: &object::File<'input>,
    endian: gimli::RunTimeEndian,
    arena_data: &'arena Arena<Cow<'input, [u8]>>,
    arena_relocations: &'arena Arena<RelocationMap>,
) -> Result<Own<'arena>> {
    let mut relocations = RelocationMap::default();
    let data = match file.section_by_name(id.name()) {
        Some(ref section) => {
            add_relocations(&mut relocations, file, section)?;
            section.uncompressed_data()?
        }
        None => Cow::Owned(Vec::with_capacity(1)),
    };
    let data = (*arena_data.alloc(data)).borrow();
    let reader = gimli::EndianSlice::new(data, endian);
    let relocations = &*arena_relocations.alloc(relocations);
    Ok(Relocate { relocations, section: reader, reader })
}

fn add_relocations(relocations: &mut RelocationMap, file: &object::File, section: &object::Section) -> Result<()> {
    for (offset, mut relocation) in section.relocations() {
        if relocation.kind() != object::RelocationKind::Absolute {
            return Err("unsupported relocation".into());
        }
        if let object::RelocationTarget::Symbol(index) = relocation.target() {
            let symbol = file.symbol_by_index(index)?;
            relocation.set_addend(symbol.address().wrapping_add(relocation.addend() as u64) as i64);
        }
        if relocations.insert(offset as usize, relocation).is_some() {
            return Err("two relocations of one field".into());
        }
    }
    Ok(())
}

/// Applies relocations while it reads.
#[derive(Debug, Clone)]
pub struct Relocate<'a, R: gimli::Reader<Offset = usize>> {
    relocations: &'a RelocationMap,
    section: R,
    reader: R,
}

impl<'a, R: gimli::Reader<Offset = usize>> Relocate<'a, R> {
    fn relocate(&self, offset: usize, value: u64) -> u64 {
        match self.relocations.get(&offset) {
            Some(relocation) if relocation.has_implicit_addend() => value.wrapping_add(relocation.addend() as u64),
            Some(relocation) => relocation.addend() as u64,
            None => value,
        }
    }
}

impl<'a, R: gimli::Reader<Offset = usize>> gimli::Reader for Relocate<'a, R> {
    type Endian = R::Endian;
    type Offset = R::Offset;

    fn read_address(&mut self, address_size: u8) -> gimli::Result<u64> {
        let offset = self.reader.offset_from(&self.section);
        let value = self.reader.read_address(address_size)?;
        Ok(self.relocate(offset, value))
    }

    fn read_length(&mut self, format: gimli::Format) -> gimli::Result<usize> {
        let offset = self.reader.offset_from(&self.section);
        let value = self.reader.read_length(format)?;
        <usize as gimli::ReaderOffset>::from_u64(self.relocate(offset, value as u64))
    }

    fn read_offset(&mut self, format: gimli::Format) -> gimli::Result<usize> {
        let offset = self.reader.offset_from(&self.section);
        let value = self.reader.read_offset(format)?;
        <usize as gimli::ReaderOffset>::from_u64(self.relocate(offset, value as u64))
    }

    fn read_sized_offset(&mut self, size: u8) -> gimli::Result<usize> {
        let offset = self.reader.offset_from(&self.section);
        let value = self.reader.read_sized_offset(size)?;
        <usize as gimli::ReaderOffset>::from_u64(self.relocate(offset, value as u64))
    }

    #[inline]
    fn split(&mut self, len: usize) -> gimli::Result<Self> {
        let mut other = self.clone();
        other.reader.truncate(len)?;
        self.reader.skip(len)?;
        Ok(other)
    }

    #[inline]
    fn endian(&self) -> Self::Endian {
        self.reader.endian()
    }

    #[inline]
    fn len(&self) -> usize {
        self.reader.len()
    }

    #[inline]
    fn empty(&mut self) {
        self.reader.empty()
    }

    #[inline]
    fn truncate(&mut self, len: usize) -> gimli::Result<()> {
        self.reader.truncate(len)
    }

    #[inline]
    fn offset_from(&self, base: &Self) -> usize {
        self.reader.offset_from(&base.reader)
    }

    #[inline]
    fn offset_id(&self) -> gimli::ReaderOffsetId {
        self.reader.offset_id()
    }

    #[inline]
    fn lookup_offset_id(&self, id: gimli::ReaderOffsetId) -> Option<usize> {
        self.reader.lookup_offset_id(id)
    }

    #[inline]
    fn find(&self, byte: u8) -> gimli::Result<usize> {
        self.reader.find(byte)
    }

    #[inline]
    fn skip(&mut self, len: usize) -> gimli::Result<()> {
        self.reader.skip(len)
    }

    #[inline]
    fn to_slice(&self) -> gimli::Result<Cow<[u8]>> {
        self.reader.to_slice()
    }

    #[inline]
    fn to_string(&self) -> gimli::Result<Cow<str>> {
        self.reader.to_string()
    }

    #[inline]
    fn to_string_lossy(&self) -> gimli::Result<Cow<str>> {
        self.reader.to_string_lossy()
    }

    #[inline]
    fn read_slice(&mut self, buffer: &mut [u8]) -> gimli::Result<()> {
        self.reader.read_slice(buffer)
    }
}
