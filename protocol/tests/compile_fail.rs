//! Orders of steps that must not compile.

#[test]
fn the_types_forbid_unsafe_orders() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
