//! What real client programs send either converts or is refused by the name of a field that is there.
