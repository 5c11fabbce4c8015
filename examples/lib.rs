//! Programs to copy from; the examples themselves are the files beside this one.
