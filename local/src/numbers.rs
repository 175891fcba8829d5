//! Numbers as people read them.

/// `1234567` as `1,234,567`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun: `1 row`, `2,000 rows`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// Bytes as `1.4 GB` (decimal, like the sizes of disks and links).
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) => {
            let tenths = u128::from(number) * 10 / u128::from(*size);
            format!("{}.{} {unit}", thousands(u64::try_from(tenths / 10).unwrap_or(u64::MAX)), tenths % 10)
        }
        None => counted(number, "byte"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (279_000_000, "279,000,000")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(1_200, "row"), "1,200 rows");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_467_000_000), "1.4 GB");
        assert_eq!(bytes(u64::MAX), "18,446,744.0 TB");
    }
}
