//! The bytes of a file, decompressed if they are gzip.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::error::DataError;

/// Opens a file for [`decompressed`] reading.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    decompressed(BufReader::new(File::open(path)?))
}

/// `reader`, or what it holds if it begins as gzip does: the content decides, not the name.
pub(super) fn decompressed<'a>(mut reader: impl Read + 'a) -> Result<Box<dyn Read + 'a>, DataError> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let mut start = Vec::with_capacity(GZIP.len());
    reader.by_ref().take(GZIP.len() as u64).read_to_end(&mut start)?;
    let compressed = start == GZIP;
    let whole = io::Cursor::new(start).chain(reader);
    Ok(if compressed { Box::new(Gzip(MultiGzDecoder::new(whole))) } else { Box::new(whole) })
}

/// A decoder whose errors say what they are about.
struct Gzip<R>(MultiGzDecoder<R>);

impl<R: Read> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), "truncated: the gzip data end too early"),
            kind => io::Error::new(kind, format!("gzip: {error}")),
        })
    }
}
