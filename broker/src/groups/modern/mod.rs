//! Groups whose members are assigned partitions by the server: consumer groups and share groups.

#[cfg_attr(not(test), expect(dead_code, reason = "the coordinator of these groups is to call them"))]
pub(super) mod assignors;
