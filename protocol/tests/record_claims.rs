//! The record reader against sizes that are only claimed. Alone in its process, whose address space is measured.

mod batches;
mod memory;

use batches::*;
use catena_protocol::records::RecordError;
use memory::address_space_peak;

/// Windows and buffers of fixed size.
const FIXED_MEMORY: usize = 12 << 20;

#[test]
fn claims_about_sizes_cost_no_memory() {
    let snappy = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x00, 0xfe, 0x01, 0x00].as_slice();
    let xerial = [b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\x7f\xff\xff\xff", snappy].concat();
    let lz4 = [0x04, 0x22, 0x4d, 0x18, 0x48, 0x70, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0xff, 0xff, 0xff];
    // A window of 2 GiB, and one of 128 MiB that zstd itself would take.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
    let wide = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00];
    let cases = [(SNAPPY, snappy), (SNAPPY, &xerial), (LZ4, &lz4), (ZSTD, &zstd), (ZSTD, &wide)];
    for (codec, payload) in cases {
        let batch = with_payload(&sample(2, 0), codec, payload);
        let before = address_space_peak();
        let result = positions(&batch);
        let claimed = address_space_peak() - before;
        assert!(matches!(result, Err(RecordError::Decompression(_) | RecordError::Truncated)), "{codec}: {result:?}");
        assert!(claimed <= FIXED_MEMORY, "codec {codec} asked for {claimed} bytes");
    }
}
