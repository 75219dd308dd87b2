//! From one open file into a parcel: line by line, as far as there is something and it fits.

use std::io;
use std::time::Instant;

use super::following::Following;
use crate::gather::Shelf;
use crate::parcel::{Parcel, Reach};
use crate::plan::cut;
use crate::tail::source::Wanted;

/// Read in one go from one file, so that no file waits for another.
const CHUNK: usize = 256 * 1024;

/// Puts lines into a parcel. `ended`: nothing is going to be added to the file; `at`: the time that lines carry. True: there
/// may be more.
pub fn read(
    file: &mut Following,
    wanted: &Wanted,
    ended: bool,
    parcel: &mut Parcel,
    shelf: &mut Shelf,
    now: Instant,
    at: i64,
) -> io::Result<bool> {
    let before = parcel.reach.get(&file.place.id).copied();
    if file.unread() == 0 || before.is_some_and(|reach| reach.closed) {
        return Ok(false);
    }
    let room = wanted.shape.room(shelf.limits.record);
    let enough = cut::enough(wanted.format, room);
    let mut wish = CHUNK;
    let filled = loop {
        shelf.bytes.resize(wish.max(shelf.bytes.len()), 0);
        let filled = file.chunk(&mut shelf.bytes[..wish])?;
        let whole = filled < wish || wish >= enough;
        let mut nothing = |_: &cut::Piece<'_>| {};
        let bytes = &shelf.bytes[..filled];
        let mut parts = file.parts;
        if whole || cut::next(wanted.format, bytes, false, room, &mut parts, &mut nothing).is_some() {
            break filled;
        }
        wish = enough;
    };
    // What may have been sent before goes alone, with the time that it had.
    let sent = file.place.sent;
    let is_again = file.read < sent;
    let at = match before {
        Some(reach) => reach.at,
        None if is_again => file.place.at,
        None => at,
    };
    let at_end = ended && file.read + filled as u64 >= file.place.size;
    let (mut used, mut progress) = (0, false);
    while used < filled && !parcel.full && !(is_again && file.read >= sent) {
        let (batch, object, within) = (&mut parcel.batch, &mut shelf.object, file.within);
        let (mut number, mut full, mut taken) = (0, false, within);
        let mut parts = file.parts;
        let mut emit = |piece: &cut::Piece<'_>| {
            if number >= within && !full {
                object.clear();
                wanted.shape.write(piece, at, is_again, object);
                full = !batch.push(object);
                taken += u32::from(!full);
            }
            number += 1;
        };
        let bytes = &shelf.bytes[used..filled];
        let Some(length) = cut::next(wanted.format, bytes, at_end, room, &mut parts, &mut emit) else {
            break;
        };
        progress |= taken > within;
        if is_again {
            parcel.resent += (taken - within) as usize;
        }
        parcel.full = full;
        if full {
            file.within = taken;
        } else {
            used += length;
            file.read += length as u64;
            file.parts = parts;
            file.within = 0;
        }
    }
    if progress {
        parcel.since.get_or_insert(now);
        let closed = is_again && file.read >= sent;
        let reach = Reach { read: file.read, parts: file.parts, within: file.within, at, closed };
        parcel.reach.insert(file.place.id, reach);
    }
    Ok(progress)
}
