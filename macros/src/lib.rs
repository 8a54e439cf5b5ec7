//! The `#[kubetape::test]` attribute.
