#![allow(dead_code)]
// What a plug-in in Rust exports to C.
#[repr(C)]
pub struct Point {
    pub x: i32,
    pub y: f64,
}
#[repr(C)]
pub enum Mode {
    Off,
    On = 7,
}
#[repr(C)]
pub union Word {
    pub number: u32,
    pub bytes: [u8; 4],
}
#[repr(C)]
pub struct List {
    pub next: *mut List,
    pub point: Point,
    pub word: Word,
    pub call: Option<extern "C" fn(*const List, usize) -> i64>,
}
#[no_mangle]
pub extern "C" fn add(a: i32, b: i32) -> i32 {
    a.wrapping_add(b)
}
#[no_mangle]
pub extern "C" fn length(point: &Point, mode: Mode, word: Word) -> f64 {
    point.x as f64 + point.y
}
#[no_mangle]
pub unsafe extern "C" fn walk(list: *mut List, flag: bool, wide: u64) -> *const Point {
    &(*list).point
}
#[no_mangle]
pub static LIMIT: u16 = 12;
