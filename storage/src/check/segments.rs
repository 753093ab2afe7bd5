//! The batches of a segment in words, and their records.
//!
//! What must always hold: a batch is in memory only when its records are asked for; what a record unpacks to is cut at what is printed.

use std::io::{self, Write};
use std::path::Path;

use catena_protocol::batch::BatchHeader;
use catena_protocol::records::{RecordError, RecordReader};

use super::dump::DumpOptions;
use super::pieces::{Found, Pieces};
use crate::fs::{File, FileSystem, Open, read_full};

/// Bytes of a key or value that are printed.
const CONTENTS_MAX: usize = 1024;

/// Prints the batches of the file at `path`.
///
/// # Errors
/// Of the file system, unless the file is not there, which is said; of `out`.
pub fn file(fs: &dyn FileSystem, path: &Path, options: &DumpOptions, out: &mut dyn Write) -> io::Result<()> {
    let file = match fs.open(path, Open::Read) {
        Ok(file) => file,
        Err(error) if options.segment.is_some() => return Err(error),
        Err(error) => return writeln!(out, "segment {}: {error}", path.display()),
    };
    let len = file.len()?;
    writeln!(out, "segment {}, {len} bytes", path.display())?;
    let mut pieces = Pieces::new(file.clone(), len);
    let mut at = 0;
    loop {
        match pieces.batch(at)? {
            Found::End => return writeln!(out, "  end at position {at}"),
            Found::Nothing(error) => return writeln!(out, "  no batch at position {at}: {error}"),
            Found::Batch(header, is_good) => {
                writeln!(out, "{}", batch_line(at, &header, is_good))?;
                if options.records && is_good {
                    records(&*file, at, &header, options.contents, out)?;
                }
                at += header.size() as u64;
            }
        }
    }
}

fn batch_line(at: u64, header: &BatchHeader, is_good: bool) -> String {
    let (first, last, count) = (header.base_offset, header.last_offset(), header.record_count);
    let codec = match header.compression_id() {
        0 => "none".to_owned(),
        1 => "gzip".to_owned(),
        2 => "snappy".to_owned(),
        3 => "lz4".to_owned(),
        4 => "zstd".to_owned(),
        other => format!("unknown codec {other}"),
    };
    let crc = if is_good { "ok" } else { "WRONG" };
    let mut line = format!(
        "  position {at}, offsets {first} to {last}, {count} records, {codec}, timestamps {} to {}, leader epoch {}, {} \
         bytes, crc {crc}",
        header.base_timestamp,
        header.max_timestamp,
        header.partition_leader_epoch,
        header.size()
    );
    if header.has_producer_id() {
        let (id, epoch, sequence) = (header.producer_id, header.producer_epoch, header.base_sequence);
        line.push_str(&format!(", producer {id} epoch {epoch} sequence {sequence}"));
    }
    let flags = [
        (header.is_transactional(), ", transactional"),
        (header.is_control(), ", control"),
        (header.is_log_append_time(), ", LogAppendTime"),
        (header.delete_horizon_ms().is_some(), ", with a delete horizon"),
    ];
    flags.into_iter().filter(|(is_set, _)| *is_set).for_each(|(_, text)| line.push_str(text));
    line
}

fn records(file: &dyn File, at: u64, header: &BatchHeader, contents: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut batch = vec![0; header.size()];
    let read = read_full(file, &mut batch, at)?;
    batch.truncate(read);
    let mut write = |line: String| writeln!(out, "{line}");
    match each_record(&batch, contents, &mut write) {
        Ok(written) => written,
        Err(error) => write(format!("    {error}")),
    }
}

fn each_record(
    batch: &[u8],
    contents: bool,
    write: &mut dyn FnMut(String) -> io::Result<()>,
) -> Result<io::Result<()>, RecordError> {
    let mut reader = RecordReader::new(batch)?;
    while let Some(position) = reader.next().transpose()? {
        let (mut key, mut value) = (Field::default(), Field::default());
        key.is_there = reader.read_key(|bytes| key.take(bytes))?;
        value.is_there = reader.read_value(|bytes| value.take(bytes))?;
        let (offset, time) = (position.offset, position.timestamp);
        let (key, value) = (key.text(contents), value.text(contents));
        if let Err(error) = write(format!("    offset {offset}, timestamp {time}, key {key}, value {value}")) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// A key or a value.
#[derive(Default)]
struct Field {
    is_there: bool,
    len: u64,
    front: Vec<u8>,
}

impl Field {
    fn take(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        let room = CONTENTS_MAX.saturating_sub(self.front.len());
        self.front.extend(bytes.iter().take(room));
    }

    fn text(&self, contents: bool) -> String {
        let len = self.len;
        match (self.is_there, contents) {
            (false, _) => "null".to_owned(),
            (true, false) => format!("{len} bytes"),
            (true, true) => {
                let rest = if len > self.front.len() as u64 { "..." } else { "" };
                format!("{len} bytes \"{}\"{rest}", escaped(&self.front))
            }
        }
    }
}

/// Text as it is, without what would end the line or reach the terminal.
fn escaped(bytes: &[u8]) -> String {
    bytes.utf8_chunks().fold(String::new(), |mut text, chunk| {
        for part in chunk.valid().chars() {
            if part.is_control() || part == '"' || part == '\\' {
                text.extend(part.escape_default())
            } else {
                text.push(part)
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
        text
    })
}
